namespace Earshot.Tokenizers;

/// <summary>The languages of Whisper: their codes in the order of their tokens, and their English names.</summary>
public static class WhisperLanguages
{
    static readonly (string Code, string Name)[] s_languages =
    [
        ("en", "english"), ("zh", "chinese"), ("de", "german"), ("es", "spanish"), ("ru", "russian"), ("ko", "korean"),
        ("fr", "french"), ("ja", "japanese"), ("pt", "portuguese"), ("tr", "turkish"), ("pl", "polish"), ("ca", "catalan"),
        ("nl", "dutch"), ("ar", "arabic"), ("sv", "swedish"), ("it", "italian"), ("id", "indonesian"), ("hi", "hindi"),
        ("fi", "finnish"), ("vi", "vietnamese"), ("he", "hebrew"), ("uk", "ukrainian"), ("el", "greek"), ("ms", "malay"),
        ("cs", "czech"), ("ro", "romanian"), ("da", "danish"), ("hu", "hungarian"), ("ta", "tamil"), ("no", "norwegian"),
        ("th", "thai"), ("ur", "urdu"), ("hr", "croatian"), ("bg", "bulgarian"), ("lt", "lithuanian"), ("la", "latin"),
        ("mi", "maori"), ("ml", "malayalam"), ("cy", "welsh"), ("sk", "slovak"), ("te", "telugu"), ("fa", "persian"),
        ("lv", "latvian"), ("bn", "bengali"), ("sr", "serbian"), ("az", "azerbaijani"), ("sl", "slovenian"), ("kn", "kannada"),
        ("et", "estonian"), ("mk", "macedonian"), ("br", "breton"), ("eu", "basque"), ("is", "icelandic"), ("hy", "armenian"),
        ("ne", "nepali"), ("mn", "mongolian"), ("bs", "bosnian"), ("kk", "kazakh"), ("sq", "albanian"), ("sw", "swahili"),
        ("gl", "galician"), ("mr", "marathi"), ("pa", "punjabi"), ("si", "sinhala"), ("km", "khmer"), ("sn", "shona"),
        ("yo", "yoruba"), ("so", "somali"), ("af", "afrikaans"), ("oc", "occitan"), ("ka", "georgian"), ("be", "belarusian"),
        ("tg", "tajik"), ("sd", "sindhi"), ("gu", "gujarati"), ("am", "amharic"), ("yi", "yiddish"), ("lo", "lao"),
        ("uz", "uzbek"), ("fo", "faroese"), ("ht", "haitian creole"), ("ps", "pashto"), ("tk", "turkmen"), ("nn", "nynorsk"),
        ("mt", "maltese"), ("sa", "sanskrit"), ("lb", "luxembourgish"), ("my", "myanmar"), ("bo", "tibetan"), ("tl", "tagalog"),
        ("mg", "malagasy"), ("as", "assamese"), ("tt", "tatar"), ("haw", "hawaiian"), ("ln", "lingala"), ("ha", "hausa"),
        ("ba", "bashkir"), ("jw", "javanese"), ("su", "sundanese"), ("yue", "cantonese"),
    ];

    // Names that people use, and codes that other versions of the standard or of the vocabulary use.
    static readonly Dictionary<string, string> s_aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        ["burmese"] = "my",
        ["valencian"] = "ca",
        ["flemish"] = "nl",
        ["haitian"] = "ht",
        ["letzeburgesch"] = "lb",
        ["pushto"] = "ps",
        ["panjabi"] = "pa",
        ["moldavian"] = "ro",
        ["moldovan"] = "ro",
        ["sinhalese"] = "si",
        ["castilian"] = "es",
        ["mandarin"] = "zh",
        ["iw"] = "he",
        ["jv"] = "jw",
        ["nb"] = "no",
        ["fil"] = "tl",
    };

    static readonly Dictionary<string, string> s_nameOfCode = s_languages.ToDictionary(
        l => l.Code, l => l.Name, StringComparer.OrdinalIgnoreCase);

    static readonly Dictionary<string, string> s_codeOfName = s_languages.ToDictionary(
        l => l.Name, l => l.Code, StringComparer.OrdinalIgnoreCase);

    /// <summary>All 100 codes; models before large-v3 know the first 99.</summary>
    public static IReadOnlyList<string> Codes { get; } = [.. s_languages.Select(l => l.Code)];

    /// <summary>The English name of a code, in lower case, such as <c>english</c>; null for an unknown code.</summary>
    public static string? NameOf(string code)
    {
        ArgumentNullException.ThrowIfNull(code);
        return TryParse(code, out var known) ? s_nameOfCode[known] : null;
    }

    /// <summary>The code of a language given by code (<c>en</c>, <c>en-US</c>) or English name (<c>English</c>).</summary>
    /// <exception cref="ModelException">No such language; the message lists what is near.</exception>
    public static string Parse(string language)
    {
        ArgumentNullException.ThrowIfNull(language);
        if (TryParse(language, out var code)) return code;
        var near = Near(language.Trim());
        throw new ModelException(
            $"Unknown language '{language}'. {(near.Count == 0 ? "" : $"Did you mean {string.Join(" or ", near)}? ")}" +
            "Give a code such as 'en' or an English name such as 'english'.");
    }

    /// <summary>The code of a language given by code or English name; false where there is no such language.</summary>
    public static bool TryParse(string language, out string code)
    {
        ArgumentNullException.ThrowIfNull(language);
        var text = language.Trim();
        code = Find(text) ?? Find(text.Split('-', '_')[0]) ?? "";
        return code.Length > 0;
    }

    static string? Find(string text)
    {
        if (s_nameOfCode.ContainsKey(text)) return text.ToLowerInvariant();
        return s_codeOfName.GetValueOrDefault(text) ?? s_aliases.GetValueOrDefault(text);
    }

    static List<string> Near(string text)
    {
        if (text.Length is 0 or > 40) return [];
        return [.. s_languages
            .Select(l => (l.Code, l.Name, Distance: EditDistance.OfText(text.ToLowerInvariant(), l.Name)))
            .Where(l => l.Distance <= 2 || text.Length >= 3 && l.Name.StartsWith(text, StringComparison.OrdinalIgnoreCase))
            .OrderBy(l => l.Distance)
            .Take(3)
            .Select(l => $"{l.Name} ({l.Code})")];
    }
}
