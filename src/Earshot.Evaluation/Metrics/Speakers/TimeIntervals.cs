namespace Earshot.Evaluation.Metrics;

/// <summary>A stretch of time in ticks, its end excluded.</summary>
internal readonly record struct TimeInterval(long Start, long End)
{
    public long Length => End - Start;
}

/// <summary>Sets of time as sorted intervals that neither touch nor overlap.</summary>
internal static class TimeIntervals
{
    public static List<TimeInterval> Union(IEnumerable<TimeInterval> intervals)
    {
        var union = new List<TimeInterval>();
        foreach (var interval in intervals.Where(interval => interval.Length > 0).OrderBy(interval => interval.Start))
        {
            if (union.Count > 0 && interval.Start <= union[^1].End)
                union[^1] = union[^1] with { End = Math.Max(union[^1].End, interval.End) };
            else union.Add(interval);
        }
        return union;
    }

    /// <summary>What of one set is not in the other.</summary>
    public static List<TimeInterval> Subtract(List<TimeInterval> from, List<TimeInterval> removed)
    {
        var rest = new List<TimeInterval>();
        var next = 0;
        foreach (var (intervalStart, end) in from)
        {
            var start = intervalStart;
            while (next < removed.Count && removed[next].End <= start) next++;
            for (var i = next; i < removed.Count && removed[i].Start < end; i++)
            {
                if (removed[i].Start > start) rest.Add(new TimeInterval(start, removed[i].Start));
                start = Math.Max(start, removed[i].End);
            }
            if (start < end) rest.Add(new TimeInterval(start, end));
        }
        return rest;
    }

    /// <summary>Where at least two of the sets hold.</summary>
    public static List<TimeInterval> Overlaps(IEnumerable<List<TimeInterval>> sets)
    {
        var edges = sets
            .SelectMany(set => set.SelectMany(interval => new[] { (Time: interval.Start, Change: 1), (Time: interval.End, Change: -1) }))
            .OrderBy(edge => edge.Time).ThenBy(edge => edge.Change);
        var overlaps = new List<TimeInterval>();
        var (holding, since) = (0, 0L);
        foreach (var (time, change) in edges)
        {
            holding += change;
            if (holding == 2 && change == 1) since = time;
            else if (holding == 1 && change == -1) overlaps.Add(new TimeInterval(since, time));
        }
        return Union(overlaps);
    }
}
