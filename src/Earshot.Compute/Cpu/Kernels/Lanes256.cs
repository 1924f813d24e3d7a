using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>8 float32 lanes: 256 bits.</summary>
internal readonly unsafe struct Lanes256(Vector256<float> value) : ILanes<Lanes256>
{
    readonly Vector256<float> _value = value;

    public static int Count => 8;

    public Vector256<float> Value => _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadInt32(int* source, int less) =>
        new(Vector256.ConvertToSingle(Vector256.Load(source) - Vector256.Create(less)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadEven(byte* pairs) => new((Vector256.Load((uint*)pairs) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadOdd(byte* pairs) => new((Vector256.Load((uint*)pairs) & Vector256.Create(0xFFFF0000u)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadByte(byte* quads, int index) =>
        new(Vector256.ConvertToSingle(
            ((Vector256.Load((uint*)quads) >> (8 * index)) & Vector256.Create(255u)).AsInt32() - Vector256.Create(128)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadInt8(sbyte* source)
    {
        var (low, high) = Vector128.Widen(Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()));
        return new(Vector256.ConvertToSingle(Vector256.Create(low, high)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBF16(ushort* source)
    {
        var (low, high) = Vector128.Widen(Vector128.Load(source));
        return new((Vector256.Create(low, high) << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadHalf(ushort* source)
    {
        var (low, high) = Vector128.Widen(Vector128.Load((short*)source));
        // Moving exponent and fraction into place leaves the exponent short by 127 − 15 = 112, and copies of the sign below it.
        return new(
            ((Vector256.Create(low, high) << 13) & Vector256.Create(~0x70000000)).AsSingle() * Vector256.Create(5.192296858534828e33f));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadBits(byte* source) => new(Vector256.Load((float*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 NextCode(Lanes256 codes) => new((codes._value.AsUInt32() >> 4).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Lookup(float* table, Lanes256 codes)
    {
        // The permutations look at the lowest three bits; the fourth, moved to the sign, chooses between them.
        var indices = codes._value.AsInt32();
        var low = Avx2.PermuteVar8x32(Vector256.Load(table), indices);
        var high = Avx2.PermuteVar8x32(Vector256.Load(table + 8), indices);
        return new(Avx.BlendVariable(low, high, (indices << 28).AsSingle()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 left, Lanes256 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator -(Lanes256 left, Lanes256 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 left, Lanes256 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator /(Lanes256 left, Lanes256 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 MultiplyAdd(Lanes256 left, Lanes256 right, Lanes256 addend) =>
        new(Vector256.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 left, Lanes256 right) => new(Avx.Max(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 left, Lanes256 right) => new(Avx.Min(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Abs(Lanes256 value) => new(Vector256.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    // Adding 1.5 · 2²³ leaves no bits for a fraction.
    public static Lanes256 Round(Lanes256 value) => new((value._value + Vector256.Create(12582912f)) - Vector256.Create(12582912f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 PowerOfTwo(Lanes256 n) =>
        new(((Vector256.ConvertToInt32Native(n._value) + Vector256.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ScaleByPowerOfTwo(Lanes256 value, Lanes256 shifted) =>
        new((value._value.AsInt32() + (shifted._value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 ZeroBelow(Lanes256 value, Lanes256 x, Lanes256 limit) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(x._value, limit._value), Vector256<float>.Zero, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SelectPositive(Lanes256 x, Lanes256 positive, Lanes256 other) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(x._value, Vector256<float>.Zero), positive._value, other._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes256 value) => Vector256.Sum(value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes256 value) =>
        Lanes128.Largest(Lanes128.Max(new(value._value.GetLower()), new(value._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBF16(ushort* destination)
    {
        var bits = Rounded(_value) >> 16;
        Vector128.Narrow(bits.GetLower(), bits.GetUpper()).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Lanes256 even, Lanes256 odd, byte* destination) =>
        ((Rounded(even._value) >> 16) | (Rounded(odd._value) & Vector256.Create(0xFFFF0000u))).Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt16(short* destination)
    {
        var rounded = Vector256.ConvertToInt32Native(_value);
        Vector128.Narrow(rounded.GetLower(), rounded.GetUpper()).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt8(sbyte* destination)
    {
        var rounded = Vector256.ConvertToInt32Native(_value);
        Vector128.Narrow(Vector128.Narrow(rounded.GetLower(), rounded.GetUpper()), Vector128<short>.Zero).GetLower().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreQuads(Lanes256 first, Lanes256 second, Lanes256 third, Lanes256 fourth, byte* destination) =>
        (Byte(first._value) | (Byte(second._value) << 8) | (Byte(third._value) << 16) | (Byte(fourth._value) << 24))
            .Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Byte(Vector256<float> value) => (Vector256.ConvertToInt32Native(value) + Vector256.Create(128)).AsUInt32();

    // The upper 16 bits of each lane are the nearest bfloat16, ties to even.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Rounded(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        return bits + ((bits >> 16) & Vector256.Create(1u)) + Vector256.Create(0x7FFFu);
    }
}
