using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Cuts text into the pieces that merges never cross, as GPT-2 does:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>,
/// by code points, where .NET's own expressions would see halves of surrogate pairs; and, as newer models do it,
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// Each character is looked at a few times at most, whatever the text.
/// </summary>
static class PreTokenizer
{
    enum Kind { Space, Letter, Number, Other }

    /// <summary>The length, in chars, of the piece that text (not empty) begins with.</summary>
    public static int PieceLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text[1..]) is var contraction and > 0) return 1 + contraction;
        return Words(text);
    }

    /// <summary>The same by the newer expression, whose pieces of digits have at most so many.</summary>
    public static int PieceLength(ReadOnlySpan<char> text, int digits)
    {
        if (text[0] == '\'' && ContractionOfAnyCase(text[1..]) is var contraction and > 0) return 1 + contraction;
        var kind = KindAt(text, out int first);
        if (kind == Kind.Letter) return RunLength(text, Kind.Letter, out _);
        if (kind == Kind.Number) return RunLength(text, Kind.Number, out _, digits);
        bool isBreak = text[0] is '\r' or '\n';
        if (!isBreak && first < text.Length && KindAt(text[first..], out _) == Kind.Letter)
            return first + RunLength(text[first..], Kind.Letter, out _);
        int lead = text[0] == ' ' ? 1 : 0;
        if (lead < text.Length && KindAt(text[lead..], out _) == Kind.Other)
        {
            int end = lead + RunLength(text[lead..], Kind.Other, out _);
            while (end < text.Length && text[end] is '\r' or '\n') end++;
            return end;
        }
        return Spaces(text);
    }

    /// <summary>Up to the last line break of a run of spaces, else all but the last, which belongs to what follows.</summary>
    static int Spaces(ReadOnlySpan<char> text)
    {
        int run = RunLength(text, Kind.Space, out int last);
        int lineBreak = text[..run].LastIndexOfAny('\r', '\n');
        if (lineBreak >= 0) return lineBreak + 1;
        return run == text.Length || run == last ? run : run - last;
    }

    static int Words(ReadOnlySpan<char> text)
    {
        int lead = text[0] == ' ' ? 1 : 0;
        if (lead == text.Length) return lead;
        var kind = KindAt(text[lead..], out _);
        if (kind != Kind.Space) return lead + RunLength(text[lead..], kind, out _);
        int run = RunLength(text, Kind.Space, out int last);
        // The last space of a run belongs to what follows, unless it is all there is.
        return run == text.Length || run == last ? run : run - last;
    }

    static int Contraction(ReadOnlySpan<char> rest) => rest switch
    {
        ['s' or 't' or 'm' or 'd', ..] => 1,
        ['r', 'e', ..] or ['v', 'e', ..] or ['l', 'l', ..] => 2,
        _ => 0,
    };

    // Of all letters beyond ASCII, only the long s has one of these as its other case.
    static int ContractionOfAnyCase(ReadOnlySpan<char> rest)
    {
        Span<char> lower = stackalloc char[2];
        lower.Clear();
        for (int i = 0; i < Math.Min(2, rest.Length); i++)
            lower[i] = rest[i] == '\u017F' ? 's' : (char)(rest[i] | (rest[i] < 128 ? 32 : 0));
        return Contraction(lower);
    }

    /// <summary>The length of the digit or other number that text begins with, 0 where it begins with none.</summary>
    public static int NumberLength(ReadOnlySpan<char> text) => KindAt(text, out int length) == Kind.Number ? length : 0;

    /// <summary>How far it is to the first number.</summary>
    public static int LengthWithoutNumbers(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && KindAt(text[length..], out int size) != Kind.Number) length += size;
        return length;
    }

    /// <summary>The length of the run of one kind, and that of its last code point.</summary>
    static int RunLength(ReadOnlySpan<char> text, Kind kind, out int last, int most = int.MaxValue)
    {
        int length = 0;
        last = 0;
        while (length < text.Length && most-- > 0 && KindAt(text[length..], out int size) == kind)
        {
            length += size;
            last = size;
        }
        return length;
    }

    static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        if (text[0] < 128)
        {
            length = 1;
            char c = text[0];
            return char.IsAsciiLetter(c) ? Kind.Letter : char.IsAsciiDigit(c) ? Kind.Number : c is ' ' or (>= '\t' and <= '\r')
                ? Kind.Space : Kind.Other;
        }
        Rune.DecodeFromUtf16(text, out var rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
    }
}
