namespace Earshot.Compute.Cpu;

/// <summary>One matrix product: y = epilogue(x·Wᵀ + bias), x (Rows, in), y (Rows, out); strides in elements.</summary>
internal unsafe struct LinearCall
{
    public float* X;
    public nint XStride;
    public int Rows;
    public PackedMatrix Weights;
    public float* Bias;
    public Activation Activation;
    public float* Residual;
    public nint ResidualStride;
    public float* Y;
    public nint YStride;
}

/// <summary>Attention within sequences: q, k, v and output (Batch × Time, heads × HeadSize), contiguous.</summary>
internal unsafe struct AttentionCall
{
    public float* Q;
    public float* K;
    public float* V;
    public float* Output;
    public int Batch;
    public int Time;
    public int HeadSize;
    public Heads Heads;

    /// <summary>The kernel that scores and weighs: float32, or bfloat16 where the processor multiplies it directly.</summary>
    public Kernels.MicroKernel Kernel;
}

/// <summary>A step of decoding over a growing cache: Tokens rows of q, k, v and output, laid out by <see cref="Layout"/>.</summary>
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
}

/// <summary>Tokens attending to the positions of their memory slots.</summary>
internal unsafe struct MemoryAttentionCall
{
    public float* Q;
    public float* Output;
    public int HeadSize;
    public Heads Heads;
    public BatchLayout Layout;
    public CpuAttentionMemory Memory;
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
