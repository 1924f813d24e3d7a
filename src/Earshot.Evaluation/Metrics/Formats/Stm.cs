namespace Earshot.Evaluation.Metrics;

/// <summary>STM, NIST's segment time marked files: <c>file channel speaker start end [&lt;labels&gt;] text</c>.</summary>
public static class Stm
{
    /// <summary>Reads the segments; refuses malformed lines with <see cref="ScoreFormatException"/>.</summary>
    public static IReadOnlyList<TranscriptSegment> Read(string path) => ScoreLines.ReadFile(path, Parse);

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="source">What the reader reads, for messages.</param>
    public static IReadOnlyList<TranscriptSegment> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Parse(reader, source);
    }

    public static void Write(string path, IEnumerable<TranscriptSegment> segments) =>
        ScoreLines.WriteFile(path, writer => Write(writer, segments));

    public static void Write(TextWriter writer, IEnumerable<TranscriptSegment> segments)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(segments);
        foreach (var segment in segments)
        {
            var file = ScoreLines.Field(segment.Session, "session");
            var channel = ScoreLines.Field(segment.Channel, "channel");
            var speaker = ScoreLines.Field(segment.Speaker, "speaker");
            var labels = segment.Labels is null ? "" : $" <{ScoreLines.Field(segment.Labels, "labels")}>";
            var words = string.Join(' ', TextUnits.Words.Split(segment.Words));
            var line = $"{file} {channel} {speaker} {ScoreLines.Seconds(segment.Start)} {ScoreLines.Seconds(segment.End)}{labels} {words}";
            writer.Write(line.TrimEnd() + "\n");
        }
    }

    static List<TranscriptSegment> Parse(TextReader reader, string source)
    {
        var segments = new List<TranscriptSegment>();
        foreach (var line in ScoreLines.Read(reader, source))
        {
            var fields = line.Fields(most: 6);
            if (fields.Length < 5)
            {
                throw line.Refuse($"an STM line has at least 5 fields (file, channel, speaker, start, end), got {fields.Length}.");
            }
            var (start, end) = (line.Seconds(fields[3], "the start"), line.Seconds(fields[4], "the end"));
            if (end < start) throw line.Refuse($"the end {fields[4]} is before the start {fields[3]}.");
            var (labels, words) = SplitLabels(fields.Length == 6 ? fields[5] : "");
            segments.Add(new TranscriptSegment
            {
                Session = fields[0],
                Channel = fields[1],
                Speaker = fields[2],
                Start = start,
                End = end,
                Labels = labels,
                Words = words,
            });
        }
        return segments;
    }

    /// <summary>Labels stand in angle brackets, without white space, before the text.</summary>
    static (string? Labels, string Words) SplitLabels(string rest)
    {
        var end = rest.AsSpan().IndexOfAny(" \t>");
        if (rest.Length == 0 || rest[0] != '<' || end < 2 || rest[end] != '>') return (null, rest.Trim());
        return (rest[1..end], rest[(end + 1)..].Trim());
    }
}
