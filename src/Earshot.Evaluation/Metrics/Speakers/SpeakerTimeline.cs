namespace Earshot.Evaluation.Metrics;

/// <summary>Who speaks when, as the reference and as the system has it, cut to the part that counts.</summary>
internal sealed class SpeakerTimeline
{
    SpeakerTimeline(string[] names, List<TimeInterval>[] speech) => (Names, Speech) = (names, speech);

    /// <summary>In ordinal order, so that results do not depend on the order of turns.</summary>
    public string[] Names { get; }

    /// <summary>Each speaker's speech; turns of one speaker that overlap count once.</summary>
    public List<TimeInterval>[] Speech { get; }

    public static SpeakerTimeline Of(IEnumerable<SpeakerTurn> turns)
    {
        var speakers = turns.Where(turn => turn.End > turn.Start)
            .GroupBy(turn => turn.Speaker, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(
                group => (group.Key, Speech: TimeIntervals.Union(group.Select(turn => new TimeInterval(turn.Start.Ticks, turn.End.Ticks)))))
            .ToArray();
        return new SpeakerTimeline([.. speakers.Select(speaker => speaker.Key)], [.. speakers.Select(speaker => speaker.Speech)]);
    }

    /// <summary>
    /// Walks the pieces of a region in which the set of speakers does not change: their length, and the numbers of who speaks.
    /// </summary>
    public static IEnumerable<(long Length, IReadOnlySet<int> Reference, IReadOnlySet<int> System)> Pieces(
        List<TimeInterval> region, SpeakerTimeline reference, SpeakerTimeline system)
    {
        var edges = new List<(long Time, int Kind, int Speaker, bool Starts)>();
        foreach (var (start, end) in region)
        {
            edges.Add((start, 0, 0, true));
            edges.Add((end, 0, 0, false));
        }
        AddEdges(edges, 1, reference);
        AddEdges(edges, 2, system);
        edges.Sort((a, b) => a.Time.CompareTo(b.Time));
        SortedSet<int> inReference = [], inSystem = [];
        var (inside, last) = (false, 0L);
        foreach (var (time, kind, speaker, starts) in edges)
        {
            if (inside && time > last) yield return (time - last, inReference, inSystem);
            last = time;
            if (kind == 0) inside = starts;
            else if (starts) (kind == 1 ? inReference : inSystem).Add(speaker);
            else (kind == 1 ? inReference : inSystem).Remove(speaker);
        }
    }

    static void AddEdges(List<(long, int, int, bool)> edges, int kind, SpeakerTimeline timeline)
    {
        for (var speaker = 0; speaker < timeline.Speech.Length; speaker++)
        {
            foreach (var (start, end) in timeline.Speech[speaker])
            {
                edges.Add((start, kind, speaker, true));
                edges.Add((end, kind, speaker, false));
            }
        }
    }
}
