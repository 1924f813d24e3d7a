using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>4 float32 lanes: 128 bits.</summary>
internal readonly unsafe struct Lanes128(Vector128<float> value) : ILanes<Lanes128>
{
    readonly Vector128<float> _value = value;

    public static int Count => 4;

    public Vector128<float> Value => _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadInt32(int* source, int less) =>
        new(Vector128.ConvertToSingle(Vector128.Load(source) - Vector128.Create(less)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadEven(byte* pairs) => new((Vector128.Load((uint*)pairs) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadOdd(byte* pairs) => new((Vector128.Load((uint*)pairs) & Vector128.Create(0xFFFF0000u)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadByte(byte* quads, int index) =>
        new(Vector128.ConvertToSingle(
            ((Vector128.Load((uint*)quads) >> (8 * index)) & Vector128.Create(255u)).AsInt32() - Vector128.Create(128)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadInt8(sbyte* source) =>
        new(Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(
            Vector128.CreateScalarUnsafe(*(uint*)source).AsSByte()))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadBF16(ushort* source) =>
        new((Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadHalf(ushort* source) =>
        new(((Vector128.WidenLower(Vector64.Load((short*)source).ToVector128Unsafe()) << 13) & Vector128.Create(~0x70000000))
            .AsSingle() * Vector128.Create(5.192296858534828e33f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadBits(byte* source) => new(Vector128.Load((float*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 NextCode(Lanes128 codes) => new((codes._value.AsUInt32() >> 4).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Lookup(float* table, Lanes128 codes)
    {
        var indices = codes._value.AsInt32() & Vector128.Create(15);
        if (AdvSimd.Arm64.IsSupported)
        {
            // Bytes 4·index … 4·index + 3 of sixteen floats.
            var bytes = (indices.AsUInt32() * 0x04040404u + Vector128.Create(0x03020100u)).AsByte();
            var (first, second) = (Vector128.Load((byte*)table), Vector128.Load((byte*)(table + 4)));
            var (third, fourth) = (Vector128.Load((byte*)(table + 8)), Vector128.Load((byte*)(table + 12)));
            return new(AdvSimd.Arm64.VectorTableLookup((first, second, third, fourth), bytes).AsSingle());
        }
        return new(Vector128.Create(table[indices[0]], table[indices[1]], table[indices[2]], table[indices[3]]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator +(Lanes128 left, Lanes128 right) => new(left._value + right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator -(Lanes128 left, Lanes128 right) => new(left._value - right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator *(Lanes128 left, Lanes128 right) => new(left._value * right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator /(Lanes128 left, Lanes128 right) => new(left._value / right._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 MultiplyAdd(Lanes128 left, Lanes128 right, Lanes128 addend) =>
        new(Vector128.MultiplyAddEstimate(left._value, right._value, addend._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Max(Lanes128 left, Lanes128 right) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(left._value, right._value), left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Min(Lanes128 left, Lanes128 right) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(left._value, right._value), left._value, right._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Abs(Lanes128 value) => new(Vector128.Abs(value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    // Adding 1.5 · 2²³ leaves no bits for a fraction.
    public static Lanes128 Round(Lanes128 value) => new((value._value + Vector128.Create(12582912f)) - Vector128.Create(12582912f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 PowerOfTwo(Lanes128 n) =>
        new(((Vector128.ConvertToInt32Native(n._value) + Vector128.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ScaleByPowerOfTwo(Lanes128 value, Lanes128 shifted) =>
        new((value._value.AsInt32() + (shifted._value.AsInt32() << 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 ZeroBelow(Lanes128 value, Lanes128 x, Lanes128 limit) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(x._value, limit._value), Vector128<float>.Zero, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SelectPositive(Lanes128 x, Lanes128 positive, Lanes128 other) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(x._value, Vector128<float>.Zero), positive._value, other._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes128 value) => Vector128.Sum(value._value);

    // Without branches, which nothing could foresee.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes128 value)
    {
        var pairs = Vector128.MaxNative(value._value, Vector128.Shuffle(value._value, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(pairs, Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreBF16(ushort* destination)
    {
        var bits = Rounded(_value) >> 16;
        Vector128.Narrow(bits, bits).GetLower().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePairs(Lanes128 even, Lanes128 odd, byte* destination) =>
        ((Rounded(even._value) >> 16) | (Rounded(odd._value) & Vector128.Create(0xFFFF0000u))).Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt16(short* destination) =>
        Vector128.Narrow(Vector128.ConvertToInt32Native(_value), Vector128<int>.Zero).GetLower().Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt8(sbyte* destination)
    {
        var shorts = Vector128.Narrow(Vector128.ConvertToInt32Native(_value), Vector128<int>.Zero);
        *(uint*)destination = Vector128.Narrow(shorts, Vector128<short>.Zero).AsUInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreQuads(Lanes128 first, Lanes128 second, Lanes128 third, Lanes128 fourth, byte* destination) =>
        (Byte(first._value) | (Byte(second._value) << 8) | (Byte(third._value) << 16) | (Byte(fourth._value) << 24))
            .Store((uint*)destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> Byte(Vector128<float> value) => (Vector128.ConvertToInt32Native(value) + Vector128.Create(128)).AsUInt32();

    // The upper 16 bits of each lane are the nearest bfloat16, ties to even.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> Rounded(Vector128<float> value)
    {
        var bits = value.AsUInt32();
        return bits + ((bits >> 16) & Vector128.Create(1u)) + Vector128.Create(0x7FFFu);
    }
}
