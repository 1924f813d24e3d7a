using System.Buffers.Binary;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.PeerBench;

/// <summary>Blocks for files to measure with: rounded from values, or random ones of a weight's usual size.</summary>
internal static class BlockEncoder
{
    /// <summary>The deviation of random weights.</summary>
    const float Deviation = 0.02f;

    // Deviations of codes that are equally likely: of four bits, of six, of eight; and the mean of six-bit scales.
    const float FourBits = 4.61f, SixBits = 18.5f, EightBits = 73.9f, MeanScale = 31.5f, MeanCode = 7.5f;

    /// <summary>The formats to which values are rounded.</summary>
    public static IReadOnlyList<BlockFormat> Rounded { get; } = [BlockFormat.Q4_0, BlockFormat.Q8_0];

    /// <summary>The formats of which random blocks are made.</summary>
    public static IReadOnlyList<BlockFormat> Random { get; } =
        [BlockFormat.Q4_0, BlockFormat.Q4_1, BlockFormat.Q8_0, BlockFormat.Q4_K, BlockFormat.Q6_K];

    /// <summary>Rounds 32 values to a block as ggml's reference does.</summary>
    public static void Round(BlockFormat format, ReadOnlySpan<float> values, Span<byte> block)
    {
        float largest = 0;
        foreach (float value in values) largest = MathF.Abs(value) > MathF.Abs(largest) ? value : largest;
        // The largest takes the code that only one sign has.
        float scale = format == BlockFormat.Q4_0 ? largest / -8 : MathF.Abs(largest) / 127, inverse = scale == 0 ? 0 : 1 / scale;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        if (format == BlockFormat.Q8_0)
        {
            for (int i = 0; i < values.Length; i++)
                block[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
            return;
        }
        for (int i = 0; i < values.Length / 2; i++)
        {
            int low = Math.Min(15, (int)(values[i] * inverse + 8.5f)), high = Math.Min(15, (int)(values[16 + i] * inverse + 8.5f));
            block[2 + i] = (byte)(low | high << 4);
        }
    }

    /// <summary>Fills whole blocks with random codes and with scales that give weights their deviation.</summary>
    public static void Fill(BlockFormat format, Random random, Span<byte> blocks)
    {
        random.NextBytes(blocks);
        for (; !blocks.IsEmpty; blocks = blocks[format.Bytes..])
        {
            switch (format.Name)
            {
                case nameof(BlockFormat.Q4_0):
                    Half(blocks, 0, Deviation / FourBits);
                    break;
                case nameof(BlockFormat.Q4_1):
                    Half(blocks, 0, Deviation / FourBits);
                    Half(blocks, 2, -MeanCode * Deviation / FourBits);
                    break;
                case nameof(BlockFormat.Q8_0):
                    Half(blocks, 0, Deviation / EightBits);
                    break;
                case nameof(BlockFormat.Q4_K):
                    Half(blocks, 0, Deviation / FourBits / MeanScale);
                    Half(blocks, 2, MeanCode * Deviation / FourBits / MeanScale);
                    break;
                default:
                    Half(blocks, 208, Deviation / SixBits / EightBits);
                    break;
            }
        }
    }

    static void Half(Span<byte> block, int offset, float value) =>
        BinaryPrimitives.WriteHalfLittleEndian(block[offset..], (Half)value);
}
