using System.Globalization;
using System.Text.RegularExpressions;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Spelled-out English numbers as digits, with their signs, currencies, percents, endings and decimals, by the rules of
/// Whisper's EnglishNumberNormalizer: successive digits are joined ("one oh one" is 101), "one" alone stays a word.
/// </summary>
internal static partial class EnglishNumbers
{
    public static string Normalize(string text)
    {
        text = LetterThenDigit().Replace(HalvesAsDecimals(text), "$1 $2");
        text = DigitThenLetter().Replace(text, "$1 $2");
        text = SpaceBeforeEnding().Replace(text, "$1$2");
        text = string.Join(' ', new EnglishNumberReader(TextUnits.Words.Split(text)).Read());
        text = CurrencyAndCents().Replace(text, match =>
            $"{match.Groups[1].Value}{match.Groups[2].Value}.{match.Groups[3].Value.PadLeft(2, '0')}");
        text = CentsOnly().Replace(text, match => "¢" + int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        return One().Replace(text, "one$1");
    }

    /// <summary>"Three and a half" becomes "three point five".</summary>
    static string HalvesAsDecimals(string text)
    {
        var segments = AndAHalf().Split(text);
        var parts = new List<string>();
        for (var i = 0; i < segments.Length; i++)
        {
            var words = TextUnits.Words.Split(segments[i]);
            if (words.Count == 0) continue;
            parts.Add(segments[i]);
            if (i == segments.Length - 1) continue;
            var last = words[^1];
            parts.Add(EnglishNumberWords.IsDecimal(last) || EnglishNumberWords.Multipliers.ContainsKey(last) ? "point five" : "and a half");
        }
        return string.Join(' ', parts);
    }

    const string Before = @"(?<![\p{L}\p{N}_])", After = @"(?![\p{L}\p{N}_])";

    [GeneratedRegex(Before + @"and\s+a\s+half" + After)]
    private static partial Regex AndAHalf();

    [GeneratedRegex("([a-z])([0-9])")]
    private static partial Regex LetterThenDigit();

    [GeneratedRegex("([0-9])([a-z])")]
    private static partial Regex DigitThenLetter();

    [GeneratedRegex(@"([0-9])\s+(st|nd|rd|th|s)" + After)]
    private static partial Regex SpaceBeforeEnding();

    [GeneratedRegex("([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})" + After)]
    private static partial Regex CurrencyAndCents();

    [GeneratedRegex("[€£$]0.([0-9]{1,2})" + After)]
    private static partial Regex CentsOnly();

    [GeneratedRegex(Before + "1(s?)" + After)]
    private static partial Regex One();
}
