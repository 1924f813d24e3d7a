using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Brings the rows of a product into the form that a micro-kernel reads.</summary>
internal static unsafe class Rows<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>How many of a pair's fine units are one coarse unit: half of one is then 127, the most that a byte holds.</summary>
    public const float FineUnits = 254;

    /// <summary>
    /// Asks for a row that is read soon: one of a head's, far from its neighbours, is not foreseen by the processor.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* row, int count)
    {
        const int lineFloats = 16;
        if (!Sse.IsSupported) return;
        for (int i = 0; i < count; i += lineFloats) Sse.Prefetch0(row + i);
    }

    /// <summary>Copies <paramref name="count"/> inputs of a row and fills with zeros up to <paramref name="padded"/>.</summary>
    public static void ToF32(float* source, int count, float* destination, int padded)
    {
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) TLanes.Load(source + i).Store(destination + i);
        for (; i < count; i++) destination[i] = source[i];
        for (; i < padded; i++) destination[i] = 0;
    }

    /// <summary>The same, rounded to bfloat16.</summary>
    public static void ToBF16(float* source, int count, ushort* destination, int padded)
    {
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) TLanes.Load(source + i).StoreBF16(destination + i);
        for (; i < count; i++) destination[i] = BFloat16.Round(source[i]);
        for (; i < padded; i++) destination[i] = 0;
    }

    /// <summary>The same, in units of 1 / <paramref name="inverseScale"/> as int8; returns the sum of what was written.</summary>
    public static int ToInt8(float* source, int count, float inverseScale, sbyte* destination, int padded)
    {
        var scale = TLanes.Create(inverseScale);
        // float32 holds these sums exactly up to 132,000 inputs.
        var sums = TLanes.Create(0);
        int i = 0, sum = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            var rounded = TLanes.Round(TLanes.Load(source + i) * scale);
            rounded.StoreInt8(destination + i);
            sums += rounded;
        }
        for (; i < count; i++)
        {
            destination[i] = (sbyte)MathF.Round(source[i] * inverseScale);
            sum += destination[i];
        }
        for (; i < padded; i++) destination[i] = 0;
        return sum + (int)TLanes.Sum(sums);
    }

    /// <summary>
    /// Two rows of int8 for one: the nearest whole units, and what they leave over in <see cref="FineUnits"/>ths of a unit, 15 bits
    /// in all. Adds the sums of both to <paramref name="sums"/>.
    /// </summary>
    public static void ToInt8Pair(float* source, int count, float inverseScale, Int8Pair destination, int* sums)
    {
        TLanes scale = TLanes.Create(inverseScale), coarseSum = TLanes.Create(0), fineSum = TLanes.Create(0);
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count)
        {
            var value = TLanes.Load(source + i) * scale;
            var whole = TLanes.Round(value);
            var rest = TLanes.Round((value - whole) * TLanes.Create(FineUnits));
            whole.StoreInt8(destination.Coarse + i);
            rest.StoreInt8(destination.Fine + i);
            coarseSum += whole;
            fineSum += rest;
        }
        sums[0] += (int)TLanes.Sum(coarseSum);
        sums[1] += (int)TLanes.Sum(fineSum);
        for (; i < destination.Padded; i++)
        {
            float value = i < count ? source[i] * inverseScale : 0, whole = MathF.Round(value);
            destination.Coarse[i] = (sbyte)whole;
            destination.Fine[i] = (sbyte)MathF.Round((value - whole) * FineUnits);
            sums[0] += destination.Coarse[i];
            sums[1] += destination.Fine[i];
        }
    }

    /// <summary>Units of int16 in a row's largest, so that int32 holds the sums of as many products with int8.</summary>
    public static int WordUnits(int inputs) => Math.Clamp(int.MaxValue / 128 / Math.Max(1, inputs), 1, short.MaxValue);

    /// <summary>The same, in units of 1 / <paramref name="inverseScale"/> as int16.</summary>
    public static void ToInt16(float* source, int count, float inverseScale, short* destination, int padded)
    {
        var scale = TLanes.Create(inverseScale);
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) TLanes.Round(TLanes.Load(source + i) * scale).StoreInt16(destination + i);
        for (; i < count; i++) destination[i] = (short)MathF.Round(source[i] * inverseScale);
        for (; i < padded; i++) destination[i] = 0;
    }

    /// <summary>The largest magnitude.</summary>
    public static float Largest(float* source, int count)
    {
        var largest = TLanes.Create(0);
        float result = 0;
        int i = 0;
        for (; i <= count - TLanes.Count; i += TLanes.Count) largest = TLanes.Max(TLanes.Abs(TLanes.Load(source + i)), largest);
        for (; i < count; i++) result = MathF.Max(result, MathF.Abs(source[i]));
        return MathF.Max(result, TLanes.Largest(largest));
    }
}

/// <summary>Where a pair of int8 rows goes, filled up to a length.</summary>
internal readonly unsafe struct Int8Pair(sbyte* coarse, sbyte* fine, int padded)
{
    public sbyte* Coarse => coarse;

    public sbyte* Fine => fine;

    public int Padded => padded;
}

/// <summary>The upper half of a float32.</summary>
internal static class BFloat16
{
    /// <summary>The nearest bfloat16, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        // Rounding must not carry a not-a-number into infinity or zero.
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40);
        return (ushort)((bits + ((bits >> 16) & 1) + 0x7FFF) >> 16);
    }

    public static float ToSingle(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);
}
