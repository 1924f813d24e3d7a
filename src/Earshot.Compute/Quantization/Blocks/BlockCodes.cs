using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Earshot.Compute.Quantization.Blocks;

/// <summary>What block types share: sixteen codes at a time, never with fused steps, so that every machine finds the same bits.</summary>
static class BlockCodes
{
    /// <summary>Codes that one vector has.</summary>
    public const int Count = 16;

    static readonly Vector128<byte> s_bits = Vector128.Create((byte)1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>The sixteen values of four bits of IQ4_NL and IQ4_XS, in units of the scale.</summary>
    public static readonly Vector128<sbyte> NonLinear =
        Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    /// <summary>A float16 of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Half(ReadOnlySpan<byte> block, int offset) => (float)BinaryPrimitives.ReadHalfLittleEndian(block[offset..]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> At(ReadOnlySpan<byte> block, int offset) => Vector128.Create(block.Slice(offset, Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> LowHalves(Vector128<byte> bytes) => bytes & Vector128.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> HighHalves(Vector128<byte> bytes) => bytes >>> 4;

    /// <summary>Two bits of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Pairs(Vector128<byte> bytes, int shift) => (bytes >>> shift) & Vector128.Create((byte)3);

    /// <summary>A value where a bit of each byte is set, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> WhereSet(Vector128<byte> bytes, int bit, byte value) =>
        ~Vector128.Equals(bytes & Vector128.Create((byte)(1 << bit)), Vector128<byte>.Zero) & Vector128.Create(value);

    /// <summary>A value for each of the sixteen bits of two bytes that is set, else 0; the lowest bit first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> WhereSet(byte first, byte second, byte value)
    {
        var spread = Vector128.Create(Vector64.Create(first), Vector64.Create(second));
        return ~Vector128.Equals(spread & s_bits, Vector128<byte>.Zero) & Vector128.Create(value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Minus(Vector128<byte> codes, sbyte zero) => codes.AsSByte() - Vector128.Create(zero);

    /// <summary>Sixteen values: scale · code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<sbyte> codes, float scale, Span<float> values)
    {
        var (low, high) = ToSingle(codes);
        (low * scale).CopyTo(values);
        (high * scale).CopyTo(values[Vector256<float>.Count..]);
    }

    /// <summary>Sixteen values: scale · code + offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<byte> codes, float scale, float offset, Span<float> values)
    {
        var (low, high) = ToSingle(codes.AsSByte());
        var added = Vector256.Create(offset);
        (low * scale + added).CopyTo(values);
        (high * scale + added).CopyTo(values[Vector256<float>.Count..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (Vector256<float> Low, Vector256<float> High) ToSingle(Vector128<sbyte> codes)
    {
        var wide = Vector256.WidenLower(codes.ToVector256Unsafe());
        return (Vector256.ConvertToSingle(Vector256.WidenLower(wide)), Vector256.ConvertToSingle(Vector256.WidenUpper(wide)));
    }
}
