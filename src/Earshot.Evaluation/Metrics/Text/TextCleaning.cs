using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Earshot.Tokenizers;

namespace Earshot.Evaluation.Metrics;

/// <summary>The steps that Whisper's basic and English normalisers share (openai/whisper, whisper/normalizers/basic.py).</summary>
internal static partial class TextCleaning
{
    /// <summary>
    /// Lower case as Unicode's full mapping gives it where it differs from one letter for one letter:
    /// İ becomes i with a dot above, and a Σ that ends a word ς.
    /// </summary>
    public static string Lower(string text)
    {
        if (Ascii.IsValid(text)) return text.ToLowerInvariant();
        var lower = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == 'İ') lower.Append("i\u0307");
            else if (text[i] == 'Σ') lower.Append(EndsWord(text, i) ? 'ς' : 'σ');
            else if (char.IsSurrogatePair(text, i)) lower.Append(Rune.ToLowerInvariant(Rune.GetRuneAt(text, i++)).ToString());
            else lower.Append(char.ToLowerInvariant(text[i]));
        }
        return lower.ToString();
    }

    /// <summary>Drops &lt;…&gt;, […] and (…), with what is in them; either bracket of the first two closes either.</summary>
    public static string RemoveBracketed(string text) =>
        RemoveEnclosed(RemoveEnclosed(text, "<[", ">]", mayBeEmpty: true), "(", ")", mayBeEmpty: false);

    public static string CollapseSpaces(string text) => Spaces().Replace(text, " ");

    /// <summary>Marks, symbols and punctuation become spaces in composed text (NFKC); diacritics that compose stay.</summary>
    public static string RemoveSymbols(string text, bool keepMarks)
    {
        var cleaned = new StringBuilder(text.Length);
        foreach (var rune in UnicodeNormalization.Compose(WithoutLoneSurrogates(text)).EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (IsSymbol(category) || (IsMark(category) && !keepMarks)) cleaned.Append(' ');
            else cleaned.Append(rune.ToString());
        }
        return cleaned.ToString();
    }

    /// <summary>
    /// Symbols and punctuation become spaces and diacritics go, in decomposed text (NFKD); characters of <paramref name="keep"/> stay.
    /// </summary>
    public static string RemoveSymbolsAndDiacritics(string text, string keep = "")
    {
        var cleaned = new StringBuilder(text.Length);
        foreach (var rune in UnicodeNormalization.Decompose(WithoutLoneSurrogates(text)).EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (rune.IsBmp && keep.Contains((char)rune.Value, StringComparison.Ordinal)) cleaned.Append((char)rune.Value);
            else if (Undecomposed(rune.Value) is { } letters) cleaned.Append(letters);
            else if (category == UnicodeCategory.NonSpacingMark) continue;
            else if (IsMark(category) || IsSymbol(category)) cleaned.Append(' ');
            else cleaned.Append(rune.ToString());
        }
        return cleaned.ToString();
    }

    /// <summary>From an opening character to the next closing one; in linear time, whatever the text.</summary>
    static string RemoveEnclosed(string text, string opening, string closing, bool mayBeEmpty)
    {
        if (text.AsSpan().IndexOfAny(opening) < 0) return text;
        var kept = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var length = text.AsSpan(at).IndexOfAny(opening);
            var inside = length < 0 ? -1 : text.AsSpan(at + length + 1).IndexOfAny(closing);
            if (inside < 0) return kept.Append(text, at, text.Length - at).ToString();
            kept.Append(text, at, length);
            at += length + 1;
            if (inside == 0 && !mayBeEmpty) kept.Append(text[at - 1]);
            else at += inside + 1;
        }
        return kept.ToString();
    }

    /// <summary>Latin letters that no normal form takes apart.</summary>
    static string? Undecomposed(int point) => point switch
    {
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'æ' => "ae",
        'Æ' => "AE",
        'ß' => "ss",
        'ẞ' => "SS",
        'đ' or 'ð' => "d",
        'Đ' or 'Ð' => "D",
        'þ' or 'Þ' => "th",
        'ł' => "l",
        'Ł' => "L",
        _ => null,
    };

    static bool IsMark(UnicodeCategory category) =>
        category is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    static bool IsSymbol(UnicodeCategory category) =>
        category is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherSymbol;

    /// <summary>After a letter and before none, marks aside.</summary>
    static bool EndsWord(string text, int at)
    {
        var before = at - 1;
        while (before >= 0 && IsMark(char.GetUnicodeCategory(text[before]))) before--;
        var after = at + 1;
        while (after < text.Length && IsMark(char.GetUnicodeCategory(text[after]))) after++;
        return before >= 0 && char.IsLetter(text[before]) && !(after < text.Length && char.IsLetter(text[after]));
    }

    /// <summary>Half a surrogate pair becomes U+FFFD, a symbol.</summary>
    static string WithoutLoneSurrogates(string text) =>
        text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? text : string.Concat(text.EnumerateRunes());

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
