using System.Globalization;
using System.Text;

namespace Earshot.Tokenizers;

/// <summary>
/// Cuts text into the pieces that merges never cross, as GPT-2 does:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>,
/// by code points, where .NET's own expressions would see halves of surrogate pairs.
/// </summary>
static class PreTokenizer
{
    enum Kind { Space, Letter, Number, Other }

    /// <summary>The length, in chars, of the piece that text (not empty) begins with.</summary>
    public static int PieceLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && Contraction(text[1..]) is var contraction and > 0) return 1 + contraction;
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

    /// <summary>The length of the run of one kind, and that of its last code point.</summary>
    static int RunLength(ReadOnlySpan<char> text, Kind kind, out int last)
    {
        int length = 0;
        last = 0;
        while (length < text.Length && KindAt(text[length..], out int size) == kind)
        {
            length += size;
            last = size;
        }
        return length;
    }

    static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        Rune.DecodeFromUtf16(text, out var rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
    }
}
