namespace Earshot.Compute.Quantization;

/// <summary>What the scales of 256 blocks are quantised with: a block's scale is Mean + code · Step, and not below zero.</summary>
public readonly record struct Nf4Scales(float Mean, float Step);

/// <summary>
/// NormalFloat4 (Dettmers et al., QLoRA, 2023): blocks of 64 values, each the nearest of 16 quantiles of a normal distribution
/// times the block's scale, which is itself quantised to 8 bits in blocks of 256 about their mean. Where the paper takes the
/// largest magnitude, the scale is searched for the least squared error. Two codes share a byte, the first in the low half. The
/// last blocks may be short.
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

    /// <summary>
    /// Codes of values, (count + 1) / 2 bytes, codes of their scales, and what those are quantised with; never with a larger squared
    /// error in 256 blocks than their largest magnitudes have as the scales; the same bits on every machine.
    /// </summary>
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> codes, Span<sbyte> scaleCodes, Span<Nf4Scales> scales)
    {
        QuantizeScales(values, scaleCodes, scales);
        for (int first = 0, block = 0; first < values.Length; first += BlockSize, block++)
        {
            float scale = Scale(scaleCodes[block], scales[block / ScalesPerBlock]);
            Nf4Scale.Encode(Block(values, block), scale, codes[(first / 2)..]);
        }
    }

    public static void Dequantize(
        ReadOnlySpan<byte> codes, ReadOnlySpan<sbyte> scaleCodes, ReadOnlySpan<Nf4Scales> scales, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            int block = i / BlockSize;
            values[i] = Values[codes[i >> 1] >> 4 * (i & 1) & 15] * Scale(scaleCodes[block], scales[block / ScalesPerBlock]);
        }
    }

    /// <summary>A block's scale from its code.</summary>
    public static float Scale(sbyte code, Nf4Scales scales) => MathF.Max(0, MathF.FusedMultiplyAdd(code, scales.Step, scales.Mean));

    static ReadOnlySpan<float> Block(ReadOnlySpan<float> values, int block) =>
        values[(block * BlockSize)..Math.Min((block + 1) * BlockSize, values.Length)];

    static void QuantizeScales(ReadOnlySpan<float> values, Span<sbyte> codes, Span<Nf4Scales> scales)
    {
        int blocks = Blocks(values.Length);
        for (int first = 0, i = 0; first < blocks; first += ScalesPerBlock, i++)
        {
            int last = Math.Min(first + ScalesPerBlock, blocks);
            scales[i] = QuantizeScales(values[(first * BlockSize)..Math.Min(last * BlockSize, values.Length)], codes[first..last]);
        }
    }

    // Scales of up to 256 blocks: the ones that fit best unless, once they share a mean and a step, the largest magnitudes do.
    static Nf4Scales QuantizeScales(ReadOnlySpan<float> values, Span<sbyte> codes)
    {
        Span<float> wished = stackalloc float[ScalesPerBlock];
        wished = wished[..codes.Length];
        for (int i = 0; i < codes.Length; i++) wished[i] = Rounding.Largest(Block(values, i));
        var plain = ToCodes(wished, codes);
        double plainError = SquaredError(values, codes, plain);
        for (int i = 0; i < codes.Length; i++) wished[i] = Nf4Scale.Find(Block(values, i), wished[i]);
        Span<sbyte> searchedCodes = stackalloc sbyte[ScalesPerBlock];
        searchedCodes = searchedCodes[..codes.Length];
        var searched = ToCodes(wished, searchedCodes);
        if (!(SquaredError(values, searchedCodes, searched) < plainError)) return plain;
        searchedCodes.CopyTo(codes);
        return searched;
    }

    static double SquaredError(ReadOnlySpan<float> values, ReadOnlySpan<sbyte> codes, Nf4Scales scales)
    {
        double sum = 0;
        for (int i = 0; i < codes.Length; i++) sum += Nf4Scale.SquaredError(Block(values, i), Scale(codes[i], scales));
        return sum;
    }

    static Nf4Scales ToCodes(ReadOnlySpan<float> scales, Span<sbyte> codes)
    {
        double sum = 0;
        foreach (float scale in scales) sum += scale;
        float mean = (float)(sum / scales.Length), widest = 0;
        foreach (float scale in scales) widest = MathF.Max(widest, MathF.Abs(scale - mean));
        float step = widest / 127;
        for (int i = 0; i < scales.Length; i++)
            codes[i] = step == 0 ? (sbyte)0 : (sbyte)Math.Clamp(MathF.Round((scales[i] - mean) / step), -127, 127);
        return new Nf4Scales(mean, step);
    }
}
