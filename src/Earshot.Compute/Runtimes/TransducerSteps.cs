using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Answers a walk through encoded sound wherever the transducer runs: it begins with the blank, and positions are joined several at once as
/// long as nothing new is said.
/// </summary>
internal abstract class TransducerSteps(TransducerShape shape) : ITransducerSteps
{
    // Most positions are blank, after which the text is the same: the joiner's weights are read once for several positions.
    const int JoinedAtOnce = 4;

    bool _isStarted;
    int _positions; // of the stretch
    int _first;
    int _joined;

    protected TransducerShape Shape => shape;

    public ReadOnlySpan<float> Logits(int position)
    {
        if (position < _first || position >= _first + _joined)
        {
            (_first, _joined) = (position, Math.Min(JoinedAtOnce, _positions - position));
            Join(_first, _joined);
        }
        return Joined().Slice((position - _first) * shape.Outputs, shape.Outputs);
    }

    public void Say(int token)
    {
        _joined = 0;
        Predict(token);
    }

    /// <summary>Before a stretch of so many positions, or before tokens are told; the predictor reads the blank before all else.</summary>
    protected void Start(int positions)
    {
        (_positions, _joined) = (positions, 0);
        if (!_isStarted) Say(shape.Blank);
        _isStarted = true;
    }

    /// <summary>The predictor reads a token: its states and what the joiner takes of it change.</summary>
    protected abstract void Predict(int token);

    /// <summary>Some positions of the stretch meet what was said.</summary>
    protected abstract void Join(int first, int count);

    /// <summary>The logits of the positions that were joined last, (count, outputs).</summary>
    protected abstract ReadOnlySpan<float> Joined();
}
