using System.Collections.Frozen;

namespace Earshot.Evaluation.Metrics;

/// <summary>British to American spelling, and what the leaderboard's rules add: variants of names, acronyms.</summary>
internal static class EnglishSpellings
{
    static readonly Lazy<FrozenDictionary<string, string>> Whisper = new(() => Load("whisper").ToFrozenDictionary());

    static readonly Lazy<FrozenDictionary<string, string>> Leaderboard = new(LoadWithNames);

    public static IReadOnlyDictionary<string, string> For(EnglishRules rules) =>
        rules == EnglishRules.Whisper ? Whisper.Value : Leaderboard.Value;

    /// <summary>
    /// Joins runs of single letters and digits ("b b c", "5 g"); runs with a or i, which are words, from three on.
    /// </summary>
    public static IEnumerable<string> JoinAcronyms(string[] words)
    {
        for (var i = 0; i < words.Length;)
        {
            var end = i;
            while (end < words.Length && words[end].Length == 1 && char.IsLetterOrDigit(words[end][0])) end++;
            var run = words[i..end];
            if (run.Length >= (run.Contains("a") || run.Contains("i") ? 3 : 2))
            {
                yield return string.Concat(run);
            }
            else
            {
                foreach (var word in run) yield return word;
            }
            if (end == i) yield return words[end++];
            i = end;
        }
    }

    static FrozenDictionary<string, string> LoadWithNames()
    {
        var spellings = Load("leaderboard");
        var names = MetricsData.ReadRows("english-names.tsv").ToDictionary(row => row[0], row => row[1]);
        // Names are looked up after spellings, so a respelled word may be a name's variant.
        foreach (var (word, american) in spellings) spellings[word] = names.GetValueOrDefault(american, american);
        foreach (var (variant, name) in names) spellings.TryAdd(variant, name);
        return spellings.ToFrozenDictionary();
    }

    static Dictionary<string, string> Load(string rules) =>
        MetricsData.ReadRows("english-spellings.tsv")
            .Where(row => row.Length == 2 || row[2] == rules)
            .ToDictionary(row => row[0], row => row[1]);
}
