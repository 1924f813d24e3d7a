using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>Settles words until one looks too close to the sound's end, or the attention jumps back.</summary>
sealed class AttentionDecider(AlignAtt policy) : ILiveDecider
{
    public long? Step { get; } = TurnDetector.Samples(policy.Step);

    public bool LooksEarly => true;

    public int BeamSize => 1;

    public bool GoesOn => true;

    public long MostBuffer { get; } = TurnDetector.Samples(policy.Buffer);

    public long Overlap => 0;

    public Decision Decide(HeardText heard, double start, double end, bool isLast)
    {
        if (isLast) return new Decision(heard.Words, []);
        double edge = end - policy.Threshold.TotalSeconds, furthest = double.NegativeInfinity;
        int settled = 0;
        foreach (var word in heard.Words)
        {
            if (word.Attended >= edge || word.Attended < furthest - policy.Rewind.TotalSeconds) break;
            furthest = Math.Max(furthest, word.Attended);
            settled++;
        }
        return Decision.Cut(heard.Words, settled);
    }

    public void Reset() { }
}
