using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// Which instructions the kernels may use, from the plainest to the fastest; each includes those before it that the processor's
/// architecture has.
/// </summary>
public enum InstructionSet
{
    /// <summary>128-bit vectors as every processor has them, in code that the runtime compiles.</summary>
    Portable,

    /// <summary>Arm's Advanced SIMD, which every arm64 processor has.</summary>
    Neon,

    /// <summary>Advanced SIMD with dot products of int8 (FEAT_DotProd).</summary>
    NeonDotProd,

    /// <summary>Advanced SIMD with matrix products of int8 (FEAT_I8MM), and of bfloat16 (FEAT_BF16) where the processor has them.</summary>
    NeonI8mm,

    /// <summary>AVX2 with fused multiply-add.</summary>
    Avx2,

    /// <summary>AVX2 with int8 dot products (AVX-VNNI).</summary>
    Avx2Vnni,

    /// <summary>AVX-512 (F, BW, DQ, VL), with its int8 and bfloat16 dot products where the processor has them.</summary>
    Avx512,

    /// <summary>AMX tiles, bfloat16 and int8, beside AVX-512.</summary>
    Amx,
}

/// <summary>How keys and values that decoding attends to at every step are held in memory.</summary>
public enum KeyValueFormat
{
    F32,

    BF16,

    /// <summary>Symmetric int8 with a scale for each position and head.</summary>
    Int8,
}

/// <summary>What the arithmetic of matrix products follows where few rows are computed with more precision than many.</summary>
public enum RowPrecision
{
    /// <summary>The number of rows: up to <see cref="CpuDevice.MaxExactRows"/> as a step, more as a sequence.</summary>
    ByRows,

    /// <summary>As a decoding step, however many rows are merged.</summary>
    Step,

    /// <summary>As a long sequence, such as a prompt, however short its last chunk.</summary>
    Sequence,
}

/// <summary>How the CPU backend computes. Every value has a default that suits the machine.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute together; null for one a core (<see cref="ProcessorCores"/>).</summary>
    public int? Threads { get; init; }

    /// <summary>The instructions to use at most; null for the best there are (or what EARSHOT_ISA names).</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>The caches that products are cut for; null for what the machine has.</summary>
    public CacheSizes? Caches { get; init; }

    /// <summary>What matrix weights are held in memory and computed with: one of <see cref="CpuDevice.Formats"/>.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.F32;

    /// <summary>The format of keys and values in memory; null for one as exact as <see cref="Weights"/>.</summary>
    public KeyValueFormat? KeyValues { get; init; }

    /// <summary>
    /// The format of a decoder's own past; null for that of <see cref="KeyValues"/>, but bfloat16 in place of int8, which only long
    /// contexts are worth.
    /// </summary>
    public KeyValueFormat? Past { get; init; }

    /// <summary>
    /// What queries meet keys in within sequences that are seen as a whole, such as an encoder's: int8 where it is asked for and the
    /// processor multiplies it directly; null for that of <see cref="KeyValues"/>.
    /// </summary>
    public KeyValueFormat? Keys { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for <see cref="Weights"/>.</summary>
    public Func<string, WeightFormat?>? WeightsFor { get; init; }
}
