using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>32 codes out of halves of bytes, fifth bits and tables.</summary>
internal static unsafe class PackedCodes
{
    /// <summary>16 bytes, and 16 others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(byte* first, byte* second) => Vector256.Create(Vector128.Load(first), Vector128.Load(second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> LowHalves(Vector256<byte> bytes) => bytes & Vector256.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> HighHalves(Vector256<byte> bytes) => LowHalves((bytes.AsUInt16() >>> 4).AsByte());

    /// <summary>16 for each of the 16 bits at both addresses that is set, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> FifthBits(byte* first, byte* second)
    {
        var bits = Vector256.Create((uint)(*(ushort*)first | *(ushort*)second << 16)).AsByte();
        // Each byte eight times: that of its own bit.
        bits = Vector256.Shuffle(bits, Vector256.Create(0ul, 0x0101010101010101ul, 0x1212121212121212ul, 0x1313131313131313ul).AsByte());
        return WhereSet(bits, Vector256.Create(0x8040201008040201ul).AsByte());
    }

    /// <summary>16 where a byte has the one bit of its mask, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> WhereSet(Vector256<byte> bytes, Vector256<byte> masks) =>
        Vector256.Equals(bytes & masks, masks) & Vector256.Create((byte)16);

    /// <summary>The non-linear values of codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> NonLinear(Vector256<byte> codes)
    {
        var values = BlockCodes.NonLinear.AsByte();
        return Vector256.Create(Vector128.ShuffleNative(values, codes.GetLower()), Vector128.ShuffleNative(values, codes.GetUpper()));
    }
}
