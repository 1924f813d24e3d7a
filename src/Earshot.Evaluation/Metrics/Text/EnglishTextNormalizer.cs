using System.Text.RegularExpressions;

namespace Earshot.Evaluation.Metrics;

/// <summary>Which published rules an <see cref="EnglishTextNormalizer"/> follows.</summary>
public enum EnglishRules
{
    /// <summary>
    /// openai/whisper's normaliser, with which Whisper's and the Open ASR leaderboard's figures until 2025 were computed.
    /// </summary>
    Whisper,
    /// <summary>
    /// The Open ASR leaderboard of 2026: more fillers, 's expanded after pronouns and question words only, compound words,
    /// variants of names, and spelled-out acronyms as one word. Its scores also join compounds:
    /// <see cref="TextScoringOptions.JoinCompounds"/>.
    /// </summary>
    OpenAsrLeaderboard,
}

/// <summary>
/// The normaliser for English: no fillers and brackets, contractions and titles in full, numbers as digits, American spelling,
/// no punctuation and diacritics. Equal in effect to the reference's, but for white space at the ends, which it drops.
/// </summary>
/// <remarks>
/// One entry of Whisper's spelling list is damaged (archaeology becomes a piece of HTML); here it becomes archeology.
/// Like the reference it leaves "ninth" as a word, as its rule for ordinals spells it "nineth".
/// </remarks>
public sealed partial class EnglishTextNormalizer : ITextNormalizer
{
    readonly EnglishRules _rules;
    readonly IReadOnlyDictionary<string, string> _spellings;

    public EnglishTextNormalizer(EnglishRules rules = EnglishRules.Whisper)
    {
        if (!Enum.IsDefined(rules)) throw new ArgumentOutOfRangeException(nameof(rules), rules, "Not one of the rule sets.");
        _rules = rules;
        _spellings = EnglishSpellings.For(rules);
    }

    public string Normalize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var s = TextCleaning.RemoveBracketed(TextCleaning.Lower(text));
        s = (_rules == EnglishRules.Whisper ? WhisperFillers() : LeaderboardFillers()).Replace(s, "");
        s = SpaceBeforeApostrophe().Replace(s, "'");
        s = EnglishContractions.Expand(s, _rules);
        s = CommaInNumber().Replace(s, "$1$2");
        s = PeriodOutsideNumber().Replace(s, " $1");
        s = TextCleaning.RemoveSymbolsAndDiacritics(s, keep: ".%$¢€£");
        if (_rules == EnglishRules.OpenAsrLeaderboard) s = EnglishContractions.JoinCompounds(s);
        s = EnglishNumbers.Normalize(s);
        s = Respell(s);
        s = SymbolBeforeText().Replace(s, " $1");
        s = PercentAfterText().Replace(s, "$1 ");
        return TextCleaning.CollapseSpaces(s).Trim();
    }

    string Respell(string text)
    {
        var words = TextUnits.Words.Split(text).Select(word => _spellings.GetValueOrDefault(word, word));
        return string.Join(' ', _rules == EnglishRules.OpenAsrLeaderboard ? EnglishSpellings.JoinAcronyms([.. words]) : words);
    }

    const string Before = @"(?<![\p{L}\p{N}_])", After = @"(?![\p{L}\p{N}_])";

    [GeneratedRegex(Before + "(?:hmm|mm|mhm|mmm|uh|um)" + After)]
    private static partial Regex WhisperFillers();

    [GeneratedRegex(Before + "(?:hmm|mm|mhm|mmm|uh|um|ah|aha|ahh|ahm|eh|ehehe|em|hm|huh|hum|mhum|uhm|umm|uhuh)" + After)]
    private static partial Regex LeaderboardFillers();

    [GeneratedRegex(@"(?<!\s)\s+'")]
    private static partial Regex SpaceBeforeApostrophe();

    [GeneratedRegex(@"(\d),(\d)")]
    private static partial Regex CommaInNumber();

    [GeneratedRegex(@"\.([^0-9]|$)")]
    private static partial Regex PeriodOutsideNumber();

    [GeneratedRegex(@"[.$¢€£]([^0-9])")]
    private static partial Regex SymbolBeforeText();

    [GeneratedRegex(@"([^0-9])%")]
    private static partial Regex PercentAfterText();
}
