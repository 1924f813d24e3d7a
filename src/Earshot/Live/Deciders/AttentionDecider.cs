using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>Settles words until one looks too close to the sound's end, or the attention jumps back.</summary>
sealed class AttentionDecider(AlignAtt policy) : ILiveDecider
{
    // The fastest speech takes twice as long for as many words.
    const int Crowd = 4;
    const double CrowdSeconds = 0.15;

    public long? Step { get; } = TurnDetector.Samples(policy.Step);

    public bool LooksEarly => true;

    public int BeamSize => 1;

    public bool GoesOn => true;

    public long MostBuffer { get; } = TurnDetector.Samples(policy.Buffer);

    public long Overlap => 0;

    public Decision Decide(HeardText heard, double start, double end, bool isLast)
    {
        if (isLast) return new Decision(heard.Words, []);
        if (end - start < policy.LeastSound.TotalSeconds) return new Decision([], heard.Words);
        double edge = end - policy.Threshold.TotalSeconds, furthest = double.NegativeInfinity;
        int settled = 0, possible = Possible(heard.Words);
        foreach (var word in heard.Words.Take(possible))
        {
            if (word.Attended >= edge || word.Attended < furthest - policy.Rewind.TotalSeconds) break;
            furthest = Math.Max(furthest, word.Attended);
            settled++;
        }
        return Decision.Cut(heard.Words, settled);
    }

    public void Reset() { }

    /// <summary>
    /// How many words come before such as nobody can say so fast: a model that has heard very little goes on with what often follows.
    /// </summary>
    static int Possible(IReadOnlyList<HeardWord> words)
    {
        for (int i = Crowd - 1; i < words.Count; i++)
        {
            if (words[i].Attended - words[i - Crowd + 1].Attended < CrowdSeconds) return i - Crowd + 2;
        }
        return words.Count;
    }
}
