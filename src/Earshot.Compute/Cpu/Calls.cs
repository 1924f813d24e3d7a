namespace Earshot.Compute.Cpu;

/// <summary>One matrix of a product, and where its results go; the stride in elements.</summary>
internal unsafe struct LinearTarget
{
    public PackedMatrix Weights;
    public float* Bias;
    public float* Y;
    public nint YStride;
}

/// <summary>
/// One matrix product: y = epilogue(x·Wᵀ + bias), x (Rows, in), y (Rows, out); strides in elements. Up to three matrices of the
/// same inputs and format may share the rows, which are then prepared once.
/// </summary>
internal unsafe struct LinearCall
{
    const int MostOthers = 2;

    public float* X;
    public nint XStride;

    /// <summary>Where the rows are gathered from, in place of <see cref="X"/>; null where they lie there whole.</summary>
    public Kernels.PatchRows* Patches;
    public int Rows;
    public RowPrecision Precision;
    public Activation Activation;
    public float* Residual;
    public nint ResidualStride;
    public LinearTarget First;
    public LinearTarget Second;
    public LinearTarget Third;

    /// <summary>Matrices beside the first.</summary>
    public int Others;

    public PackedMatrix Weights
    {
        readonly get => First.Weights;
        set => First.Weights = value;
    }

    public float* Bias
    {
        readonly get => First.Bias;
        set => First.Bias = value;
    }

    public float* Y
    {
        readonly get => First.Y;
        set => First.Y = value;
    }

    public nint YStride
    {
        readonly get => First.YStride;
        set => First.YStride = value;
    }

    /// <summary>Whether another matrix can share the rows.</summary>
    public readonly bool Takes(in LinearTarget target) => Others < MostOthers && target.Weights.Format == Weights.Format;

    public void Add(in LinearTarget target)
    {
        if (First.Weights is null) First = target;
        else if (++Others == 1) Second = target;
        else Third = target;
    }

    /// <summary>Whether the rows are computed as those of a decoding step.</summary>
    public readonly bool IsStep => Precision == RowPrecision.Step || (Precision == RowPrecision.ByRows && Rows <= CpuDevice.MaxExactRows);

    /// <summary>
    /// What multiplies: the weights' own kernel, or for sequences that of bfloat16, to which codes in groups are then unpacked where the
    /// processor multiplies it directly, and one of int16 for int8 where that is faster than float32.
    /// </summary>
    public readonly Kernels.MicroKernel Kernel
    {
        get
        {
            if (IsStep) return Weights.Kernel;
            var kernels = Weights.Kernels;
            if (Weights.Groups is not null || Weights.Blocks is not null)
                return kernels.BF16.RowType == Kernels.PanelType.BF16 ? kernels.BF16 : Weights.Kernel;
            return Weights.Kernel == kernels.Int8 ? kernels.SequenceInt8 ?? Weights.Kernel : Weights.Kernel;
        }
    }

    /// <summary>Panels of all matrices.</summary>
    public readonly int Panels => First.Weights.Panels + (Others > 0 ? Second.Weights.Panels : 0) + (Others > 1 ? Third.Weights.Panels : 0);

    /// <summary>Notices files that were changed under matrices that are mapped.</summary>
    /// <exception cref="CheckpointException">One was.</exception>
    public readonly void ThrowIfChanged()
    {
        First.Weights.Blocks?.ThrowIfChanged();
        if (Others > 0) Second.Weights.Blocks?.ThrowIfChanged();
        if (Others > 1) Third.Weights.Blocks?.ThrowIfChanged();
    }

    /// <summary>The matrix of a panel that is numbered over all matrices, and its number in there.</summary>
    public readonly LinearTarget Locate(int panel, out int own)
    {
        own = panel;
        if (own < First.Weights.Panels) return First;
        own -= First.Weights.Panels;
        if (own < Second.Weights.Panels) return Second;
        own -= Second.Weights.Panels;
        return Third;
    }
}

/// <summary>
/// Attention within sequences: q and output (Batch × Time, heads × HeadSize), k and v (Batch × (Earlier + Time), key heads × HeadSize),
/// contiguous.
/// </summary>
internal unsafe struct AttentionCall
{
    public float* Q;
    public float* K;
    public float* V;
    public float* Output;
    public int Batch;
    public int Time;

    /// <summary>Keys before the first query's position.</summary>
    public int Earlier;
    public int HeadSize;
    public Heads Heads;
    public KeySpan Span;

    /// <summary>Keys of each sequence that are not padding; null: all are.</summary>
    public int* Lengths;
    public ScoreBias Bias;

    /// <summary>The kernel that scores and weighs: float32, or bfloat16 where the processor multiplies it directly.</summary>
    public Kernels.MicroKernel Kernel;

    /// <summary>The kernel that scores where every query sees every key: int8; null for the same.</summary>
    public Kernels.MicroKernel? KeyKernel;
}

/// <summary>What is added to scores: (queries, keys) for each sequence and head, or one for all of them, with a stride of zero.</summary>
internal unsafe struct ScoreBias
{
    public float* Values;
    public nint BatchStride;
    public nint HeadStride;
}

/// <summary>
/// Steps of decoding, or stretches of prompts, over a growing cache: rows of q, k, v and output, laid out by <see cref="Layout"/>.
/// </summary>
internal unsafe struct CachedAttentionCall
{
    public float* Q;
    public float* K;
    public float* V;
    public float* Output;
    public int HeadSize;
    public Heads Heads;
    public BatchLayout Layout;
    public CpuKeyValueCache Cache;

    /// <summary>The kernel that scores and weighs in prompts: float32, or bfloat16 where the processor multiplies it directly.</summary>
    public Kernels.MicroKernel Kernel;
}

/// <summary>Tokens attending to the positions of their memory slots.</summary>
internal unsafe struct MemoryAttentionCall
{
    public float* Q;
    public float* Output;
    public int HeadSize;
    public Heads Heads;
    public BatchLayout Layout;
    public CpuCrossAttentionMemory Memory;
}

/// <summary>Keys and values of some positions, (Positions, Heads × size) each, to be packed for every head.</summary>
internal unsafe struct PackCall
{
    public Kernels.HeadLayout Layout;
    public float* Keys;
    public float* Values;
    public int Heads;
    public int Positions;
    public byte* Panels;
}
