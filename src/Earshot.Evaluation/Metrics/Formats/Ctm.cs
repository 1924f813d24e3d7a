using System.Globalization;

namespace Earshot.Evaluation.Metrics;

/// <summary>CTM, NIST's conversation time marked files: <c>file channel start duration word [confidence]</c>.</summary>
public static class Ctm
{
    /// <summary>Reads the words; refuses malformed lines with <see cref="ScoreFormatException"/>.</summary>
    public static IReadOnlyList<TimedWord> Read(string path) => ScoreLines.ReadFile(path, Parse);

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="source">What the reader reads, for messages.</param>
    public static IReadOnlyList<TimedWord> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Parse(reader, source);
    }

    public static void Write(string path, IEnumerable<TimedWord> words) => ScoreLines.WriteFile(path, writer => Write(writer, words));

    public static void Write(TextWriter writer, IEnumerable<TimedWord> words)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(words);
        foreach (var word in words)
        {
            var file = ScoreLines.Field(word.Session, "session");
            var channel = ScoreLines.Field(word.Channel, "channel");
            var text = ScoreLines.Field(word.Word, "word");
            var confidence = word.Confidence is { } value ? " " + value.ToString("0.######", CultureInfo.InvariantCulture) : "";
            writer.Write(
                $"{file} {channel} {ScoreLines.Seconds(word.Start)} {ScoreLines.Seconds(word.End - word.Start)} {text}{confidence}\n");
        }
    }

    static List<TimedWord> Parse(TextReader reader, string source)
    {
        var words = new List<TimedWord>();
        foreach (var line in ScoreLines.Read(reader, source))
        {
            var fields = line.Fields(most: 0);
            if (fields.Length is not (5 or 6))
            {
                throw line.Refuse($"a CTM line has 5 or 6 fields (file, channel, start, duration, word, confidence), got {fields.Length}.");
            }
            var start = line.Seconds(fields[2], "the start");
            words.Add(new TimedWord
            {
                Session = fields[0],
                Channel = fields[1],
                Start = start,
                End = start + line.Seconds(fields[3], "the duration"),
                Word = fields[4],
                Confidence = fields.Length == 6 ? Confidence(line, fields[5]) : null,
            });
        }
        return words;
    }

    static double? Confidence(ScoreLine line, string field)
    {
        if (field is "NA" or "<NA>") return null;
        if (double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var confidence) && double.IsFinite(confidence))
            return confidence;
        throw line.Refuse($"expected a confidence or NA, got '{field}'.");
    }
}
