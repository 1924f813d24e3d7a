using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// How kernels read a row of one of ggml's block types: groups of 32 codes, each worth scale · (code + code's offset) + offset.
/// Implementations are empty structs, so that a loop over them is compiled for each.
/// </summary>
internal unsafe interface IBlockGroups
{
    /// <summary>Whether codes are int8; else they have six bits at most and no sign.</summary>
    static abstract bool IsSigned { get; }

    /// <summary>Whether groups have offsets that are stored.</summary>
    static abstract bool HasOffsets { get; }

    /// <summary>What is added to each code; 0 for nothing.</summary>
    static abstract int CodeOffset { get; }

    /// <summary>Whether the two halves of a group have whole numbers of their own by which the scale is multiplied.</summary>
    static abstract bool HasHalves { get; }

    /// <summary>
    /// Whether a pair of groups is read as the first halves of both, then the second halves, as they lie in the file; else one after
    /// the other.
    /// </summary>
    static abstract bool IsInterleaved { get; }

    /// <summary>The codes of two groups, of which the first has an even number, in 64 bytes.</summary>
    static abstract void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second);

    /// <summary>The same of a row's last group, where their number is odd; what stands for the other is multiplied by zeros.</summary>
    static abstract void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second);

    /// <summary>The scales of a row's groups, and the offsets where they are stored.</summary>
    static abstract void Scales(byte* row, int groups, float* scales, float* offsets);

    /// <summary>What the halves of a group are multiplied by, eight times each.</summary>
    static abstract Vector256<short> Halves(byte* row, int group);
}

/// <summary>Scales of blocks as float32, exactly.</summary>
internal static unsafe class BlockScales
{
    // No conversion has instructions of its own everywhere, and those that are computed branch at denormal numbers or stumble over them.
    static readonly float[] s_table = MakeTable();

    /// <summary>The value of each float16, at an address that does not move.</summary>
    static float* Table => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(s_table));

    /// <summary>One float16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Half(byte* at) => Table[*(ushort*)at];

    /// <summary>The float16 of all blocks of a row, a stride apart.</summary>
    public static void Halves(byte* at, int stride, int count, float* destination)
    {
        float* table = Table;
        for (int i = 0; i < count; i++, at += stride) destination[i] = table[*(ushort*)at];
    }

    /// <summary>Eight whole numbers of a byte each as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Bytes(ulong bytes)
    {
        var words = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte());
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32());
    }

    static float[] MakeTable()
    {
        var table = GC.AllocateUninitializedArray<float>(1 << 16, pinned: true);
        for (int i = 0; i < table.Length; i++) table[i] = (float)BitConverter.UInt16BitsToHalf((ushort)i);
        return table;
    }
}
