using Earshot.Compute;

namespace Earshot.Models;

/// <summary>How a Conformer's frames become fewer before its layers.</summary>
enum SubsamplingKind
{
    /// <summary>Convolutions over time and mels with a stride of 2.</summary>
    Striding,

    /// <summary>The same, from the second on by channel, with a product over channels behind each.</summary>
    DepthwiseStriding,
}

/// <summary>What positions a position sees: so many before it and after it, -1 for all; by chunks, or each by itself.</summary>
/// <param name="IsChunked">Whether those after it are those of its chunk of Right + 1, and those before it whole chunks.</param>
sealed record AttentionContext(int Left, int Right, bool IsChunked = false)
{
    public static AttentionContext Everything { get; } = new(-1, -1);

    /// <summary>Positions of a chunk.</summary>
    public int Chunk => Right + 1;

    /// <summary>Whether both sides end somewhere.</summary>
    public bool IsLimited => Left >= 0 && Right >= 0;

    /// <summary>The same where what is unlimited ends after so many positions.</summary>
    public AttentionContext Within(int positions) => IsChunked
        ? this
        : this with { Left = Left < 0 ? positions : Left, Right = Right < 0 ? positions : Right };

    public AttentionSpan Span => IsChunked
        ? AttentionSpan.Chunks(Chunk, Left < 0 ? null : Left / Chunk)
        : new AttentionSpan { Left = Left < 0 ? null : Left, Right = Right < 0 ? null : Right };

    public override string ToString() => $"[{Left}, {Right}]";
}

/// <summary>The sizes and switches of a Conformer or FastConformer.</summary>
sealed record ConformerConfig
{
    /// <summary>Mel channels.</summary>
    public required int MelBins { get; init; }

    public required int Size { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    /// <summary>Values between the matrices of the feed-forward networks.</summary>
    public required int InnerSize { get; init; }

    public SubsamplingKind Subsampling { get; init; } = SubsamplingKind.DepthwiseStriding;

    /// <summary>Frames of a position: a power of two.</summary>
    public int SubsamplingFactor { get; init; } = 8;

    public int SubsamplingChannels { get; init; } = 256;

    /// <summary>Whether convolutions before the layers see nothing that comes later, in time or pitch.</summary>
    public bool IsSubsamplingCausal { get; init; }

    /// <summary>Whether positions are multiplied by the root of their size before the layers.</summary>
    public bool ScalesInput { get; init; }

    public bool HasLinearBias { get; init; } = true;

    public bool HasConvolutionBias { get; init; } = true;

    public int Kernel { get; init; } = 9;

    /// <summary>Whether the layers' convolutions see nothing that comes later.</summary>
    public bool IsConvolutionCausal { get; init; }

    /// <summary>Whether the layers' convolutions are normalised by position; else by the training's mean and variance.</summary>
    public bool HasLayerNorm { get; init; }

    /// <summary>What positions see, as one of the training's choices; the first is the usual one.</summary>
    public IReadOnlyList<AttentionContext> Contexts { get; init; } = [AttentionContext.Everything];

    /// <summary>The first positions, which see and are seen by all, with a context that is less than everything.</summary>
    public int GlobalPositions { get; init; }

    public ConformerNames Names { get; init; } = ConformerNames.Nemo;

    public double SecondsPerPosition => SubsamplingFactor * 0.01;

    /// <summary>Convolutions with a stride before the layers.</summary>
    public int Stages => int.Log2(SubsamplingFactor);

    /// <summary>Frames, or mels, that come of one of them.</summary>
    public int Halved(int length) => length / 2 + (IsSubsamplingCausal ? 1 : length % 2);

    /// <summary>Whether sound can be heard chunk by chunk with what the whole would give.</summary>
    public bool CanStream =>
        IsSubsamplingCausal && IsConvolutionCausal && Contexts.All(context => context is { IsChunked: true, Left: >= 0, Right: >= 0 });
}

/// <summary>What a checkpoint calls the parts of a Conformer where it can be one of two.</summary>
sealed record ConformerNames
{
    /// <summary>NeMo's own.</summary>
    public static ConformerNames Nemo { get; } = new();

    /// <summary>Those of Parakeet in transformers.</summary>
    public static ConformerNames Parakeet { get; } = new()
    {
        Subsampling = "subsampling",
        Convolutions = "layers",
        Projection = "linear",
        Norm = "norm",
        Query = "q_proj",
        Key = "k_proj",
        Value = "v_proj",
        Output = "o_proj",
        Distance = "relative_k_proj",
        ContentBias = "bias_u",
        DistanceBias = "bias_v",
    };

    public string Subsampling { get; init; } = "pre_encode";

    public string Convolutions { get; init; } = "conv";

    public string Projection { get; init; } = "out";

    /// <summary>The convolution's norm.</summary>
    public string Norm { get; init; } = "batch_norm";

    public string Query { get; init; } = "linear_q";

    public string Key { get; init; } = "linear_k";

    public string Value { get; init; } = "linear_v";

    public string Output { get; init; } = "linear_out";

    public string Distance { get; init; } = "linear_pos";

    public string ContentBias { get; init; } = "pos_bias_u";

    public string DistanceBias { get; init; } = "pos_bias_v";
}
