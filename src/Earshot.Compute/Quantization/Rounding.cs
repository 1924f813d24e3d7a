using System.Numerics;

namespace Earshot.Compute.Quantization;

/// <summary>Values → whole multiples of a scale, in vectors.</summary>
internal static class Rounding
{
    /// <summary>The largest magnitude; 0 of nothing.</summary>
    public static float Largest(ReadOnlySpan<float> values)
    {
        float largest = 0;
        int i = 0;
        if (values.Length >= Vector<float>.Count)
        {
            var lanes = Vector<float>.Zero;
            for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
                lanes = Vector.Max(lanes, Vector.Abs(new Vector<float>(values[i..])));
            for (int lane = 0; lane < Vector<float>.Count; lane++) largest = MathF.Max(largest, lanes[lane]);
        }
        for (; i < values.Length; i++) largest = MathF.Max(largest, MathF.Abs(values[i]));
        return largest;
    }

    /// <summary>The nearest multiples, ties to even, within limits; zeros where the scale is zero.</summary>
    public static void ToMultiples(ReadOnlySpan<float> values, float scale, (int Lowest, int Highest) limits, Span<sbyte> multiples)
    {
        if (scale == 0)
        {
            multiples[..values.Length].Clear();
            return;
        }
        // Dividing, and not multiplying by 1 / scale, gives back whole multiples exactly.
        int i = 0, width = Vector<float>.Count;
        for (; i <= values.Length - 4 * width; i += 4 * width)
        {
            var part = values.Slice(i, 4 * width);
            Vector.Narrow(
                Vector.Narrow(Rounded(part, scale, limits), Rounded(part[width..], scale, limits)),
                Vector.Narrow(Rounded(part[(2 * width)..], scale, limits), Rounded(part[(3 * width)..], scale, limits)))
                .CopyTo(multiples[i..]);
        }
        for (; i < values.Length; i++) multiples[i] = (sbyte)Math.Clamp(MathF.Round(values[i] / scale), limits.Lowest, limits.Highest);
    }

    static Vector<int> Rounded(ReadOnlySpan<float> values, float scale, (int Lowest, int Highest) limits)
    {
        var multiple = new Vector<float>(values) / new Vector<float>(scale);
        multiple = Vector.Min(Vector.Max(multiple, new Vector<float>(limits.Lowest)), new Vector<float>(limits.Highest));
        // Adding 1.5 · 2²³ leaves no bits for a fraction.
        var whole = new Vector<float>(12582912f);
        return Vector.ConvertToInt32(multiple + whole - whole);
    }
}
