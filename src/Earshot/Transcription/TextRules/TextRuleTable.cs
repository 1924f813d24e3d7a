using System.Text;

namespace Earshot.Transcription;

/// <summary>What is particular about writing a language.</summary>
/// <param name="IsUnspaced">Whether no spaces stand between the characters of its own script.</param>
sealed record LanguageWriting(bool IsUnspaced = false)
{
    /// <summary>Punctuation by the form that it takes the place of.</summary>
    public IReadOnlyDictionary<char, char> Punctuation { get; init; } = new Dictionary<char, char>();

    /// <summary>
    /// Whether <see cref="Punctuation"/> is for text in the language's own script only, so that a foreign word keeps its own.
    /// </summary>
    public bool PunctuatesOwnScript { get; init; }

    /// <summary>The language's own 0, after which its digits follow; null where they are 0 to 9.</summary>
    public char? Zero { get; init; }

    /// <summary>Whether i and ı are two letters with capitals İ and I.</summary>
    public bool HasDotlessI { get; init; }
}

/// <summary>The table of languages that <see cref="TextRules"/> go by; others are written with spaces and as they come.</summary>
static class TextRuleTable
{
    const string Ascii = ",.?!:;";

    static readonly LanguageWriting s_arabic = new()
    {
        Punctuation = Pairs(",;?", "،؛؟"),
        Zero = '٠',
    };

    static readonly LanguageWriting s_persian = s_arabic with { Zero = '۰' };

    static readonly LanguageWriting s_chinese = new(IsUnspaced: true)
    {
        Punctuation = Pairs(Ascii, "，。？！：；"),
        PunctuatesOwnScript = true,
    };

    static readonly LanguageWriting s_turkic = new() { HasDotlessI = true };

    static readonly LanguageWriting s_other = new();

    static readonly Dictionary<string, LanguageWriting> s_languages = new(StringComparer.Ordinal)
    {
        ["zh"] = s_chinese,
        ["yue"] = s_chinese,
        ["ja"] = s_chinese with { Punctuation = Pairs(Ascii, "、。？！：；") },
        // Hangul has spaces between words, and the same punctuation as Latin: full-width forms are a recogniser's slip.
        ["ko"] = new() { Punctuation = Pairs("，。？！：；、", ",.?!:;,") },
        // Thai, Lao, Khmer and Burmese part phrases by spaces, which stay.
        ["th"] = new() { Zero = '๐' },
        ["lo"] = new() { Zero = '໐' },
        ["km"] = new() { Zero = '០' },
        ["my"] = new() { Zero = '၀' },
        ["ar"] = s_arabic,
        ["fa"] = s_persian,
        ["ps"] = s_persian,
        ["sd"] = s_persian,
        ["ur"] = s_persian with { Punctuation = Pairs(",;?.", "،؛؟۔") },
        ["hi"] = new() { Zero = '०' },
        ["mr"] = new() { Zero = '०' },
        ["ne"] = new() { Zero = '०' },
        ["bn"] = new() { Zero = '০' },
        ["tr"] = s_turkic,
        ["az"] = s_turkic,
    };

    /// <summary>The codes of the languages that are in the table.</summary>
    public static IReadOnlyCollection<string> Languages => s_languages.Keys;

    /// <summary>How a language is written; plain where it is not known.</summary>
    public static LanguageWriting Of(string? language) =>
        language is not null && s_languages.TryGetValue(language, out var writing) ? writing : s_other;

    /// <summary>Han, kana and what stands with them: scripts without spaces.</summary>
    internal static bool IsUnspaced(Rune rune) => rune.Value
        is (>= 0x2E80 and <= 0x30FF) or (>= 0x31F0 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0xFF01 and <= 0xFF60) or (>= 0xFF66 and <= 0xFF9F) or (>= 0x20000 and <= 0x323AF);

    /// <summary>What readers do without: see <see cref="TextRules.StripMarks"/>.</summary>
    internal static bool IsMark(Rune rune) => rune.Value
        is (>= 0x064B and <= 0x0652) or 0x0670 or 0x0640 // Arabic: vowels, alef above, lengthening stroke
        or (>= 0x0591 and <= 0x05BD) or 0x05BF or 0x05C1 or 0x05C2 or 0x05C4 or 0x05C5 or 0x05C7 // Hebrew: accents and points
        or 0x200E or 0x200F or 0x061C or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069); // direction

    static Dictionary<char, char> Pairs(string from, string to) => from.Zip(to).ToDictionary(pair => pair.First, pair => pair.Second);
}
