namespace Earshot.Evaluation.Metrics;

/// <summary>UEM, NIST's un-partitioned evaluation maps: <c>file channel start end</c>.</summary>
public static class Uem
{
    /// <summary>Reads the regions; refuses malformed lines with <see cref="ScoreFormatException"/>.</summary>
    public static IReadOnlyList<ScoredRegion> Read(string path) => ScoreLines.ReadFile(path, Parse);

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="source">What the reader reads, for messages.</param>
    public static IReadOnlyList<ScoredRegion> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Parse(reader, source);
    }

    public static void Write(string path, IEnumerable<ScoredRegion> regions) =>
        ScoreLines.WriteFile(path, writer => Write(writer, regions));

    public static void Write(TextWriter writer, IEnumerable<ScoredRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(regions);
        foreach (var region in regions)
        {
            var file = ScoreLines.Field(region.Session, "session");
            var channel = ScoreLines.Field(region.Channel, "channel");
            writer.Write($"{file} {channel} {ScoreLines.Seconds(region.Start)} {ScoreLines.Seconds(region.End)}\n");
        }
    }

    static List<ScoredRegion> Parse(TextReader reader, string source)
    {
        var regions = new List<ScoredRegion>();
        foreach (var line in ScoreLines.Read(reader, source))
        {
            var fields = line.Fields(most: 0);
            if (fields.Length != 4) throw line.Refuse($"a UEM line has 4 fields (file, channel, start, end), got {fields.Length}.");
            var (start, end) = (line.Seconds(fields[2], "the start"), line.Seconds(fields[3], "the end"));
            if (end < start) throw line.Refuse($"the end {fields[3]} is before the start {fields[2]}.");
            regions.Add(new ScoredRegion { Session = fields[0], Channel = fields[1], Start = start, End = end });
        }
        return regions;
    }
}
