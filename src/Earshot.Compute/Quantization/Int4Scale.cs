using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization;

/// <summary>
/// The scale of an int4 group by squared error. Codes end at −8 and 7, so a negative scale may fit better than a positive one,
/// and a wider group better with its largest value cut off than with room for it.
/// </summary>
internal static class Int4Scale
{
    public const int Lowest = -8, Highest = 7;

    // Half the smallest float16: where nothing is larger, no scale is better than zero.
    const float Smallest = 1f / (1 << 25);

    /// <summary>
    /// How many steps the largest magnitude is tried as. With the best scale for each one's codes these come within 0.3 % of the
    /// error of 800 scales (Whisper base's matrices).
    /// </summary>
    static ReadOnlySpan<float> Tried => [6, 6.5f, 7, 7.5f, 8, 8.5f, 9, 9.5f, 10];

    /// <summary>
    /// The scale of a group; the largest magnitude over 7 where no other has a smaller error, and where values are not finite or beyond
    /// float16's range.
    /// </summary>
    public static Half Find(ReadOnlySpan<float> group)
    {
        float largest = Rounding.Largest(group);
        var plain = (Half)MathF.Min(largest / Highest, (float)Half.MaxValue);
        if (!(largest > Smallest && largest <= Highest * (float)Half.MaxValue)) return plain;
        var best = (Scale: plain, Error: SquaredError(group, (float)plain));
        Try(group, Fitted(group, largest), ref best);
        if (best.Scale != default) Try(group, Refitted(group, (float)best.Scale), ref best);
        return best.Scale;
    }

    /// <summary>Σ (v − q·scale)² of the codes that <see cref="Rounding.ToMultiples"/> gives.</summary>
    public static float SquaredError(ReadOnlySpan<float> group, float scale)
    {
        var divisor = Vector256.Create(scale == 0 ? 1 : scale);
        var sum = Vector256<float>.Zero;
        for (int i = 0; i < group.Length; i += Lanes.Count)
        {
            var values = Lanes.At(group, i);
            var error = values - Lanes.Round(Lanes.Clamp(values / divisor, Lowest, Highest)) * scale;
            sum += error * error;
        }
        return Lanes.Sum(sum);
    }

    // Both signs, the positive first: where no code is −8 both have the same values, and quantising those again finds the same codes.
    static void Try(ReadOnlySpan<float> group, float magnitude, ref (Half Scale, float Error) best)
    {
        var scale = (Half)magnitude;
        for (int sign = 0; sign < 2; sign++, scale = -scale)
        {
            float error = SquaredError(group, (float)scale);
            if (error < best.Error) best = (scale, error);
        }
    }

    // The magnitude of the scale that fits best of all that are tried.
    static float Fitted(ReadOnlySpan<float> group, float largest)
    {
        ScaleFit best = default;
        foreach (float steps in Tried)
        {
            var (positive, negative) = Fit(group, steps / largest);
            if (positive.Gain > best.Gain) best = positive;
            if (negative.Gain > best.Gain) best = negative;
        }
        return best.Scale;
    }

    // The codes of the best scale so far have a best scale of their own.
    static float Refitted(ReadOnlySpan<float> group, float scale)
    {
        var (positive, negative) = Fit(group, 1 / MathF.Abs(scale));
        return scale > 0 ? positive.Scale : negative.Scale;
    }

    // A negative scale has the mirrored codes, which end at the other side.
    static (ScaleFit Positive, ScaleFit Negative) Fit(ReadOnlySpan<float> group, float inverse)
    {
        Vector256<float> products = default, squares = default, mirroredProducts = default, mirroredSquares = default;
        for (int i = 0; i < group.Length; i += Lanes.Count)
        {
            var values = Lanes.At(group, i);
            var multiples = Lanes.Round(values * inverse);
            var codes = Lanes.Clamp(multiples, Lowest, Highest);
            products += values * codes;
            squares += codes * codes;
            codes = Lanes.Clamp(multiples, -Highest, -Lowest);
            mirroredProducts += values * codes;
            mirroredSquares += codes * codes;
        }
        return (new(Lanes.Sum(products), Lanes.Sum(squares)), new(Lanes.Sum(mirroredProducts), Lanes.Sum(mirroredSquares)));
    }
}
