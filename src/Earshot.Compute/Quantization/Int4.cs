namespace Earshot.Compute.Quantization;

/// <summary>
/// Symmetric int4 in groups: a value is a whole number from −7 to 7 times its group's scale, a float16. A code is the number
/// plus 8; two share a byte, the first in the low half. The last group may be short.
/// </summary>
public static class Int4
{
    /// <summary>The code of zero.</summary>
    public const int Zero = 8;

    const int Largest = 7;

    /// <summary>The value of each code, in units of the scale.</summary>
    public static ReadOnlySpan<float> Values => [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7];

    /// <summary>Codes of values, (count + 1) / 2 bytes, and a scale for each group.</summary>
    public static void Quantize(ReadOnlySpan<float> values, int groupSize, Span<byte> codes, Span<Half> scales)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 1);
        codes[..((values.Length + 1) / 2)].Clear();
        for (int first = 0, group = 0; first < values.Length; first += groupSize, group++)
        {
            var part = values.Slice(first, Math.Min(groupSize, values.Length - first));
            scales[group] = Scale(part);
            float scale = (float)scales[group];
            for (int i = 0; i < part.Length; i++)
            {
                int code = Zero + (scale == 0 ? 0 : (int)Math.Clamp(MathF.Round(part[i] / scale), -Largest, Largest));
                codes[(first + i) >> 1] |= (byte)(code << 4 * ((first + i) & 1));
            }
        }
    }

    public static void Dequantize(ReadOnlySpan<byte> codes, int groupSize, ReadOnlySpan<Half> scales, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = Values[codes[i >> 1] >> 4 * (i & 1) & 15] * (float)scales[i / groupSize];
    }

    static Half Scale(ReadOnlySpan<float> values)
    {
        float largest = 0;
        foreach (float value in values) largest = MathF.Max(largest, MathF.Abs(value));
        return (Half)MathF.Min(largest / Largest, (float)Half.MaxValue);
    }
}
