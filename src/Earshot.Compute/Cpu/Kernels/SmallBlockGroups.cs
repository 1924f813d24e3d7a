using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Q4_0: a block is a group; 8 is taken off each code.</summary>
internal readonly unsafe struct Q4_0Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => false;

    public static int CodeOffset => -Q4_0.Zero;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q4_0.ByteCount;
        Codes(block, block + Q4_0.ByteCount, out first, out second);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q4_0.ByteCount;
        Codes(block, block, out first, out second);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q4_0.D, Q4_0.ByteCount, groups, scales);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Codes(byte* even, byte* odd, out Vector256<byte> first, out Vector256<byte> second)
    {
        var packed = PackedCodes.Load(even + Q4_0.Codes, odd + Q4_0.Codes);
        first = PackedCodes.LowHalves(packed);
        second = PackedCodes.HighHalves(packed);
    }
}

/// <summary>Q4_1: a block is a group.</summary>
internal readonly unsafe struct Q4_1Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q4_1.ByteCount;
        Codes(block, block + Q4_1.ByteCount, out first, out second);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q4_1.ByteCount;
        Codes(block, block, out first, out second);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q4_1.D, Q4_1.ByteCount, groups, scales);
        BlockScales.Halves(row + Q4_1.M, Q4_1.ByteCount, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Codes(byte* even, byte* odd, out Vector256<byte> first, out Vector256<byte> second)
    {
        var packed = PackedCodes.Load(even + Q4_1.Codes, odd + Q4_1.Codes);
        first = PackedCodes.LowHalves(packed);
        second = PackedCodes.HighHalves(packed);
    }
}

/// <summary>Q5_0: a block is a group; 16 is taken off each code.</summary>
internal readonly unsafe struct Q5_0Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => false;

    public static int CodeOffset => -Q5_0.Zero;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q5_0.ByteCount;
        Codes(block, block + Q5_0.ByteCount, out first, out second);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q5_0.ByteCount;
        Codes(block, block, out first, out second);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q5_0.D, Q5_0.ByteCount, groups, scales);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Codes(byte* even, byte* odd, out Vector256<byte> first, out Vector256<byte> second)
    {
        var packed = PackedCodes.Load(even + Q5_0.Codes, odd + Q5_0.Codes);
        first = PackedCodes.LowHalves(packed) | PackedCodes.FifthBits(even + Q5_0.FifthBits, odd + Q5_0.FifthBits);
        second = PackedCodes.HighHalves(packed) | PackedCodes.FifthBits(even + Q5_0.FifthBits + 2, odd + Q5_0.FifthBits + 2);
    }
}

/// <summary>Q5_1: a block is a group.</summary>
internal readonly unsafe struct Q5_1Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q5_1.ByteCount;
        Codes(block, block + Q5_1.ByteCount, out first, out second);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q5_1.ByteCount;
        Codes(block, block, out first, out second);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q5_1.D, Q5_1.ByteCount, groups, scales);
        BlockScales.Halves(row + Q5_1.M, Q5_1.ByteCount, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Codes(byte* even, byte* odd, out Vector256<byte> first, out Vector256<byte> second)
    {
        var packed = PackedCodes.Load(even + Q5_1.Codes, odd + Q5_1.Codes);
        first = PackedCodes.LowHalves(packed) | PackedCodes.FifthBits(even + Q5_1.FifthBits, odd + Q5_1.FifthBits);
        second = PackedCodes.HighHalves(packed) | PackedCodes.FifthBits(even + Q5_1.FifthBits + 2, odd + Q5_1.FifthBits + 2);
    }
}

/// <summary>Q8_0: a block is a group of int8.</summary>
internal readonly unsafe struct Q8_0Groups : IBlockGroups
{
    public static bool IsSigned => true;

    public static bool HasOffsets => false;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * Q8_0.ByteCount;
        first = Vector256.Load(block + Q8_0.Codes);
        second = Vector256.Load(block + Q8_0.ByteCount + Q8_0.Codes);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        first = Vector256.Load(row + (nint)group * Q8_0.ByteCount + Q8_0.Codes);
        second = default;
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q8_0.D, Q8_0.ByteCount, groups, scales);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>IQ4_NL: a block is a group, whose codes stand for values of int8.</summary>
internal readonly unsafe struct IQ4_NLGroups : IBlockGroups
{
    public static bool IsSigned => true;

    public static bool HasOffsets => false;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * IQ4_NL.ByteCount;
        Codes(block, block + IQ4_NL.ByteCount, out first, out second);
    }

    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)group * IQ4_NL.ByteCount;
        Codes(block, block, out first, out second);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + IQ4_NL.D, IQ4_NL.ByteCount, groups, scales);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Codes(byte* even, byte* odd, out Vector256<byte> first, out Vector256<byte> second)
    {
        var packed = PackedCodes.Load(even + IQ4_NL.Codes, odd + IQ4_NL.Codes);
        first = PackedCodes.NonLinear(PackedCodes.LowHalves(packed));
        second = PackedCodes.NonLinear(PackedCodes.HighHalves(packed));
    }
}
