using System.Collections.Frozen;
using System.Numerics;

namespace Earshot.Evaluation.Metrics;

/// <summary>The words of English numbers and what they stand for.</summary>
internal static class EnglishNumberWords
{
    static readonly string[] OneToNineteen =
    [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    static readonly string[] TwentyToNinety = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    static readonly string[] Powers =
    [
        "thousand", "million", "billion", "trillion", "quadrillion", "quintillion",
        "sextillion", "septillion", "octillion", "nonillion", "decillion",
    ];

    public static FrozenSet<string> Zeros { get; } = new[] { "o", "oh", "zero" }.ToFrozenSet();

    public static FrozenDictionary<string, int> Ones { get; } =
        OneToNineteen.Select((name, i) => (name, i + 1)).ToFrozenDictionary(pair => pair.name, pair => pair.Item2);

    public static FrozenDictionary<string, int> Tens { get; } =
        TwentyToNinety.Select((name, i) => (name, (i + 2) * 10)).ToFrozenDictionary(pair => pair.name, pair => pair.Item2);

    public static FrozenDictionary<string, BigInteger> Multipliers { get; } = Powers
        .Select((name, i) => (name, value: BigInteger.Pow(1000, i + 1)))
        .Append(("hundred", 100))
        .ToFrozenDictionary(pair => pair.Item1, pair => pair.Item2);

    /// <summary>Plurals and ordinals of one to nineteen, and zeroth: the number and the ending that stays.</summary>
    public static FrozenDictionary<string, (int Value, string Ending)> OnesWithEnding { get; } = SuffixedOnes().ToFrozenDictionary();

    public static FrozenDictionary<string, (int Value, string Ending)> TensWithEnding { get; } = Tens
        .SelectMany(pair => new[]
        {
            KeyValuePair.Create(pair.Key[..^1] + "ies", (pair.Value, "s")),
            KeyValuePair.Create(pair.Key[..^1] + "ieth", (pair.Value, "th")),
        })
        .ToFrozenDictionary();

    public static FrozenDictionary<string, (BigInteger Value, string Ending)> MultipliersWithEnding { get; } = Multipliers
        .SelectMany(pair => new[]
        {
            KeyValuePair.Create(pair.Key + "s", (pair.Value, "s")),
            KeyValuePair.Create(pair.Key + "th", (pair.Value, "th")),
        })
        .ToFrozenDictionary();

    /// <summary>Words before a number that become its sign.</summary>
    public static FrozenDictionary<string, string> Signs { get; } = new Dictionary<string, string>
    {
        ["minus"] = "-",
        ["negative"] = "-",
        ["plus"] = "+",
        ["positive"] = "+",
    }.ToFrozenDictionary();

    /// <summary>Words after a number that become a symbol before it.</summary>
    public static FrozenDictionary<string, string> Currencies { get; } = new Dictionary<string, string>
    {
        ["pound"] = "£",
        ["pounds"] = "£",
        ["euro"] = "€",
        ["euros"] = "€",
        ["dollar"] = "$",
        ["dollars"] = "$",
        ["cent"] = "¢",
        ["cents"] = "¢",
    }.ToFrozenDictionary();

    /// <summary>The symbols that a written number may begin with.</summary>
    public const string Prefixes = "-+£€$¢";

    static readonly FrozenSet<string> Others = new[] { "per", "percent", "and", "double", "triple", "point" }.ToFrozenSet();

    /// <summary>Whether a word can be part of a spelled-out number.</summary>
    public static bool Contains(string? word) => word is not null
        && (Zeros.Contains(word) || Ones.ContainsKey(word) || OnesWithEnding.ContainsKey(word)
            || Tens.ContainsKey(word) || TensWithEnding.ContainsKey(word)
            || Multipliers.ContainsKey(word) || MultipliersWithEnding.ContainsKey(word)
            || Signs.ContainsKey(word) || Currencies.ContainsKey(word) || Others.Contains(word));

    /// <summary>Whether a word may follow "point".</summary>
    public static bool IsDecimal(string? word) =>
        word is not null && (Ones.ContainsKey(word) || Tens.ContainsKey(word) || Zeros.Contains(word));

    static Dictionary<string, (int, string)> SuffixedOnes()
    {
        var words = new Dictionary<string, (int, string)>
        {
            ["zeroth"] = (0, "th"),
            ["first"] = (1, "st"),
            ["second"] = (2, "nd"),
            ["third"] = (3, "rd"),
            ["fifth"] = (5, "th"),
            ["twelfth"] = (12, "th"),
        };
        foreach (var (name, value) in Ones)
        {
            words[name == "six" ? "sixes" : name + "s"] = (value, "s");
            if (value > 3 && value is not (5 or 12)) words[name + (name[^1] == 't' ? "h" : "th")] = (value, "th");
        }
        return words;
    }
}
