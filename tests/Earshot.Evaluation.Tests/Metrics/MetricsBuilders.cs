using System.Globalization;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

/// <summary>Short notations for the records that the scoring tests compare.</summary>
internal static class MetricsBuilders
{
    /// <summary>"A 0 10; B 12 20": speaker, start, end.</summary>
    public static SpeakerTurn[] Turns(string notation) => [.. Split(notation).Select(fields => new SpeakerTurn
    {
        Session = "s",
        Speaker = fields[0],
        Start = Seconds(fields[1]),
        End = Seconds(fields[2]),
    })];

    /// <summary>"A 0 1 hello world; B 1 2 yes": speaker, start, end, words.</summary>
    public static TranscriptSegment[] Segments(string notation) => [.. Split(notation).Select(fields => new TranscriptSegment
    {
        Session = "s",
        Speaker = fields[0],
        Start = Seconds(fields[1]),
        End = Seconds(fields[2]),
        Words = string.Join(' ', fields[3..]),
    })];

    /// <summary>"0 10; 12 20": start, end.</summary>
    public static ScoredRegion[] Regions(string notation) => [.. Split(notation).Select(fields => new ScoredRegion
    {
        Session = "s",
        Start = Seconds(fields[0]),
        End = Seconds(fields[1]),
    })];

    public static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));

    static IEnumerable<string[]> Split(string notation) =>
        notation.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(item => item.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
