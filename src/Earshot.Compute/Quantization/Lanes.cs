using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization;

/// <summary>
/// Eight values at a time whatever the processor has, added up in one order and never with fused steps, so that every machine
/// finds the same sums and so the same scales.
/// </summary>
internal static class Lanes
{
    /// <summary>How many there are.</summary>
    public const int Count = 8;

    // Adding 1.5 · 2²³ leaves no bits for a fraction.
    static readonly Vector256<float> s_whole = Vector256.Create(12582912f);

    /// <summary>Values from an index on; zeros behind the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> At(ReadOnlySpan<float> values, int index) =>
        values.Length - index >= Count ? Vector256.Create(values[index..]) : Tail(values[index..]);

    /// <summary>Whole numbers, ties to even, of magnitudes below 2²².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> values) => values + s_whole - s_whole;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clamp(Vector256<float> values, float lowest, float highest) =>
        Vector256.MinNative(Vector256.MaxNative(values, Vector256.Create(lowest)), Vector256.Create(highest));

    public static float Sum(Vector256<float> values)
    {
        var four = values.GetLower() + values.GetUpper();
        return (four[0] + four[1]) + (four[2] + four[3]);
    }

    static Vector256<float> Tail(ReadOnlySpan<float> values)
    {
        Span<float> padded = stackalloc float[Count];
        padded.Clear();
        values.CopyTo(padded);
        return Vector256.Create((ReadOnlySpan<float>)padded);
    }
}

/// <summary>Sums over codes q of values v: how well a scale fits that has these codes, and which fits them best.</summary>
/// <param name="Products">Σ v·q.</param>
/// <param name="Squares">Σ q².</param>
internal readonly record struct ScaleFit(float Products, float Squares)
{
    /// <summary>The scale with the least squared error for these codes.</summary>
    public float Scale => Squares > 0 ? Products / Squares : 0;

    /// <summary>What that scale takes from Σ v², which is left as squared error.</summary>
    public float Gain => Squares > 0 ? Products * Products / Squares : 0;
}
