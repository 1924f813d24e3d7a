namespace Earshot.Compute.Cpu;

/// <summary>Which instructions the kernels may use, from the plainest to the fastest; each includes those before it.</summary>
public enum InstructionSet
{
    /// <summary>128-bit vectors as every processor has them; Arm's path too.</summary>
    Portable,

    /// <summary>AVX2 with fused multiply-add.</summary>
    Avx2,

    /// <summary>AVX2 with int8 dot products (AVX-VNNI).</summary>
    Avx2Vnni,

    /// <summary>AVX-512 (F, BW, DQ, VL), with its int8 and bfloat16 dot products where the processor has them.</summary>
    Avx512,

    /// <summary>AMX tiles, bfloat16 and int8, beside AVX-512.</summary>
    Amx,
}

/// <summary>How the weights of matrix products are held in memory and computed with.</summary>
public enum WeightFormat
{
    F32,

    /// <summary>Weights rounded to bfloat16; activations too, where the processor multiplies bfloat16 directly.</summary>
    BF16,

    /// <summary>Symmetric int8 per output channel; activations int8 per row where that is faster.</summary>
    Int8,

    /// <summary>Symmetric int4 in groups of 32 inputs.</summary>
    Int4Group32,

    /// <summary>Symmetric int4 in groups of 128 inputs.</summary>
    Int4Group128,

    /// <summary>QLoRA's NormalFloat4 in blocks of 64 with double quantisation of the scales.</summary>
    Nf4,
}

/// <summary>How keys and values that decoding attends to at every step are held in memory.</summary>
public enum KeyValueFormat
{
    F32,

    BF16,

    /// <summary>Symmetric int8 with a scale for each position and head; bfloat16 for a decoder's own past, which is short.</summary>
    Int8,
}

/// <summary>How the CPU backend computes. Every value has a default that suits the machine.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute together; null for one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>The instructions to use at most; null for the best there are (or what EARSHOT_ISA names).</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>The format of matrix weights.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.F32;

    /// <summary>The format of keys and values in memory; null for one as exact as <see cref="Weights"/>.</summary>
    public KeyValueFormat? KeyValues { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for <see cref="Weights"/>.</summary>
    public Func<string, WeightFormat?>? WeightsFor { get; init; }
}
