using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>16 float32 lanes: 512 bits.</summary>
internal readonly unsafe struct Lanes512(Vector512<float> value) : ILanes<Lanes512>
{
    readonly Vector512<float> _value = value;

    public static int Count => 16;

    public Vector512<float> Value => _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadInt32(int* source, int less) =>
        new(Vector512.ConvertToSingle(Vector512.Load(source) - Vector512.Create(less)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadEven(byte* pairs) => new((Vector512.Load((uint*)pairs) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadOdd(byte* pairs) => new((Vector512.Load((uint*)pairs) & Vector512.Create(0xFFFF0000u)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadByte(byte* quads, int index) =>
        new(Vector512.ConvertToSingle(
            ((Vector512.Load((uint*)quads) >> (8 * index)) & Vector512.Create(255u)).AsInt32() - Vector512.Create(128)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadInt8(sbyte* source)
    {
        var (low, high) = Vector128.Widen(Vector128.Load(source));
        var (first, second) = Vector256.Widen(Vector256.Create(low, high));
        return new(Vector512.ConvertToSingle(Vector512.Create(first, second)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBF16(ushort* source)
    {
        var (low, high) = Vector256.Widen(Vector256.Load(source));
        return new((Vector512.Create(low, high) << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadHalf(ushort* source)
    {
        var (low, high) = Vector256.Widen(Vector256.Load((short*)source));
        return new(
            ((Vector512.Create(low, high) << 13) & Vector512.Create(~0x70000000)).AsSingle() * Vector512.Create(5.192296858534828e33f));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 LoadBits(byte* source) => new(Vector512.Load((float*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 NextCode(Lanes512 codes) => new((codes._value.AsUInt32() >> 4).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Lookup(float* table, Lanes512 codes) =>
        new(Avx512F.PermuteVar16x32(Vector512.Load(table), codes._value.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator +(Lanes512 left, Lanes512 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator -(Lanes512 left, Lanes512 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator *(Lanes512 left, Lanes512 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator /(Lanes512 left, Lanes512 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAdd(Lanes512 left, Lanes512 right, Lanes512 addend) =>
        new(Vector512.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Max(Lanes512 left, Lanes512 right) => new(Avx512F.Max(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Min(Lanes512 left, Lanes512 right) => new(Avx512F.Min(left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Abs(Lanes512 value) => new(Vector512.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    // Adding 1.5 · 2²³ leaves no bits for a fraction.
    public static Lanes512 Round(Lanes512 value) => new((value._value + Vector512.Create(12582912f)) - Vector512.Create(12582912f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 PowerOfTwo(Lanes512 n) =>
        new(((Vector512.ConvertToInt32Native(n._value) + Vector512.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ScaleByPowerOfTwo(Lanes512 value, Lanes512 shifted) =>
        new((value._value.AsInt32() + (shifted._value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 ZeroBelow(Lanes512 value, Lanes512 x, Lanes512 limit) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(x._value, limit._value), Vector512<float>.Zero, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 SelectPositive(Lanes512 x, Lanes512 positive, Lanes512 other) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(x._value, Vector512<float>.Zero), positive._value, other._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes512 value) => Vector512.Sum(value._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes512 value) =>
        Lanes256.Largest(Lanes256.Max(new(value._value.GetLower()), new(value._value.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBF16(ushort* destination)
    {
        Avx512F.ConvertToVector256UInt16(Rounded(_value) >> 16).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Lanes512 even, Lanes512 odd, byte* destination) =>
        ((Rounded(even._value) >> 16) | (Rounded(odd._value) & Vector512.Create(0xFFFF0000u))).Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt16(short* destination) =>
        Avx512F.ConvertToVector256Int16(Vector512.ConvertToInt32Native(_value)).Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt8(sbyte* destination)
    {
        Avx512F.ConvertToVector128SByte(Vector512.ConvertToInt32Native(_value)).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreQuads(Lanes512 first, Lanes512 second, Lanes512 third, Lanes512 fourth, byte* destination) =>
        (Byte(first._value) | (Byte(second._value) << 8) | (Byte(third._value) << 16) | (Byte(fourth._value) << 24))
            .Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> Byte(Vector512<float> value) => (Vector512.ConvertToInt32Native(value) + Vector512.Create(128)).AsUInt32();

    // The upper 16 bits of each lane are the nearest bfloat16, ties to even.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> Rounded(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        return bits + ((bits >> 16) & Vector512.Create(1u)) + Vector512.Create(0x7FFFu);
    }
}
