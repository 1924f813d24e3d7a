using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization.Blocks;

/// <summary>Q8_0: 32 values d · q; q is an int8.</summary>
readonly struct Q8_0 : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 34, D = 0, Codes = 2;

    public static string Name => nameof(Q8_0);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        BlockCodes.Scale(BlockCodes.At(block, Codes).AsSByte(), d, values);
        BlockCodes.Scale(BlockCodes.At(block, Codes + BlockCodes.Count).AsSByte(), d, values[BlockCodes.Count..]);
    }
}

/// <summary>Q4_0: 32 values d · (q − 8). The low halves of the bytes are the first 16 codes, the high halves the last.</summary>
readonly struct Q4_0 : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 18, D = 0, Codes = 2;

    public const sbyte Zero = 8;

    public static string Name => nameof(Q4_0);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        var packed = BlockCodes.At(block, Codes);
        BlockCodes.Scale(BlockCodes.Minus(BlockCodes.LowHalves(packed), Zero), d, values);
        BlockCodes.Scale(BlockCodes.Minus(BlockCodes.HighHalves(packed), Zero), d, values[BlockCodes.Count..]);
    }
}

/// <summary>Q4_1: 32 values d · q + m; codes as in Q4_0.</summary>
readonly struct Q4_1 : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 20, D = 0, M = 2, Codes = 4;

    public static string Name => nameof(Q4_1);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D), m = BlockCodes.Half(block, M);
        var packed = BlockCodes.At(block, Codes);
        BlockCodes.Scale(BlockCodes.LowHalves(packed), d, m, values);
        BlockCodes.Scale(BlockCodes.HighHalves(packed), d, m, values[BlockCodes.Count..]);
    }
}

/// <summary>Q5_0: 32 values d · (q − 16). Bit i of the fifth bits, a uint32, belongs to value i; the other four lie as in Q4_0.</summary>
readonly struct Q5_0 : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 22, D = 0, FifthBits = 2, Codes = 6;

    public const sbyte Zero = 16;

    public static string Name => nameof(Q5_0);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        var packed = BlockCodes.At(block, Codes);
        var low = BlockCodes.LowHalves(packed) | BlockCodes.WhereSet(block[FifthBits], block[FifthBits + 1], 16);
        var high = BlockCodes.HighHalves(packed) | BlockCodes.WhereSet(block[FifthBits + 2], block[FifthBits + 3], 16);
        BlockCodes.Scale(BlockCodes.Minus(low, Zero), d, values);
        BlockCodes.Scale(BlockCodes.Minus(high, Zero), d, values[BlockCodes.Count..]);
    }
}

/// <summary>Q5_1: 32 values d · q + m; codes as in Q5_0.</summary>
readonly struct Q5_1 : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 24, D = 0, M = 2, FifthBits = 4, Codes = 8;

    public static string Name => nameof(Q5_1);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D), m = BlockCodes.Half(block, M);
        var packed = BlockCodes.At(block, Codes);
        var low = BlockCodes.LowHalves(packed) | BlockCodes.WhereSet(block[FifthBits], block[FifthBits + 1], 16);
        var high = BlockCodes.HighHalves(packed) | BlockCodes.WhereSet(block[FifthBits + 2], block[FifthBits + 3], 16);
        BlockCodes.Scale(low, d, m, values);
        BlockCodes.Scale(high, d, m, values[BlockCodes.Count..]);
    }
}
