using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>Hears a turn once, when it has ended.</summary>
sealed class TurnDecider(SpeechTurns policy) : ILiveDecider
{
    public long? Step => null;

    public bool LooksEarly => policy.LooksEarly;

    public int BeamSize => policy.BeamSize;

    public bool GoesOn => false;

    public long MostBuffer => long.MaxValue;

    public long Overlap => 0;

    public Decision Decide(HeardText heard, double start, double end, bool isLast) =>
        isLast ? new Decision(heard.Words, []) : new Decision([], heard.Words);

    public void Reset() { }
}
