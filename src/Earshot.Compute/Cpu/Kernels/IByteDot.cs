using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Sums of products of 32 codes with 32 int8, spread over eight int32. Codes are int8, or of at most seven bits without a sign; the others
/// are −127 … 127.
/// </summary>
internal interface IByteDot
{
    /// <summary>Whether AVX2 may be used, which the machine must have.</summary>
    static abstract bool HasAvx2 { get; }

    static abstract Vector256<int> Unsigned(Vector256<byte> codes, Vector256<sbyte> values);

    static abstract Vector256<int> Signed(Vector256<byte> codes, Vector256<sbyte> values);

    /// <summary>
    /// The sum of two such products, of which the first four lanes hold the first halves' and the others the second halves'; codes have
    /// no sign, or are int8.
    /// </summary>
    static abstract Vector256<int> Interleaved(
        bool signed, (Vector256<byte> First, Vector256<byte> Second) codes, (Vector256<sbyte> First, Vector256<sbyte> Second) values);

    /// <summary>As <see cref="Signed"/>, with the products of each half times a whole number of a byte, eight times each.</summary>
    static abstract Vector256<int> Halves(Vector256<byte> codes, Vector256<sbyte> values, Vector256<short> factors);
}

/// <summary>By AVX2: pairs as int16, then pairs of those.</summary>
internal readonly struct Avx2Dot : IByteDot
{
    public static bool HasAvx2 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Unsigned(Vector256<byte> codes, Vector256<sbyte> values) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(codes, values), Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Signed(Vector256<byte> codes, Vector256<sbyte> values) =>
        Unsigned(Avx2.Abs(codes.AsSByte()), Avx2.Sign(values, codes.AsSByte()));

    // int16 holds the sum of four products with codes of six bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Interleaved(
        bool signed, (Vector256<byte> First, Vector256<byte> Second) codes, (Vector256<sbyte> First, Vector256<sbyte> Second) values) =>
        signed ? Signed(codes.First, values.First) + Signed(codes.Second, values.Second)
        : Avx2.MultiplyAddAdjacent(
            Avx2.MultiplyAddAdjacent(codes.First, values.First) + Avx2.MultiplyAddAdjacent(codes.Second, values.Second),
            Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Halves(Vector256<byte> codes, Vector256<sbyte> values, Vector256<short> factors) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Avx2.Abs(codes.AsSByte()), Avx2.Sign(values, codes.AsSByte())), factors);
}

/// <summary>By AVX-VNNI: four products an instruction.</summary>
internal readonly struct VnniDot : IByteDot
{
    public static bool IsSupported => AvxVnni.IsSupported;

    public static bool HasAvx2 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Unsigned(Vector256<byte> codes, Vector256<sbyte> values) =>
        AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, codes, values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Signed(Vector256<byte> codes, Vector256<sbyte> values) =>
        Unsigned(Avx2.Abs(codes.AsSByte()), Avx2.Sign(values, codes.AsSByte()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Interleaved(
        bool signed, (Vector256<byte> First, Vector256<byte> Second) codes, (Vector256<sbyte> First, Vector256<sbyte> Second) values) =>
        signed ? Signed(codes.First, values.First) + Signed(codes.Second, values.Second)
        : AvxVnni.MultiplyWideningAndAdd(Unsigned(codes.First, values.First), codes.Second, values.Second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Halves(Vector256<byte> codes, Vector256<sbyte> values, Vector256<short> factors) =>
        Avx2Dot.Halves(codes, values, factors);
}

/// <summary>By plain vector code.</summary>
internal readonly struct PlainDot : IByteDot
{
    public static bool HasAvx2 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Unsigned(Vector256<byte> codes, Vector256<sbyte> values) => Signed(codes, values);

    // int16 holds the sum of two products.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Signed(Vector256<byte> codes, Vector256<sbyte> values)
    {
        var (low, high) = Products(codes, values);
        return Sum(low + high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Interleaved(
        bool signed, (Vector256<byte> First, Vector256<byte> Second) codes, (Vector256<sbyte> First, Vector256<sbyte> Second) values)
    {
        var (low, high) = Products(codes.First, values.First);
        var (otherLow, otherHigh) = Products(codes.Second, values.Second);
        return Vector256.Create(Fold(Sum(low + otherLow)), Fold(Sum(high + otherHigh)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Halves(Vector256<byte> codes, Vector256<sbyte> values, Vector256<short> factors)
    {
        var (low, high) = Products(codes, values);
        return Sum(low) * Vector256.Create((int)factors.GetElement(0)) + Sum(high) * Vector256.Create((int)factors.GetElement(8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (Vector256<short> Low, Vector256<short> High) Products(Vector256<byte> codes, Vector256<sbyte> values)
    {
        var signed = codes.AsSByte();
        return (
            Vector256.WidenLower(signed) * Vector256.WidenLower(values),
            Vector256.WidenUpper(signed) * Vector256.WidenUpper(values));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Sum(Vector256<short> products) => Vector256.WidenLower(products) + Vector256.WidenUpper(products);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> Fold(Vector256<int> sums) => sums.GetLower() + sums.GetUpper();
}
