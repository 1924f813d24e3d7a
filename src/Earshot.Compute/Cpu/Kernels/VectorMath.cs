using System.Runtime.CompilerServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Functions of float32 lanes.</summary>
internal static class VectorMath<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>eˣ within 2 units in the last place; 0 below −87.3, where a float32 would be subnormal, and largest above 88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Exp(TLanes x)
    {
        const float lowest = -87.33654f, highest = 88.02f;
        const float toWhole = 12582912f; // 1.5 · 2²³: adding it leaves the nearest whole number in the low bits
        var clamped = TLanes.Min(TLanes.Create(highest), TLanes.Max(TLanes.Create(lowest), x));
        var n = TLanes.MultiplyAdd(clamped, TLanes.Create(1.44269504f), TLanes.Create(toWhole)) - TLanes.Create(toWhole);
        // ln 2 in two parts, the first with so few bits that its product with n is exact.
        var r = TLanes.MultiplyAdd(n, TLanes.Create(-0.693359375f), clamped);
        r = TLanes.MultiplyAdd(n, TLanes.Create(2.12194440e-4f), r);
        // (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2.
        var p = TLanes.Create(1.9875691500e-4f);
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(1.3981999507e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(8.3334519073e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(4.1665795894e-2f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(1.6666665459e-1f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(5.0000001201e-1f));
        p = TLanes.MultiplyAdd(p, r * r, r) + TLanes.Create(1);
        return TLanes.ZeroBelow(p * TLanes.PowerOfTwo(n), x, TLanes.Create(lowest));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Sigmoid(TLanes x) => TLanes.Create(1) / (TLanes.Create(1) + Exp(TLanes.Create(0) - x));

    /// <summary>x·Φ(x); erfc by Abramowitz and Stegun 7.1.26, whose absolute error is 1.5e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Gelu(TLanes x)
    {
        var a = TLanes.Abs(x) * TLanes.Create(0.70710678f);
        var t = TLanes.Create(1) / TLanes.MultiplyAdd(a, TLanes.Create(0.3275911f), TLanes.Create(1));
        var p = TLanes.Create(1.061405429f);
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(-1.453152027f));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(1.421413741f));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(-0.284496736f));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(0.254829592f));
        var erfc = p * t * Exp(TLanes.Create(0) - a * a);
        // 0.5·x·erfc(|x|/√2) is the answer below zero, and what is missing from x above.
        var half = TLanes.Create(0.5f) * x * erfc;
        return TLanes.SelectPositive(x, x - half, half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(Activation activation, TLanes x) => activation switch
    {
        Activation.Gelu => Gelu(x),
        Activation.Silu => x * Sigmoid(x),
        Activation.Relu => TLanes.Max(TLanes.Create(0), x),
        Activation.Sigmoid => Sigmoid(x),
        _ => x,
    };
}
