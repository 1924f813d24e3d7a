using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Q4_0: a block is a group; its offset takes 8 off each code.</summary>
internal readonly unsafe struct Q4_0Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * Q4_0.ByteCount;
        return PackedCodes.Nibbles(block + Q4_0.Codes);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q4_0.D, Q4_0.ByteCount, groups, scales);
        BlockScales.Times(scales, -Q4_0.Zero, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q4_1: a block is a group.</summary>
internal readonly unsafe struct Q4_1Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * Q4_1.ByteCount;
        return PackedCodes.Nibbles(block + Q4_1.Codes);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q4_1.D, Q4_1.ByteCount, groups, scales);
        BlockScales.Halves(row + Q4_1.M, Q4_1.ByteCount, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q5_0: a block is a group; its offset takes 16 off each code.</summary>
internal readonly unsafe struct Q5_0Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * Q5_0.ByteCount;
        return PackedCodes.Nibbles(block + Q5_0.Codes) | PackedCodes.FifthBits(block + Q5_0.FifthBits);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q5_0.D, Q5_0.ByteCount, groups, scales);
        BlockScales.Times(scales, -Q5_0.Zero, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q5_1: a block is a group.</summary>
internal readonly unsafe struct Q5_1Groups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * Q5_1.ByteCount;
        return PackedCodes.Nibbles(block + Q5_1.Codes) | PackedCodes.FifthBits(block + Q5_1.FifthBits);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + Q5_1.D, Q5_1.ByteCount, groups, scales);
        BlockScales.Halves(row + Q5_1.M, Q5_1.ByteCount, groups, offsets);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q8_0: a block is a group of int8.</summary>
internal readonly unsafe struct Q8_0Groups : IBlockGroups
{
    public static bool IsSigned => true;

    public static bool HasOffsets => false;

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * Q8_0.ByteCount;
        return Vector256.Load(block + Q8_0.Codes);
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

    public static bool HasHalves => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> even, out Vector256<byte> odd)
    {
        even = Last(row, group);
        odd = Last(row, group + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Last(byte* row, int group)
    {
        byte* block = row + (nint)group * IQ4_NL.ByteCount;
        return PackedCodes.NonLinear(block + IQ4_NL.Codes);
    }

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        BlockScales.Halves(row + IQ4_NL.D, IQ4_NL.ByteCount, groups, scales);
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}
