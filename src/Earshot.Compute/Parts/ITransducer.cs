namespace Earshot.Compute.Parts;

/// <summary>
/// A transducer (RNN-T, TDT): for a position of the sound and what was written before it, the next token or the blank, and, in a
/// token-and-duration transducer, how many positions that takes. Pure functions over tensors; rows are hypotheses or streams.
/// </summary>
public interface ITransducer
{
    TransducerShape Shape { get; }

    /// <summary>
    /// Encoded sound (n, encoder's width) → its share of the joiner (n, width), of as many positions at once as there are.
    /// </summary>
    Tensor ProjectEncoded(Tensor encoded, Scope root);

    /// <summary>
    /// The predictor: tokens (n) and the states of what was written before them, which it carries on → their share of the joiner (n,
    /// width). What comes first is the blank, whose embedding is zero; later ones are not told to it.
    /// </summary>
    Tensor Predict(Tensor tokens, IReadOnlyList<RecurrentState> states, Scope root);

    /// <summary>
    /// The joiner: <see cref="ProjectEncoded"/> (n, width) and <see cref="Predict"/> (n, width), or (1, width) for all → logits (n,
    /// outputs): of the vocabulary, then of the durations.
    /// </summary>
    Tensor Join(Tensor encoded, Tensor predicted, Scope root);
}

/// <summary>The sizes of a transducer and its rules.</summary>
public sealed record TransducerShape
{
    /// <summary>Tokens, the blank among them.</summary>
    public required int VocabSize { get; init; }

    /// <summary>The token that stands for nothing new.</summary>
    public required int Blank { get; init; }

    /// <summary>The durations that it chooses from, in positions; empty where each token takes one (RNN-T).</summary>
    public IReadOnlyList<int> Durations { get; init; } = [];

    /// <summary>The most tokens of one position.</summary>
    public int MostSymbols { get; init; } = 10;

    /// <summary>Values of a position of encoded sound.</summary>
    public required int EncodedWidth { get; init; }

    /// <summary>Values where sound and text meet.</summary>
    public required int Width { get; init; }

    /// <summary>Values of each of the predictor's recurrent states, layer by layer.</summary>
    public required IReadOnlyList<int> StateSizes { get; init; }

    /// <summary>Logits of a position.</summary>
    public int Outputs => VocabSize + Durations.Count;

    /// <summary>The predictor's states before anything is written, a layer each.</summary>
    public RecurrentState[] CreateStates(Backend backend, int rows)
    {
        ArgumentNullException.ThrowIfNull(backend);
        return [.. StateSizes.Select(size => backend.CreateRecurrentState(rows, size))];
    }
}
