namespace Earshot.Compute.Quantization;

/// <summary>
/// int4 in groups: a value is a whole number from −8 to 7 times its group's scale, a float16 of either sign that is searched for
/// the least squared error. A code is the number plus 8; two share a byte, the first in the low half. The last group may be short.
/// </summary>
public static class Int4
{
    /// <summary>The code of zero.</summary>
    public const int Zero = 8;

    const int Chunk = 128;

    /// <summary>The value of each code, in units of the scale.</summary>
    public static ReadOnlySpan<float> Values => [-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7];

    /// <summary>
    /// Codes of values, (count + 1) / 2 bytes, and a scale for each group, never with a larger squared error than the largest
    /// magnitude over 7 has as the scale; the same bits on every machine.
    /// </summary>
    public static void Quantize(ReadOnlySpan<float> values, int groupSize, Span<byte> codes, Span<Half> scales)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 1);
        codes[..((values.Length + 1) / 2)].Clear();
        Span<sbyte> multiples = stackalloc sbyte[Chunk];
        for (int first = 0, group = 0; first < values.Length; first += groupSize, group++)
        {
            int end = Math.Min(first + groupSize, values.Length);
            scales[group] = Int4Scale.Find(values[first..end]);
            for (int start = first; start < end; start += Chunk)
            {
                var part = values[start..Math.Min(start + Chunk, end)];
                Rounding.ToMultiples(part, (float)scales[group], (Int4Scale.Lowest, Int4Scale.Highest), multiples);
                for (int i = 0; i < part.Length; i++) codes[(start + i) >> 1] |= (byte)(multiples[i] + Zero << 4 * ((start + i) & 1));
            }
        }
    }

    public static void Dequantize(ReadOnlySpan<byte> codes, int groupSize, ReadOnlySpan<Half> scales, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = Values[codes[i >> 1] >> 4 * (i & 1) & 15] * (float)scales[i / groupSize];
    }
}
