using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Merges what overlapping chunks say: where both know a word, at about the same time, the later one goes on from there, since the
/// earlier one's end and the later one's beginning may be cut off.
/// </summary>
sealed class SlidingDecider(SlidingWindow policy) : ILiveDecider
{
    // The same word in two chunks is dated this differently at most.
    const double SameTime = 0.5;

    readonly double _overlap = (policy.Chunk - policy.Hop).TotalSeconds;
    List<HeardWord> _open = [];
    double _settledEnd = double.NegativeInfinity;

    public long? Step { get; } = TurnDetector.Samples(policy.Hop);

    public bool LooksEarly => true;

    public int BeamSize => 1;

    public bool GoesOn => false;

    public long Overlap { get; } = TurnDetector.Samples(policy.Chunk - policy.Hop);

    public long MostBuffer { get; } = TurnDetector.Samples(policy.Buffer);

    public Decision Decide(HeardText heard, double start, double end, bool isLast)
    {
        _open = Merge(_open, [.. heard.Words.Where(word => Middle(word) > _settledEnd)], start);
        double reach = end - _overlap;
        var decision = Decision.Cut(_open, isLast ? _open.Count : _open.TakeWhile(word => word.End <= reach).Count());
        if (decision.Final.Count > 0) _settledEnd = decision.Final[^1].End;
        _open = [.. decision.Partial];
        return decision;
    }

    public void Reset() => (_open, _settledEnd) = ([], double.NegativeInfinity);

    List<HeardWord> Merge(List<HeardWord> open, IReadOnlyList<HeardWord> heard, double windowStart)
    {
        for (int sum = 0; sum < open.Count + heard.Count; sum++)
        {
            for (int later = 0; later <= sum && later < heard.Count; later++)
            {
                int earlier = FirstIn(open, windowStart) + sum - later;
                if (earlier < open.Count && IsSame(open[earlier], heard[later])) return [.. open.Take(earlier), .. heard.Skip(later)];
            }
        }
        // Nothing in common: by time, the earlier chunk's words up to the middle of what both heard.
        if (heard.Count == 0) return open;
        double seam = open.Count > 0 ? (windowStart + open[^1].End) / 2 : _settledEnd;
        return [.. open.Where(word => Middle(word) < seam), .. heard.Where(word => Middle(word) >= seam)];
    }

    static int FirstIn(List<HeardWord> open, double windowStart)
    {
        int first = open.FindIndex(word => Middle(word) >= windowStart);
        return first < 0 ? open.Count : first;
    }

    static bool IsSame(HeardWord a, HeardWord b) => Math.Abs(a.Start - b.Start) < SameTime && SpokenForm.Same(a.Text, b.Text);

    static double Middle(HeardWord word) => (word.Start + word.End) / 2;
}
