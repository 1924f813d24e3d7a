using Earshot.Recognition;

namespace Earshot.Live;

/// <summary>
/// Settles the words at the beginning that two hearings in a row have in common; letters and digits count, as the mark behind a word
/// often changes with the next one.
/// </summary>
sealed class AgreementDecider(LocalAgreement policy) : ILiveDecider
{
    IReadOnlyList<HeardWord> _previous = [];

    public long? Step { get; } = TurnDetector.Samples(policy.Step);

    public bool LooksEarly => true;

    public int BeamSize => policy.BeamSize;

    public bool GoesOn => true;

    public long MostBuffer { get; } = TurnDetector.Samples(policy.Buffer);

    public long Overlap => 0;

    public Decision Decide(HeardText heard, double start, double end, bool isLast)
    {
        int agreed = 0;
        double edge = end - policy.Threshold.TotalSeconds;
        while (agreed < heard.Words.Count && agreed < _previous.Count
            && heard.Words[agreed].Attended <= edge && SpokenForm.Same(heard.Words[agreed].Text, _previous[agreed].Text))
        {
            agreed++;
        }
        var decision = Decision.Cut(heard.Words, isLast ? heard.Words.Count : agreed);
        _previous = decision.Partial;
        return decision;
    }

    public void Reset() => _previous = [];
}
