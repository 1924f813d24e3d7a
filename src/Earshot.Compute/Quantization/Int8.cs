namespace Earshot.Compute.Quantization;

/// <summary>Symmetric int8: a value is a whole number from −127 to 127 times one scale.</summary>
public static class Int8
{
    const int Largest = 127;

    /// <summary>Rounds values to the nearest codes, ties to even, and returns the scale: the largest magnitude becomes 127.</summary>
    public static float Quantize(ReadOnlySpan<float> values, Span<sbyte> codes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(codes.Length, values.Length);
        float largest = 0;
        foreach (float value in values) largest = MathF.Max(largest, MathF.Abs(value));
        float scale = largest / Largest;
        // Dividing, and not multiplying by 1 / scale, gives back whole multiples exactly.
        for (int i = 0; i < values.Length; i++) codes[i] = scale == 0 ? (sbyte)0 : (sbyte)Math.Clamp(MathF.Round(values[i] / scale), -Largest, Largest);
        return scale;
    }

    public static void Dequantize(ReadOnlySpan<sbyte> codes, float scale, Span<float> values)
    {
        for (int i = 0; i < codes.Length; i++) values[i] = codes[i] * scale;
    }
}
