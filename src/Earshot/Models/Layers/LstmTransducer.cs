using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// A transducer whose predictor is an LSTM over the tokens written so far (Graves 2012, arXiv 1211.3711), and whose joiner adds sound and
/// text before its only hidden activation; with durations beside the tokens it is a token-and-duration transducer (Xu et al. 2023, arXiv
/// 2304.06795).
/// </summary>
public sealed record LstmTransducer : ITransducer
{
    /// <summary>Its sizes. Embeddings have as many values as the first recurrent state; the blank's row is zero in checkpoints.</summary>
    public required TransducerShape Shape { get; init; }

    /// <summary>What the joiner's sum goes through.</summary>
    public Activation Activation { get; init; } = Activation.Relu;

    public required TransducerNames Names { get; init; }

    public Tensor ProjectEncoded(Tensor encoded, Scope root) => encoded.Linear(root / Names.Encoded, Shape.Width);

    public Tensor Predict(Tensor tokens, IReadOnlyList<RecurrentState> states, Scope root)
    {
        ArgumentNullException.ThrowIfNull(states);
        var sizes = Shape.StateSizes;
        var x = tokens.Backend.Embed(
            tokens, (root / Names.Embedding).Parameter("weight", new Shape(Shape.VocabSize, sizes[0]))); // (n, size)
        for (int i = 0; i < sizes.Count; i++) x = x.LstmStep(root / Names.Lstm, i, sizes[i], states[i]);
        return x.Linear(root / Names.Predicted, Shape.Width); // (n, width)
    }

    public Tensor Join(Tensor encoded, Tensor predicted, Scope root) =>
        encoded.Backend.Add(encoded, predicted, Activation).Linear(root / Names.Output, Shape.Outputs);
}

/// <summary>What a checkpoint calls the parts of an <see cref="LstmTransducer"/>.</summary>
public sealed record TransducerNames
{
    public required string Embedding { get; init; }

    public required string Lstm { get; init; }

    /// <summary>The predictor's layer into the joiner.</summary>
    public required string Predicted { get; init; }

    /// <summary>The encoder's layer into the joiner.</summary>
    public required string Encoded { get; init; }

    /// <summary>The joiner's last layer.</summary>
    public required string Output { get; init; }
}
