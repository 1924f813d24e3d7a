namespace Earshot.Compute.Quantization;

/// <summary>Symmetric int8: a value is a whole number from −127 to 127 times one scale.</summary>
public static class Int8
{
    const int Largest = 127;

    /// <summary>Rounds values to the nearest codes, ties to even, and returns the scale: the largest magnitude becomes 127.</summary>
    public static float Quantize(ReadOnlySpan<float> values, Span<sbyte> codes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(codes.Length, values.Length);
        float scale = Rounding.Largest(values) / Largest;
        Rounding.ToMultiples(values, scale, (-Largest, Largest), codes);
        return scale;
    }

    public static void Dequantize(ReadOnlySpan<sbyte> codes, float scale, Span<float> values)
    {
        for (int i = 0; i < codes.Length; i++) values[i] = codes[i] * scale;
    }
}
