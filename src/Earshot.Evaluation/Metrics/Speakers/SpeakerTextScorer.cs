using Earshot.Tokenizers;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Scores transcripts in which speakers are told apart, as MeetEval defines it. Each call takes one session;
/// add up <see cref="SpeakerTextScore.Counts"/> over sessions.
/// </summary>
public sealed class SpeakerTextScorer
{
    readonly SpeakerTextOptions _options;

    public SpeakerTextScorer(SpeakerTextOptions? options = null)
    {
        _options = options ?? SpeakerTextOptions.Default;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Collar, TimeSpan.Zero, nameof(options));
    }

    /// <summary>
    /// cpWER: each speaker's segments in order of their start as one text, and the one-to-one assignment of speakers with the fewest
    /// errors. Each pair is scored alone; a speaker without a partner counts as deletions or insertions.
    /// </summary>
    public SpeakerTextScore ScoreConcatenated(IEnumerable<TranscriptSegment> reference, IEnumerable<TranscriptSegment> system) =>
        Score(
            reference, system, static (r, s) => Alignment.Count(SequenceAligner.Align(r.Units, s.Units)),
            static (r, s) => EditDistance.Between(r.Units, s.Units));

    /// <summary>
    /// tcpWER: as cpWER, but a system's word can only match (or replace) a reference word whose time overlaps with its own, the collar
    /// added on both sides. A segment's time is shared out among its words by their length; a reference word has its whole stretch,
    /// a system's word the middle of it.
    /// </summary>
    public SpeakerTextScore ScoreTimeConstrained(IEnumerable<TranscriptSegment> reference, IEnumerable<TranscriptSegment> system) =>
        Score(reference, system, TimeConstrainedAlignment.Count, static (r, s) => TimeConstrainedAlignment.Count(r, s).Errors);

    /// <summary>
    /// ORC-WER: each reference segment, in order of start, is given to the system stream that suits it best, so that telling speakers
    /// apart is not scored. Exact, with time and memory in the product of the streams' lengths; refuses what would need over 2²⁴ cells.
    /// </summary>
    public SpeakerTextScore ScoreOptimalReference(IEnumerable<TranscriptSegment> reference, IEnumerable<TranscriptSegment> system)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(system);
        var numbers = new UnitNumbers();
        var segments = InOrder(reference).ToArray();
        var streams = SpeakerWords.Of(InOrder(system), _options, numbers, isSystem: true);
        return OptimalReferenceCombination.Score(
            [.. segments.Select(segment => (segment.Speaker, numbers.Of(SpeakerWords.UnitsOf(segment, _options))))], streams);
    }

    SpeakerTextScore Score(
        IEnumerable<TranscriptSegment> reference,
        IEnumerable<TranscriptSegment> system,
        Func<SpeakerWords, SpeakerWords, EditCounts> count,
        Func<SpeakerWords, SpeakerWords, long> errors)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(system);
        var numbers = new UnitNumbers();
        var references = SpeakerWords.Of(InOrder(reference), _options, numbers, isSystem: false);
        var systems = SpeakerWords.Of(InOrder(system), _options, numbers, isSystem: true);
        var size = Math.Max(references.Count, systems.Count); // squared with silent speakers
        var costs = new double[size, size];
        for (var r = 0; r < size; r++)
        {
            for (var s = 0; s < size; s++) costs[r, s] = errors(At(references, r), At(systems, s));
        }
        var systemOf = OptimalAssignment.Minimize(costs);
        var total = default(EditCounts);
        for (var r = 0; r < size; r++) total += count(At(references, r), At(systems, systemOf[r]));
        return new SpeakerTextScore
        {
            Counts = total,
            Assignment = [.. systemOf.Select((s, r) => new SpeakerPair(At(references, r).Name, At(systems, s).Name))],
            MissedSpeakers = Math.Max(0, references.Count - systems.Count),
            ExtraSpeakers = Math.Max(0, systems.Count - references.Count),
        };
    }

    static SpeakerWords At(List<SpeakerWords> speakers, int index) => index < speakers.Count ? speakers[index] : SpeakerWords.Silent;

    static IEnumerable<TranscriptSegment> InOrder(IEnumerable<TranscriptSegment> segments)
    {
        string? session = null;
        foreach (var segment in segments.OrderBy(segment => segment.Start)) // a stable sort: equal starts keep their order
        {
            session ??= segment.Session;
            if (segment.Session != session)
            {
                throw new ArgumentException(
                    $"Segments of one session are expected, got '{session}' and '{segment.Session}': score each session alone.",
                    nameof(segments));
            }
            yield return segment;
        }
    }
}
