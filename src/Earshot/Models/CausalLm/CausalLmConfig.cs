using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// The sizes of a decoder-only language model of the kind of Llama: <c>config.json</c> or the metadata of a GGUF file, under
/// <c>config.json</c>'s names in Pascal case.
/// </summary>
public sealed record CausalLmConfig
{
    /// <summary><c>llama</c>, <c>qwen2</c> or <c>qwen3</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Rows of the token table, which may be more than the tokenizer has ids.</summary>
    public required int VocabSize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }

    /// <summary>Heads of keys and values, which query heads share in equal groups.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Values of a head, which need not be the width over the heads.</summary>
    public required int HeadDim { get; init; }
    public required float RmsNormEps { get; init; }

    /// <summary>The most tokens of a sequence, prompt included.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>The rotary positions, scaled as the model asks.</summary>
    public required Rotary Rotary { get; init; }

    /// <summary>Whether the output projection is the token table.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool QueryBias { get; init; }

    /// <summary>Whether the attention's output has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the three matrices of the gated network have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether each head's queries and keys are normalised before they are turned.</summary>
    public bool QueryNorm { get; init; }

    /// <summary>
    /// How many positions each layer's attention sees, the token's own among them; 0: all of them. Empty where all layers see all.
    /// </summary>
    public IReadOnlyList<int> Windows { get; init; } = [];

    internal int WindowOf(int layer) => Windows.Count == 0 ? 0 : Windows[layer];

    /// <summary>The kinds that are known.</summary>
    internal static IReadOnlyList<string> Types { get; } = ["llama", "qwen2", "qwen3"];
}
