using System.Runtime.CompilerServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>The parts of a softmax over one row.</summary>
internal static unsafe class Softmax<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static float Largest(float* values, int count)
    {
        float result = float.NegativeInfinity;
        int i = 0;
        if (count >= TLanes.Count)
        {
            var largest = TLanes.Load(values);
            for (i = TLanes.Count; i <= count - TLanes.Count; i += TLanes.Count) largest = TLanes.Max(TLanes.Load(values + i), largest);
            result = TLanes.Largest(largest);
        }
        for (; i < count; i++) result = MathF.Max(result, values[i]);
        return result;
    }

    /// <summary>Replaces each value by e^(value − <paramref name="largest"/>); returns their sum.</summary>
    public static float Exponentials(float* values, int count, float largest) => Powers<PowerOfE>(values, count, largest);

    /// <summary>The same of two.</summary>
    public static float PowersOfTwo(float* values, int count, float largest) => Powers<PowerOfTwo>(values, count, largest);

    static float Powers<TPower>(float* values, int count, float largest) where TPower : struct, IPower
    {
        var shift = TLanes.Create(largest);
        var sum = TLanes.Create(0);
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            var e = TPower.Of(TLanes.Load(values + i) - shift);
            e.Store(values + i);
            sum += e;
        }
        float total = TLanes.Sum(sum);
        if (i == count) return total;
        // The last few go through the same function, so that a value's power does not depend on where it stands.
        float* rest = stackalloc float[TLanes.Count];
        new Span<float>(rest, TLanes.Count).Clear();
        int left = count - i;
        new Span<float>(values + i, left).CopyTo(new Span<float>(rest, left));
        TPower.Of(TLanes.Load(rest) - shift).Store(rest);
        for (int n = 0; n < left; n++)
        {
            values[i + n] = rest[n];
            total += rest[n];
        }
        return total;
    }

    public static void Scale(float* values, int count, float factor)
    {
        var scale = TLanes.Create(factor);
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) (TLanes.Load(values + i) * scale).Store(values + i);
        for (; i < count; i++) values[i] *= factor;
    }

    interface IPower
    {
        static abstract TLanes Of(TLanes x);
    }

    readonly struct PowerOfE : IPower
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TLanes Of(TLanes x) => VectorMath<TLanes>.Exp(x);
    }

    readonly struct PowerOfTwo : IPower
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TLanes Of(TLanes x) => VectorMath<TLanes>.PowerOfTwo(x);
    }
}
