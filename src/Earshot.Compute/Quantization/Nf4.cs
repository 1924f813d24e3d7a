namespace Earshot.Compute.Quantization;

/// <summary>What the scales of 256 blocks are quantised with: a block's scale is Mean + code · Step, and not below zero.</summary>
public readonly record struct Nf4Scales(float Mean, float Step);

/// <summary>
/// NormalFloat4 (Dettmers et al., QLoRA, 2023): blocks of 64 values, each the nearest of 16 quantiles of a normal distribution
/// times the block's largest magnitude, which is itself quantised to 8 bits in blocks of 256 about their mean. Two codes share
/// a byte, the first in the low half. The last blocks may be short.
/// </summary>
public static class Nf4
{
    /// <summary>Values that share a scale.</summary>
    public const int BlockSize = 64;

    /// <summary>Scales that share a mean and a step.</summary>
    public const int ScalesPerBlock = 256;

    /// <summary>The code of zero.</summary>
    public const int Zero = 7;

    /// <summary>The value of each code, in units of the scale (appendix E of the paper).</summary>
    public static ReadOnlySpan<float> Values =>
    [
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
        -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
    ];

    /// <summary>How many blocks some values take.</summary>
    public static int Blocks(int values) => (values + BlockSize - 1) / BlockSize;

    /// <summary>How many blocks of scales some values take.</summary>
    public static int ScaleBlocks(int values) => (Blocks(values) + ScalesPerBlock - 1) / ScalesPerBlock;

    /// <summary>Codes of values, (count + 1) / 2 bytes, codes of their scales, and what those are quantised with.</summary>
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> codes, Span<sbyte> scaleCodes, Span<Nf4Scales> scales)
    {
        codes[..((values.Length + 1) / 2)].Clear();
        QuantizeScales(values, scaleCodes, scales);
        for (int first = 0, block = 0; first < values.Length; first += BlockSize, block++)
        {
            float scale = Scale(scaleCodes[block], scales[block / ScalesPerBlock]);
            int end = Math.Min(first + BlockSize, values.Length);
            for (int i = first; i < end; i++) codes[i >> 1] |= (byte)(Nearest(scale == 0 ? 0 : values[i] / scale) << 4 * (i & 1));
        }
    }

    public static void Dequantize(ReadOnlySpan<byte> codes, ReadOnlySpan<sbyte> scaleCodes, ReadOnlySpan<Nf4Scales> scales, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            int block = i / BlockSize;
            values[i] = Values[codes[i >> 1] >> 4 * (i & 1) & 15] * Scale(scaleCodes[block], scales[block / ScalesPerBlock]);
        }
    }

    /// <summary>A block's scale from its code.</summary>
    public static float Scale(sbyte code, Nf4Scales scales) => MathF.Max(0, MathF.FusedMultiplyAdd(code, scales.Step, scales.Mean));

    static void QuantizeScales(ReadOnlySpan<float> values, Span<sbyte> codes, Span<Nf4Scales> scales)
    {
        int blocks = Blocks(values.Length);
        Span<float> largest = stackalloc float[ScalesPerBlock];
        for (int first = 0; first < blocks; first += ScalesPerBlock)
        {
            var part = largest[..Math.Min(ScalesPerBlock, blocks - first)];
            double sum = 0;
            for (int i = 0; i < part.Length; i++)
            {
                int start = (first + i) * BlockSize;
                part[i] = Rounding.Largest(values[start..Math.Min(start + BlockSize, values.Length)]);
                sum += part[i];
            }
            float mean = (float)(sum / part.Length), widest = 0;
            foreach (float scale in part) widest = MathF.Max(widest, MathF.Abs(scale - mean));
            float step = widest / 127;
            scales[first / ScalesPerBlock] = new Nf4Scales(mean, step);
            for (int i = 0; i < part.Length; i++) codes[first + i] = step == 0 ? (sbyte)0 : (sbyte)Math.Clamp(MathF.Round((part[i] - mean) / step), -127, 127);
        }
    }

    static int Nearest(float value)
    {
        var table = Values;
        int low = 0;
        // The first code whose midpoint with the next is not below the value.
        for (int half = 8; half > 0; half >>= 1)
        {
            if (value > (table[low + half - 1] + table[low + half]) / 2) low += half;
        }
        return low;
    }
}
