namespace Earshot.Evaluation.Metrics;

/// <summary>
/// The normaliser for languages other than English, equal in effect to Whisper's BasicTextNormalizer: lower case, without
/// what stands in brackets, with symbols and punctuation as spaces. The result has no white space at its ends.
/// </summary>
public sealed class BasicTextNormalizer : ITextNormalizer
{
    /// <summary>Drops diacritics: é becomes e, ø becomes o.</summary>
    public bool RemoveDiacritics { get; init; }

    /// <summary>
    /// Keeps the marks that no composed letter takes up. Whisper's normaliser makes them spaces, which tears the words of Hindi,
    /// Thai or Tamil apart at their vowel signs; without effect when diacritics are dropped.
    /// </summary>
    public bool KeepMarks { get; init; }

    /// <summary>Puts a space between all characters (grapheme clusters), so that a word error rate counts characters.</summary>
    public bool SplitLetters { get; init; }

    public string Normalize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var cleaned = TextCleaning.RemoveBracketed(TextCleaning.Lower(text));
        cleaned = RemoveDiacritics ? TextCleaning.RemoveSymbolsAndDiacritics(cleaned) : TextCleaning.RemoveSymbols(cleaned, KeepMarks);
        cleaned = TextCleaning.Lower(cleaned);
        if (SplitLetters) cleaned = string.Join(' ', TextUnits.Graphemes.Split(cleaned));
        return TextCleaning.CollapseSpaces(cleaned).Trim();
    }
}
