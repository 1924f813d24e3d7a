using System.Globalization;
using System.Text;

namespace Earshot.Evaluation.Metrics;

/// <summary>What a text is cut into before it is compared.</summary>
public enum TextUnits
{
    /// <summary>What stands between white space: the unit of WER.</summary>
    Words,
    /// <summary>Code points, with a space between words as one unit: the unit of CER as jiwer counts it.</summary>
    Characters,
    /// <summary>
    /// What a reader sees as one character (grapheme clusters), without white space: Whisper's rule for languages that write no spaces.
    /// </summary>
    Graphemes,
    /// <summary>
    /// Grapheme clusters in scripts that write no spaces (Han, kana, Thai, Lao, Burmese, Khmer), words in all others:
    /// the unit of the mixed error rate of code-switched speech.
    /// </summary>
    Mixed,
}

/// <summary>Cuts texts into units.</summary>
public static class TextUnitsExtensions
{
    static readonly HashSet<string> Unspaced = new(StringComparer.OrdinalIgnoreCase)
    {
        "zh", "zho", "cmn", "chinese", "yue", "cantonese", "ja", "jpn", "japanese", "th", "tha", "thai",
        "lo", "lao", "my", "mya", "burmese", "myanmar", "km", "khm", "khmer",
    };

    /// <summary>
    /// <see cref="TextUnits.Mixed"/> for Chinese, Cantonese, Japanese, Thai, Lao, Burmese and Khmer (so that a Latin word inside
    /// Chinese stays one word), <see cref="TextUnits.Words"/> for all others; takes codes such as "zh", "zh-TW" and English names.
    /// </summary>
    public static TextUnits ForLanguage(string? language)
    {
        return language is not null && Unspaced.Contains(Primary(language)) ? TextUnits.Mixed : TextUnits.Words;
    }

    internal static bool IsEnglish(string? language) =>
        language is not null && Primary(language).ToLowerInvariant() is "en" or "eng" or "english";

    /// <summary>
    /// The units of a text, in order; white space around and between words never makes a unit, but for <see cref="TextUnits.Characters"/>.
    /// </summary>
    public static IReadOnlyList<string> Split(this TextUnits units, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return units switch
        {
            TextUnits.Words => Words(text),
            TextUnits.Characters => Characters(text),
            TextUnits.Graphemes => Graphemes(text, unspacedOnly: false),
            TextUnits.Mixed => Graphemes(text, unspacedOnly: true),
            _ => throw new ArgumentOutOfRangeException(nameof(units), units, "Not one of the text units."),
        };
    }

    /// <summary>"zh" of "zh-TW".</summary>
    static string Primary(string language)
    {
        var cut = language.AsSpan().IndexOfAny('-', '_');
        return cut < 0 ? language : language[..cut];
    }

    static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    static List<string> Characters(string text)
    {
        var units = new List<string>(text.Length);
        foreach (var word in Words(text))
        {
            if (units.Count > 0) units.Add(" ");
            foreach (var rune in word.EnumerateRunes()) units.Add(rune.ToString());
        }
        return units;
    }

    static List<string> Graphemes(string text, bool unspacedOnly)
    {
        var units = new List<string>(text.Length);
        foreach (var word in Words(text))
        {
            var started = -1; // where a run of other scripts, kept as a word, began
            for (var at = 0; at < word.Length;)
            {
                var length = StringInfo.GetNextTextElementLength(word, at);
                var alone = !unspacedOnly || (Rune.TryGetRuneAt(word, at, out var rune) && IsUnspaced(rune.Value));
                if (alone)
                {
                    if (started >= 0) units.Add(word[started..at]);
                    started = -1;
                    units.Add(word.Substring(at, length));
                }
                else if (started < 0)
                {
                    started = at;
                }
                at += length;
            }
            if (started >= 0) units.Add(word[started..]);
        }
        return units;
    }

    /// <summary>Whether a code point belongs to a script that is written without spaces between words.</summary>
    internal static bool IsUnspaced(int codePoint) => codePoint switch
    {
        >= 0x0E00 and <= 0x0EFF => true,   // Thai, Lao
        >= 0x1000 and <= 0x109F => true,   // Myanmar
        >= 0x1780 and <= 0x17FF => true,   // Khmer
        >= 0x19E0 and <= 0x19FF => true,   // Khmer symbols
        >= 0x2E80 and <= 0x2FDF => true,   // radicals
        >= 0x3005 and <= 0x3007 => true,   // iteration mark, closing mark, zero
        >= 0x3021 and <= 0x3029 => true,   // Hangzhou numerals
        >= 0x3031 and <= 0x3035 => true,   // kana repeat marks
        >= 0x3041 and <= 0x30FF => true,   // hiragana, katakana
        >= 0x3105 and <= 0x312F => true,   // bopomofo
        >= 0x31A0 and <= 0x31FF => true,   // bopomofo and katakana extensions
        >= 0x3400 and <= 0x4DBF => true,   // Han
        >= 0x4E00 and <= 0x9FFF => true,
        >= 0xA9E0 and <= 0xA9FF => true,   // Myanmar extensions
        >= 0xAA60 and <= 0xAA7F => true,
        >= 0xF900 and <= 0xFAFF => true,   // Han compatibility
        >= 0xFF66 and <= 0xFF9F => true,   // half-width katakana
        >= 0x1B000 and <= 0x1B16F => true, // kana supplements
        >= 0x20000 and <= 0x3FFFF => true, // Han extensions
        _ => false,
    };
}
