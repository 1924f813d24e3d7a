using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// A block of scores of some rows, in place or apart from its probabilities; strides in bytes. Emitted code knows the offsets.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SoftmaxArguments
{
    /// <summary>Scores in a block of a row; what is missing from a shorter block is <see cref="Nothing"/>.</summary>
    public const int BlockScores = 256;

    /// <summary>A score that gives zero. Not −∞, which less itself is no number.</summary>
    public const float Nothing = -1e30f;

    public const int ScoresOffset = 0;
    public const int ScoreStrideOffset = 8;
    public const int OutputOffset = 16;
    public const int OutputStrideOffset = 24;
    public const int RowsOffset = 32;
    public const int LargestOffset = 40;
    public const int TotalsOffset = 48;
    public const int SumsOffset = 56;
    public const int SumVectorsOffset = 64;
    public const int FormerOffset = 72;
    public const int UnitsOffset = 80;
    public const int OffsetsOffset = 88;
    public const int ScalesOffset = 96;

    /// <summary>In units of log 2.</summary>
    public float* Scores;
    public nint ScoreStride;
    public byte* Output;
    public nint OutputStride;
    public nint Rows;

    /// <summary>The largest score of each row so far, <see cref="Nothing"/> at first.</summary>
    public float* Largest;

    /// <summary>The sum of each row's probabilities so far.</summary>
    public float* Totals;

    /// <summary>What is summed of each row's values so far, rows side by side.</summary>
    public float* Sums;

    /// <summary>Vectors of 64 bytes in a row of sums.</summary>
    public nint SumVectors;

    /// <summary>Room for a number a row.</summary>
    public float* Former;

    /// <summary>Of int32 scores: each row's unit.</summary>
    public float* Units;

    /// <summary>Of int32 scores: what is taken off those of each row first.</summary>
    public int* Offsets;

    /// <summary>Of int32 scores: each position's scale.</summary>
    public float* Scales;
}

/// <summary>An online softmax's step over a block of scores, emitted.</summary>
internal sealed unsafe class SoftmaxKernel(nint entry)
{
    public void Run(SoftmaxArguments* arguments) =>
        ((delegate* unmanaged[Cdecl, SuppressGCTransition]<SoftmaxArguments*, void>)entry)(arguments);
}
