using System.Buffers.Binary;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization.Blocks;

/// <summary>IQ4_NL: 32 values d · K[q], K the sixteen non-linear values; codes as in Q4_0.</summary>
readonly struct IQ4_NL : IBlockLayout
{
    public const int ValueCount = 32, ByteCount = 18, D = 0, Codes = 2;

    public static string Name => nameof(IQ4_NL);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values) =>
        Look(BlockCodes.At(block, Codes), BlockCodes.Half(block, D), values);

    /// <summary>32 values of 16 bytes.</summary>
    internal static void Look(Vector128<byte> packed, float scale, Span<float> values)
    {
        BlockCodes.Scale(Vector128.Shuffle(BlockCodes.NonLinear, BlockCodes.LowHalves(packed).AsSByte()), scale, values);
        BlockCodes.Scale(
            Vector128.Shuffle(BlockCodes.NonLinear, BlockCodes.HighHalves(packed).AsSByte()), scale, values[BlockCodes.Count..]);
    }
}

/// <summary>IQ4_XS: 256 values d · (s − 32) · K[q] in groups of 32, each as in IQ4_NL, with a scale s of six bits.</summary>
readonly struct IQ4_XS : IBlockLayout
{
    public const int ValueCount = 256, ByteCount = 136, D = 0, HighScales = 2, LowScales = 4, Codes = 8, Group = 32;

    public static string Name => nameof(IQ4_XS);

    public static int Length => ValueCount;

    public static int Bytes => ByteCount;

    public static void Dequantize(ReadOnlySpan<byte> block, Span<float> values)
    {
        float d = BlockCodes.Half(block, D);
        int highs = BinaryPrimitives.ReadUInt16LittleEndian(block[HighScales..]);
        for (int g = 0; g < ValueCount / Group; g++)
        {
            int scale = ((block[LowScales + g / 2] >> 4 * (g % 2)) & 15) | ((highs >> 2 * g) & 3) << 4;
            IQ4_NL.Look(BlockCodes.At(block, Codes + Group / 2 * g), d * (scale - 32), values.Slice(Group * g, Group));
        }
    }
}
