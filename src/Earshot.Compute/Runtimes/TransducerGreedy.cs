using System.Numerics.Tensors;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>What a walk through encoded sound asks for.</summary>
internal interface ITransducerSteps
{
    /// <summary>The logits of a position of the stretch after what was said so far.</summary>
    ReadOnlySpan<float> Logits(int position);

    /// <summary>The predictor reads a token.</summary>
    void Say(int token);
}

/// <summary>
/// The likeliest token of each step. A blank moves on to the next position; a token is written and stays, until a position has its most; in
/// token-and-duration transducers (Xu et al. 2023, arXiv 2304.06795) both move on by the likeliest duration, blanks by one at least.
/// </summary>
internal sealed class TransducerGreedy(TransducerShape shape)
{
    // Positions of the next stretch that the last one's durations took already.
    int _ahead;

    int _symbols; // of the position
    int _count; // positions of the stretch
    List<TransducerToken> _tokens = [];
    float[] _scratch = [];

    /// <summary>Positions decoded so far.</summary>
    public int Positions { get; private set; }

    /// <summary>The position of the stretch that is looked at next.</summary>
    public int Position { get; private set; }

    /// <summary>Whether the stretch is at its end.</summary>
    public bool IsDone => Position >= _count;

    /// <summary>Begins a stretch, whose tokens are added to a list.</summary>
    public void Begin(int positions, List<TransducerToken> tokens) =>
        (Position, _symbols, _count, _tokens) = (_ahead, 0, positions, tokens);

    /// <summary>Goes on by the logits of <see cref="Position"/>; returns the token that the predictor reads now, if any.</summary>
    public int? Take(ReadOnlySpan<float> logits)
    {
        var scores = logits[..shape.VocabSize];
        int token = ArgMax(scores), duration = shape.Durations.Count == 0 ? 0 : shape.Durations[ArgMax(logits[shape.VocabSize..])];
        bool moves = token == shape.Blank || duration > 0;
        if (token != shape.Blank)
        {
            _tokens.Add(
                new TransducerToken(token, Positions + Position, shape.Durations.Count == 0 ? 1 : duration, Logprob(scores, token)));
            moves |= ++_symbols >= shape.MostSymbols;
        }
        if (moves)
        {
            Position += Math.Max(1, duration);
            _symbols = 0;
        }
        return token == shape.Blank ? null : token;
    }

    /// <summary>Ends a stretch: the next one goes on where its tokens ended.</summary>
    public void End()
    {
        _ahead = Position - _count;
        Positions += _count;
    }

    public void Decode(int positions, ITransducerSteps steps, List<TransducerToken> tokens)
    {
        Begin(positions, tokens);
        while (!IsDone)
        {
            if (Take(steps.Logits(Position)) is { } token) steps.Say(token);
        }
        End();
    }

    /// <summary>The largest of some logits.</summary>
    /// <exception cref="ModelException">One is not a number.</exception>
    public static float Largest(ReadOnlySpan<float> logits) => logits[ArgMax(logits)];

    static int ArgMax(ReadOnlySpan<float> logits)
    {
        // The first of equal ones, or the first that is no number.
        int best = TensorPrimitives.IndexOfMax(logits);
        return float.IsNaN(logits[best])
            ? throw new ModelException(
                "A transducer's logit is not a number. The weights are damaged, or of another model: download the model again.")
            : best;
    }

    float Logprob(ReadOnlySpan<float> scores, int token)
    {
        // The token is the largest.
        if (_scratch.Length < scores.Length) _scratch = new float[scores.Length];
        var shares = _scratch.AsSpan(0, scores.Length);
        TensorPrimitives.Subtract(scores, scores[token], shares);
        TensorPrimitives.Exp(shares, shares);
        return -MathF.Log(TensorPrimitives.Sum(shares));
    }
}
