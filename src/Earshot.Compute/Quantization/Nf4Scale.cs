using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization;

/// <summary>The scale of an nf4 block by squared error, and the nearest of its sixteen values.</summary>
internal static class Nf4Scale
{
    // Beyond these the sums of squares may leave float32's range.
    const float Smallest = 1e-15f, Largest = 1e15f;

    static readonly float[] s_midpoints =
    [
        .. Enumerable.Range(0, Nf4.Values.Length - 1).Select(i => (Nf4.Values[i] + Nf4.Values[i + 1]) / 2)
    ];

    /// <summary>What the largest magnitude is tried as, in units of the largest code: above 1 it is cut off.</summary>
    static ReadOnlySpan<float> Tried => [0.9f, 0.95f, 1, 1.05f, 1.1f, 1.15f, 1.2f, 1.25f, 1.3f];

    /// <summary>
    /// The scale that fits a block best before it is quantised itself; the largest magnitude where squares leave float32's range.
    /// </summary>
    public static float Find(ReadOnlySpan<float> block, float largest)
    {
        if (!(largest > Smallest && largest < Largest)) return largest;
        ScaleFit best = default;
        foreach (float size in Tried)
        {
            var fit = Fit(block, size / largest);
            if (fit.Gain > best.Gain) best = fit;
        }
        // Its codes have a best scale of their own.
        return best.Scale > 0 ? Fit(block, 1 / best.Scale).Scale : largest;
    }

    /// <summary>Σ (v − q·scale)² of the nearest values q.</summary>
    public static float SquaredError(ReadOnlySpan<float> block, float scale)
    {
        var divisor = Vector256.Create(scale == 0 ? 1 : scale);
        var sum = Vector256<float>.Zero;
        for (int i = 0; i < block.Length; i += Lanes.Count)
        {
            var values = Lanes.At(block, i);
            var error = values - NearestValues(values / divisor) * scale;
            sum += error * error;
        }
        return Lanes.Sum(sum);
    }

    /// <summary>
    /// The codes nearest to the values over the scale, zero's where the scale is zero; two share a byte, the first in the low half.
    /// </summary>
    public static void Encode(ReadOnlySpan<float> block, float scale, Span<byte> codes)
    {
        var divisor = Vector256.Create(scale);
        for (int i = 0; i < block.Length; i += Lanes.Count)
        {
            var nearest = scale == 0 ? Vector256.Create(Nf4.Zero) : NearestCodes(Lanes.At(block, i) / divisor);
            int count = Math.Min(Lanes.Count, block.Length - i);
            for (int lane = 0; lane < count; lane++)
            {
                if (lane % 2 == 0) codes[(i + lane) / 2] = (byte)nearest[lane];
                else codes[(i + lane) / 2] |= (byte)(nearest[lane] << 4);
            }
        }
    }

    static ScaleFit Fit(ReadOnlySpan<float> block, float inverse)
    {
        Vector256<float> products = default, squares = default;
        for (int i = 0; i < block.Length; i += Lanes.Count)
        {
            var values = Lanes.At(block, i);
            var nearest = NearestValues(values * inverse);
            products += values * nearest;
            squares += nearest * nearest;
        }
        return new(Lanes.Sum(products), Lanes.Sum(squares));
    }

    // A value is the code's whose midpoint with the one before it passes, and with the next does not.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> NearestValues(Vector256<float> values)
    {
        var nearest = Vector256.Create(Nf4.Values[0]);
        for (int i = 0; i < s_midpoints.Length; i++)
            nearest = Vector256.ConditionalSelect(
                Vector256.GreaterThan(values, Vector256.Create(s_midpoints[i])), Vector256.Create(Nf4.Values[i + 1]), nearest);
        return nearest;
    }

    static Vector256<int> NearestCodes(Vector256<float> values)
    {
        var codes = Vector256<int>.Zero;
        // Where it is greater all bits are set: −1.
        foreach (float midpoint in s_midpoints) codes -= Vector256.GreaterThan(values, Vector256.Create(midpoint)).AsInt32();
        return codes;
    }
}
