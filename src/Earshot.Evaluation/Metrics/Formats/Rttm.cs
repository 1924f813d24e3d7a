namespace Earshot.Evaluation.Metrics;

/// <summary>
/// RTTM, NIST's rich transcription time marked files: <c>SPEAKER file channel start duration &lt;NA&gt; &lt;NA&gt; name &lt;NA&gt;
/// &lt;NA&gt;</c>.
/// </summary>
public static class Rttm
{
    // The types of the RT-09 plan; only SPEAKER lines are turns, the others are passed over.
    static readonly HashSet<string> OtherTypes = new(StringComparer.Ordinal)
    {
        "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "SU", "IP", "CB", "A/P", "SPKR-INFO",
    };

    /// <summary>Reads the speaker turns; refuses malformed lines with <see cref="ScoreFormatException"/>.</summary>
    public static IReadOnlyList<SpeakerTurn> Read(string path) => ScoreLines.ReadFile(path, Parse);

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="source">What the reader reads, for messages.</param>
    public static IReadOnlyList<SpeakerTurn> Read(TextReader reader, string source)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Parse(reader, source);
    }

    public static void Write(string path, IEnumerable<SpeakerTurn> turns) => ScoreLines.WriteFile(path, writer => Write(writer, turns));

    public static void Write(TextWriter writer, IEnumerable<SpeakerTurn> turns)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(turns);
        foreach (var turn in turns)
        {
            var file = ScoreLines.Field(turn.Session, "session");
            var channel = ScoreLines.Field(turn.Channel, "channel");
            var speaker = ScoreLines.Field(turn.Speaker, "speaker");
            var (start, duration) = (ScoreLines.Seconds(turn.Start), ScoreLines.Seconds(turn.Duration));
            writer.Write($"SPEAKER {file} {channel} {start} {duration} <NA> <NA> {speaker} <NA> <NA>\n");
        }
    }

    static List<SpeakerTurn> Parse(TextReader reader, string source)
    {
        var turns = new List<SpeakerTurn>();
        foreach (var line in ScoreLines.Read(reader, source))
        {
            var fields = line.Fields(most: 0);
            if (OtherTypes.Contains(fields[0])) continue;
            if (fields[0] != "SPEAKER") throw line.Refuse($"expected SPEAKER or another RTTM type, got '{fields[0]}'.");
            if (fields.Length is not (9 or 10)) throw line.Refuse($"a SPEAKER line has 9 or 10 fields, got {fields.Length}.");
            var start = line.Seconds(fields[3], "the start");
            turns.Add(new SpeakerTurn
            {
                Session = fields[1],
                Channel = fields[2],
                Start = start,
                End = start + line.Seconds(fields[4], "the duration"),
                Speaker = fields[7],
            });
        }
        return turns;
    }
}
