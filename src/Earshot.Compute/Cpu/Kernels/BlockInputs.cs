using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// A row of inputs for block kernels: int8 in groups of 32, then the groups' scales, then their sums in those scales, which weights'
/// offsets are multiplied by. Groups are filled up with zeros to whole vectors. Pairs of groups lie as the weights' codes are read. For
/// emitted kernels all that lies in units instead: <see cref="UnitLayout"/>.
/// </summary>
/// <param name="unitBytes">Bytes of a unit; 0 where there are none.</param>
internal readonly unsafe struct BlockInputs(int inputs, bool interleaved, int unitBytes = 0)
{
    /// <summary>Inputs that share a scale.</summary>
    public const int GroupSize = 32;

    const float Units = 127;

    public int Groups { get; } = inputs / GroupSize;

    /// <summary>Whether a pair of groups lies as the first halves of both, then the second halves.</summary>
    public bool IsInterleaved { get; } = interleaved;

    public int PaddedGroups => (Groups + 7) & ~7;

    /// <summary>Bytes of a row.</summary>
    public nint Bytes
    {
        get
        {
            nint bytes = unitBytes == 0
                ? ((nint)PaddedGroups * (GroupSize + 2 * sizeof(float)) + 63) & ~63
                : (nint)PaddedGroups / UnitLayout.Groups * unitBytes;
            // Rows a multiple of 1 KiB apart would share few of the first-level cache's sets.
            return bytes % 1024 == 0 ? bytes + 64 : bytes;
        }
    }

    /// <summary>The groups' scales in a row, before their sums.</summary>
    public float* Scales(byte* row) => (float*)(row + (nint)PaddedGroups * GroupSize);

    /// <summary>Brings a row of float32 into that form.</summary>
    public void Quantize<TLanes>(float* source, byte* row) where TLanes : struct, ILanes<TLanes>
    {
        float* scales = Scales(row), sums = scales + PaddedGroups;
        byte* codes = row;
        for (int g = 0; g < Groups; g++, source += GroupSize, row += GroupSize)
            Quantize<TLanes>(source, (sbyte*)row, scales + g, sums + g);
        new Span<byte>(row, (PaddedGroups - Groups) * GroupSize).Clear();
        if (IsInterleaved) Interleave(codes);
        new Span<float>(scales + Groups, PaddedGroups - Groups).Clear();
        new Span<float>(sums + Groups, PaddedGroups - Groups).Clear();
    }

    /// <summary>A group: its int8, their scale, and their sum in it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quantize<TLanes>(float* source, sbyte* codes, float* scale, float* sum) where TLanes : struct, ILanes<TLanes>
    {
        var largest = TLanes.Abs(TLanes.Load(source));
        for (int i = TLanes.Count; i < GroupSize; i += TLanes.Count) largest = TLanes.Max(TLanes.Abs(TLanes.Load(source + i)), largest);
        float unit = TLanes.Largest(largest) / Units;
        var inverse = TLanes.Create(unit == 0 ? 0 : 1 / unit);
        var total = TLanes.Create(0);
        for (int i = 0; i < GroupSize; i += TLanes.Count)
        {
            var rounded = TLanes.Round(TLanes.Load(source + i) * inverse);
            rounded.StoreInt8(codes + i);
            total += rounded;
        }
        *scale = unit;
        *sum = TLanes.Sum(total) * unit;
    }

    // The second half of each pair's first group and the first half of its second change places.
    void Interleave(byte* codes)
    {
        const int half = GroupSize / 2;
        for (int pair = 0; pair < (Groups + 1) / 2; pair++, codes += 2 * GroupSize)
        {
            var second = Vector128.Load(codes + half);
            Vector128.Load(codes + 2 * half).Store(codes + half);
            second.Store(codes + 2 * half);
        }
    }
}
