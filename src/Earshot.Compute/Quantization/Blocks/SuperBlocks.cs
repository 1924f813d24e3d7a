using System.Runtime.CompilerServices;

namespace Earshot.Compute.Quantization.Blocks;

/// <summary>
/// What Q4_K and Q5_K share: eight pairs of scale and minimum, six bits each, in twelve bytes, and codes in halves of bytes.
/// </summary>
static class SixBitScales
{
    public const int ByteCount = 12, ValueCount = 256, D = 0, DMin = 2, Scales = 4, Group = 32;

    /// <summary>The pair of a group of 32 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (int Scale, int Minimum) At(ReadOnlySpan<byte> bytes, int group) => group < 4
        ? (bytes[group] & 63, bytes[group + 4] & 63)
        : ((bytes[group + 4] & 15) | bytes[group - 4] >> 6 << 4, bytes[group + 4] >> 4 | bytes[group] >> 6 << 4);

    /// <summary>The values of a block, given where its codes and their fifth bits are; null where they have four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values, int firstCode, int? fifthBits)
    {
        float d = BlockCodes.Half(block, D), least = BlockCodes.Half(block, DMin);
        var scales = block.Slice(Scales, ByteCount);
        for (int g = 0; g < ValueCount / Group; g++)
        {
            var (scale, minimum) = At(scales, g);
            float times = d * scale, offset = -(least * minimum);
            for (int l = 0; l < Group; l += BlockCodes.Count)
            {
                var packed = BlockCodes.At(block, firstCode + Group * (g / 2) + l);
                var codes = g % 2 == 0 ? BlockCodes.LowHalves(packed) : BlockCodes.HighHalves(packed);
                if (fifthBits is { } bits) codes |= BlockCodes.WhereSet(BlockCodes.At(block, bits + l), g, 16);
                BlockCodes.Scale(codes, times, offset, values[(Group * g + l)..]);
            }
        }
    }
}

/// <summary>
/// Q4_K: 256 values (d · s) · q − dmin · m in eight groups of 32. 32 bytes hold two groups: one in the low halves, the next in the high.
/// </summary>
readonly struct Q4_K : IBlockLayout
{
    public const int ValueCount = SixBitScales.ValueCount, ByteCount = 144, Codes = 16;

    public static string Name => nameof(Q4_K);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values) =>
        SixBitScales.Dequantize(block, values, Codes, fifthBits: null);
}

/// <summary>Q5_K: as Q4_K, with a fifth bit: bit g of byte l belongs to value l of group g.</summary>
readonly struct Q5_K : IBlockLayout
{
    public const int ValueCount = SixBitScales.ValueCount, ByteCount = 176, FifthBits = 16, Codes = 48;

    public static string Name => nameof(Q5_K);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values) =>
        SixBitScales.Dequantize(block, values, Codes, FifthBits);
}

/// <summary>
/// Q6_K: 256 values (d · s) · (q − 32), a scale s of int8 for 16. In each half of 128, four groups of 32: the low four bits lie in 64
/// bytes (groups 0 and 1 in the low halves, 2 and 3 in the high), the upper two of all four groups in 32 bytes.
/// </summary>
readonly struct Q6_K : IBlockLayout
{
    public const int ValueCount = 256, ByteCount = 210, LowBits = 0, HighBits = 128, Scales = 192, D = 208, Half = 128, Group = 32;

    public const sbyte Zero = 32;

    public static string Name => nameof(Q6_K);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        for (int e = 0; e < ValueCount; e += BlockCodes.Count)
        {
            int n = e / Half, g = e % Half / Group, l = e % Group;
            var low = BlockCodes.At(block, LowBits + Half / 2 * n + Group * (g % 2) + l);
            var high = BlockCodes.Pairs(BlockCodes.At(block, HighBits + Group * n + l), 2 * g);
            var codes = (g < 2 ? BlockCodes.LowHalves(low) : BlockCodes.HighHalves(low)) | high << 4;
            BlockCodes.Scale(BlockCodes.Minus(codes, Zero), d * (sbyte)block[Scales + e / BlockCodes.Count], values[e..]);
        }
    }
}

/// <summary>
/// Q2_K: 256 values (d · s) · q − dmin · m, a byte of s (low half) and m (high half) for 16. In each half of 128, 32 bytes hold two bits of
/// all four groups of 32.
/// </summary>
readonly struct Q2_K : IBlockLayout
{
    public const int ValueCount = 256, ByteCount = 84, Scales = 0, Codes = 16, D = 80, DMin = 82, Half = 128, Group = 32;

    public static string Name => nameof(Q2_K);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D), least = BlockCodes.Half(block, DMin);
        for (int e = 0; e < ValueCount; e += BlockCodes.Count)
        {
            int n = e / Half, g = e % Half / Group, l = e % Group;
            var codes = BlockCodes.Pairs(BlockCodes.At(block, Codes + Group * n + l), 2 * g);
            int scale = block[Scales + e / BlockCodes.Count];
            BlockCodes.Scale(codes, d * (scale & 15), -(least * (scale >> 4)), values[e..]);
        }
    }
}

/// <summary>
/// Q3_K: 256 values (d · (s − 32)) · q, a scale s of six bits for 16. q has two bits as in Q2_K, and is four less unless bit e / 32 of
/// byte e mod 32 of the mask is set.
/// </summary>
readonly struct Q3_K : IBlockLayout
{
    public const int ValueCount = 256, ByteCount = 110, Mask = 0, Codes = 32, Scales = 96, D = 108, Half = 128, Group = 32;

    public static string Name => nameof(Q3_K);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        for (int e = 0; e < ValueCount; e += BlockCodes.Count)
        {
            int n = e / Half, g = e % Half / Group, l = e % Group;
            var codes = BlockCodes.Pairs(BlockCodes.At(block, Codes + Group * n + l), 2 * g)
                | BlockCodes.WhereSet(BlockCodes.At(block, Mask + l), e / Group, 4);
            BlockCodes.Scale(BlockCodes.Minus(codes, 4), d * (ScaleAt(block[Scales..], e / BlockCodes.Count) - 32), values[e..]);
        }
    }

    /// <summary>One of the sixteen scales in twelve bytes: eight of low halves of two scales each, four of upper bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScaleAt(ReadOnlySpan<byte> bytes, int index) =>
        (index < 8 ? bytes[index] & 15 : bytes[index - 8] >> 4) | ((bytes[8 + index % 4] >> 2 * (index / 4)) & 3) << 4;
}
