using System.Text.RegularExpressions;

namespace Earshot.Evaluation.Metrics;

/// <summary>Contractions and titles in full, in the order in which the reference applies them.</summary>
internal static class EnglishContractions
{
    const string Before = @"(?<![\p{L}\p{N}_])", After = @"(?![\p{L}\p{N}_])";

    static readonly (string From, string To)[] Words =
    [
        ("won't", "will not"), ("can't", "can not"), ("let's", "let us"), ("ain't", "aint"), ("y'all", "you all"),
        ("wanna", "want to"), ("gotta", "got to"), ("gonna", "going to"), ("i'ma", "i am going to"), ("imma", "i am going to"),
        ("woulda", "would have"), ("coulda", "could have"), ("shoulda", "should have"), ("ma'am", "madam"),
    ];

    static readonly (string From, string To)[] Titles =
    [
        ("mr", "mister"), ("mrs", "missus"), ("st", "saint"), ("dr", "doctor"), ("prof", "professor"), ("capt", "captain"),
        ("gov", "governor"), ("ald", "alderman"), ("gen", "general"), ("sen", "senator"), ("rep", "representative"),
        ("pres", "president"), ("rev", "reverend"), ("hon", "honorable"), ("asst", "assistant"), ("assoc", "associate"),
        ("lt", "lieutenant"), ("col", "colonel"), ("jr", "junior"), ("sr", "senior"), ("esq", "esquire"),
    ];

    static readonly (string From, string To)[] Endings =
    [
        ("'d been", "had been"), ("'s been", "has been"), ("'d gone", "had gone"), ("'s gone", "has gone"), ("'d done", "had done"),
        ("'s got", "has got"), ("n't", "not"), ("'re", "are"), ("'s", "is"), ("'d", "would"), ("'ll", "will"), ("'t", "not"),
        ("'ve", "have"), ("'m", "am"),
    ];

    static readonly (string From, string To)[] Compounds =
    [
        ("et cetera", "etc"), ("al right", "alright"), ("all right", "alright"), ("how ever", "however"), ("wi fi", "wifi"),
        ("hi fi", "hifi"), ("lo fi", "lofi"), ("sci fi", "scifi"), ("e mail", "email"), ("e book", "ebook"), ("e commerce", "ecommerce"),
        ("x ray", "xray"), ("t shirt", "tshirt"), ("a m", "am"), ("p m", "pm"), ("o k", "okay"),
    ];

    // The words that 's follows as "is" (not as a genitive) by the leaderboard's rules.
    const string IsSubjects = "(it|he|she|what|that|who|here|there|how|when|where|why|this)";

    static readonly (Regex Pattern, string Replacement)[] WhisperRules = Rules(EnglishRules.Whisper);

    static readonly (Regex Pattern, string Replacement)[] LeaderboardRules = Rules(EnglishRules.OpenAsrLeaderboard);

    static readonly (Regex Pattern, string Replacement)[] CompoundRules =
        [.. Compounds.Select(pair => (new Regex(Before + pair.From.Replace(" ", @"\s+", StringComparison.Ordinal) + After), pair.To))];

    public static string Expand(string text, EnglishRules rules) =>
        Apply(rules == EnglishRules.Whisper ? WhisperRules : LeaderboardRules, text);

    public static string JoinCompounds(string text) => Apply(CompoundRules, text);

    static string Apply((Regex Pattern, string Replacement)[] rules, string text)
    {
        foreach (var (pattern, replacement) in rules) text = pattern.Replace(text, replacement);
        return text;
    }

    static (Regex, string)[] Rules(EnglishRules rules) =>
    [
        .. Words.Select(pair => (new Regex(Before + pair.From + After), pair.To)),
        .. Titles.Select(pair => (new Regex(Before + pair.From + After), pair.To + " ")),
        .. Endings.Select(pair => pair.From == "'s" && rules == EnglishRules.OpenAsrLeaderboard
            ? (new Regex(Before + IsSubjects + "'s" + After), "$1 is")
            : (new Regex(pair.From + After), " " + pair.To)),
    ];
}
