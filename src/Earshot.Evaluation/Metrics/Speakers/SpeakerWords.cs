namespace Earshot.Evaluation.Metrics;

/// <summary>One speaker's units as numbers, each with the time in which it may match (ticks).</summary>
internal sealed record SpeakerWords(string? Name, int[] Units, TimeInterval[] Times)
{
    public static SpeakerWords Silent { get; } = new(null, [], []);

    /// <summary>The speakers in the order in which they begin; a system's times are widened by the collar.</summary>
    public static List<SpeakerWords> Of(
        IEnumerable<TranscriptSegment> segments, SpeakerTextOptions options, UnitNumbers numbers, bool isSystem)
    {
        var speakers = new List<SpeakerWords>();
        foreach (var group in segments.GroupBy(segment => segment.Speaker, StringComparer.Ordinal))
        {
            var units = new List<int>();
            var times = new List<TimeInterval>();
            foreach (var segment in group)
            {
                if (segment.End < segment.Start)
                {
                    throw new ArgumentException(
                        $"A segment of '{segment.Speaker}' ends at {segment.End}, before its start at {segment.Start}.", nameof(segments));
                }
                var words = UnitsOf(segment, options);
                units.AddRange(numbers.Of(words));
                times.AddRange(TimesOf(segment, words, isSystem ? options.Collar.Ticks : null));
            }
            speakers.Add(new SpeakerWords(group.Key, [.. units], [.. times]));
        }
        return speakers;
    }

    public static IReadOnlyList<string> UnitsOf(TranscriptSegment segment, SpeakerTextOptions options) =>
        options.Units.Split(options.Normalizer?.Normalize(segment.Words) ?? segment.Words);

    /// <summary>
    /// Shares a segment's time out by the words' lengths in code points: the stretches themselves, or with a collar their middles
    /// widened by it. Twice the ticks, so that middles are whole numbers.
    /// </summary>
    static IEnumerable<TimeInterval> TimesOf(TranscriptSegment segment, IReadOnlyList<string> words, long? collar)
    {
        var lengths = words.Select(word => (long)word.EnumerateRunes().Count()).ToArray();
        var total = (double)lengths.Sum();
        var (start, duration) = (segment.Start.Ticks, (segment.End - segment.Start).Ticks);
        var before = 0L;
        foreach (var length in lengths)
        {
            var from = start + (long)Math.Round(duration * (before / total));
            before += length;
            var to = start + (long)Math.Round(duration * (before / total));
            yield return collar is { } width
                ? new TimeInterval(from + to - 2 * width, from + to + 2 * width)
                : new TimeInterval(2 * from, 2 * to);
        }
    }
}
