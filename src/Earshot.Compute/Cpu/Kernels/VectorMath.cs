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

    /// <summary>2ˣ within 3e-7 for x up to 1; zero below −126.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes PowerOfTwo(TLanes x)
    {
        const float lowest = -126, toWhole = 12582912f;
        var shifted = TLanes.Max(TLanes.Create(lowest), x) + TLanes.Create(toWhole);
        var r = x - (shifted - TLanes.Create(toWhole));
        // Fitted on |r| ≤ ½ for the least relative error, 2e-9.
        var p = TLanes.Create(0.00015345812f);
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(0.001339993f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(0.0096184891f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(0.055503286f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(0.24022646f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(0.69314718f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(1));
        return TLanes.ZeroBelow(TLanes.ScaleByPowerOfTwo(p, shifted), x, TLanes.Create(lowest));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Sigmoid(TLanes x) => TLanes.Create(1) / (TLanes.Create(1) + Exp(TLanes.Create(0) - x));

    /// <summary>tanh x within 3e-7, as 2·sigmoid(2x) − 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Tanh(TLanes x) => TLanes.MultiplyAdd(TLanes.Create(2), Sigmoid(x + x), TLanes.Create(-1));

    /// <summary>
    /// x·Φ(x) within 6e-7. Φ(x) − ½ is x times a polynomial of x², fitted for the least error of Φ on |x| ≤ 5.2, where it is
    /// 8.7e-8; beyond that Φ is 0 or 1 to as many digits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Gelu(TLanes x)
    {
        const float limit = 5.2f;
        var low = TLanes.Max(TLanes.Create(-limit), x);
        var inside = TLanes.Min(TLanes.Create(limit), low);
        // In a variable from −1 to 1 all coefficients are small and nothing cancels.
        var v = TLanes.MultiplyAdd(inside * inside, TLanes.Create(2 / (limit * limit)), TLanes.Create(-1));
        var p = TLanes.Create(2.0404415e-4f);
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-5.6359067e-4f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(5.9581606e-4f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-9.7479549e-4f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(2.6681523e-3f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-5.0714184e-3f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(8.0068847e-3f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-1.2351269e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(1.8134823e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-2.4763966e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(3.1962205e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-3.9925344e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(5.0026115e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(-6.7743808e-2f));
        p = TLanes.MultiplyAdd(p, v, TLanes.Create(0.13594998f));
        return low * TLanes.MultiplyAdd(inside, p, TLanes.Create(0.5f));
    }
}

/// <summary>An activation as a type, so that a loop is compiled for it.</summary>
internal interface IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    static abstract TLanes Apply(TLanes x);
}

internal readonly struct Identity<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => x;
}

internal readonly struct Gelu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => VectorMath<TLanes>.Gelu(x);
}

internal readonly struct Silu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => x * VectorMath<TLanes>.Sigmoid(x);
}

internal readonly struct Relu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => TLanes.Max(TLanes.Create(0), x);
}

internal readonly struct Sigmoid<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => VectorMath<TLanes>.Sigmoid(x);
}

internal readonly struct LeakyRelu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => TLanes.Max(x * TLanes.Create(0.01f), x);
}

internal readonly struct Abs<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => TLanes.Abs(x);
}

internal readonly struct Tanh<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => VectorMath<TLanes>.Tanh(x);
}

internal readonly struct GeluTanh<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    // (1 + tanh u) / 2 is sigmoid(2u); 2·√(2/π) = 1.5957691, times 0.044715 = 0.07135482.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) =>
        x * VectorMath<TLanes>.Sigmoid(x * TLanes.MultiplyAdd(x * x, TLanes.Create(0.07135482f), TLanes.Create(1.5957691f)));
}

internal readonly struct QuickGelu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) => x * VectorMath<TLanes>.Sigmoid(x * TLanes.Create(1.702f));
}

internal readonly struct Elu<TLanes> : IActivation<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Apply(TLanes x) =>
        TLanes.SelectPositive(x, x, VectorMath<TLanes>.Exp(TLanes.Min(x, TLanes.Create(0))) - TLanes.Create(1));
}
