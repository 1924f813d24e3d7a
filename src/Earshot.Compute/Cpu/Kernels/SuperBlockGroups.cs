using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>What Q4_K and Q5_K share: eight groups a block, whose scales and minimums have six bits.</summary>
internal static unsafe class SixBitGroups
{
    /// <summary>Groups in a block.</summary>
    public const int Count = SixBitScales.ValueCount / SixBitScales.Group;

    public static void Scales(byte* row, int blockBytes, int groups, float* scales, float* offsets)
    {
        for (byte* block = row; groups > 0; groups -= Count, block += blockBytes, scales += Count, offsets += Count)
        {
            var (factors, minimums) = Unpack(block + SixBitScales.Scales);
            (BlockScales.Bytes(factors) * BlockScales.Half(block + SixBitScales.D)).Store(scales);
            (BlockScales.Bytes(minimums) * -BlockScales.Half(block + SixBitScales.DMin)).Store(offsets);
        }
    }

    // Eight bytes of each, all at once.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (ulong Factors, ulong Minimums) Unpack(byte* at)
    {
        const uint sixBits = 0x3F3F3F3F, fourBits = 0x0F0F0F0F, twoBits = 0x03030303;
        uint first = Unsafe.ReadUnaligned<uint>(at), second = Unsafe.ReadUnaligned<uint>(at + 4), last = Unsafe.ReadUnaligned<uint>(at + 8);
        uint factors = (last & fourBits) | ((first >> 6) & twoBits) << 4;
        uint minimums = ((last >> 4) & fourBits) | ((second >> 6) & twoBits) << 4;
        return ((ulong)factors << 32 | (first & sixBits), (ulong)minimums << 32 | (second & sixBits));
    }
}

/// <summary>Q4_K: pairs of groups share 32 bytes.</summary>
internal readonly unsafe struct Q4_KGroups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)((uint)group / SixBitGroups.Count) * Q4_K.ByteCount;
        var packed = Vector256.Load(block + Q4_K.Codes + 16 * ((uint)group % SixBitGroups.Count));
        first = PackedCodes.LowHalves(packed);
        second = PackedCodes.HighHalves(packed);
    }

    // Blocks have whole pairs.
    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second) => first = second = default;

    public static void Scales(byte* row, int groups, float* scales, float* offsets) =>
        SixBitGroups.Scales(row, Q4_K.ByteCount, groups, scales, offsets);

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q5_K: pairs of groups share 32 bytes, and all groups of a block the 32 bytes of fifth bits.</summary>
internal readonly unsafe struct Q5_KGroups : IBlockGroups
{
    public static bool IsSigned => false;

    public static bool HasOffsets => true;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)((uint)group / SixBitGroups.Count) * Q5_K.ByteCount;
        int own = (int)((uint)group % SixBitGroups.Count);
        var packed = Vector256.Load(block + Q5_K.Codes + 16 * own);
        var bits = Vector256.Load(block + Q5_K.FifthBits);
        first = PackedCodes.LowHalves(packed) | PackedCodes.WhereSet(bits, Vector256.Create((byte)(1 << own)));
        second = PackedCodes.HighHalves(packed) | PackedCodes.WhereSet(bits, Vector256.Create((byte)(2 << own)));
    }

    // Blocks have whole pairs.
    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second) => first = second = default;

    public static void Scales(byte* row, int groups, float* scales, float* offsets) =>
        SixBitGroups.Scales(row, Q5_K.ByteCount, groups, scales, offsets);

    public static Vector256<short> Halves(byte* row, int group) => default;
}

/// <summary>Q6_K: the first and the second two groups of each 128 codes share 64 bytes of low bits and 32 of upper ones.</summary>
internal readonly unsafe struct Q6_KGroups : IBlockGroups
{
    const int GroupsOfBlock = Q6_K.ValueCount / Q6_K.Group;
    const int GroupsOfHalf = Q6_K.Half / Q6_K.Group;

    public static bool IsSigned => true;

    public static bool HasOffsets => false;

    public static int CodeOffset => 0;

    public static bool HasHalves => true;

    public static bool IsInterleaved => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* block = row + (nint)((uint)group / GroupsOfBlock) * Q6_K.ByteCount;
        int half = (int)((uint)group % GroupsOfBlock / GroupsOfHalf), shift = 2 * (int)((uint)group % GroupsOfHalf);
        byte* low = block + Q6_K.LowBits + Q6_K.Half / 2 * half;
        // The second two groups lie in the upper halves of the bytes, and their bits four further up.
        var high = Vector256.Load(block + Q6_K.HighBits + Q6_K.Group * half).AsUInt16() >>> shift;
        first = Code((Vector256.Load(low).AsUInt16() >>> shift).AsByte(), (high << 4).AsByte());
        second = Code((Vector256.Load(low + Q6_K.Group).AsUInt16() >>> shift).AsByte(), (high << 2).AsByte());
    }

    // Blocks have whole pairs.
    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second) => first = second = default;

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        for (byte* block = row; groups > 0; groups -= GroupsOfBlock, block += Q6_K.ByteCount, scales += GroupsOfBlock)
            Vector256.Create(BlockScales.Half(block + Q6_K.D)).Store(scales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Halves(byte* row, int group)
    {
        var scales = (sbyte*)row + (nint)((uint)group / GroupsOfBlock) * Q6_K.ByteCount + Q6_K.Scales + 2 * ((uint)group % GroupsOfBlock);
        return Vector256.Create(Vector128.Create((short)scales[0]), Vector128.Create((short)scales[1]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<byte> Code(Vector256<byte> low, Vector256<byte> high)
    {
        var codes = PackedCodes.LowHalves(low) | (high & Vector256.Create((byte)0x30));
        return (codes.AsSByte() - Vector256.Create(Q6_K.Zero)).AsByte();
    }
}

/// <summary>IQ4_XS: groups as in IQ4_NL, whose scales have six bits.</summary>
internal readonly unsafe struct IQ4_XSGroups : IBlockGroups
{
    const int GroupsOfBlock = IQ4_XS.ValueCount / IQ4_XS.Group;

    public static bool IsSigned => true;

    public static bool HasOffsets => false;

    public static int CodeOffset => 0;

    public static bool HasHalves => false;

    public static bool IsInterleaved => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pair(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second)
    {
        byte* codes = row + (nint)((uint)group / GroupsOfBlock) * IQ4_XS.ByteCount + IQ4_XS.Codes + 16 * ((uint)group % GroupsOfBlock);
        var packed = Vector256.Load(codes);
        first = PackedCodes.NonLinear(PackedCodes.LowHalves(packed));
        second = PackedCodes.NonLinear(PackedCodes.HighHalves(packed));
    }

    // Blocks have whole pairs.
    public static void Last(byte* row, int group, out Vector256<byte> first, out Vector256<byte> second) => first = second = default;

    public static void Scales(byte* row, int groups, float* scales, float* offsets)
    {
        for (byte* block = row; groups > 0; groups -= GroupsOfBlock, block += IQ4_XS.ByteCount, scales += GroupsOfBlock)
        {
            float d = BlockScales.Half(block + IQ4_XS.D);
            int highs = *(ushort*)(block + IQ4_XS.HighScales);
            for (int g = 0; g < GroupsOfBlock; g++)
            {
                int low = block[IQ4_XS.LowScales + g / 2] >> 4 * (g % 2) & 15;
                scales[g] = d * ((low | (highs >> 2 * g & 3) << 4) - 32);
            }
        }
    }

    public static Vector256<short> Halves(byte* row, int group) => default;
}
