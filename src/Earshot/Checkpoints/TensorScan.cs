using System.Numerics;
using System.Runtime.InteropServices;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A value that is infinite or not a number, and where it stands.</summary>
public readonly record struct NonFiniteValue(long Index, double Value);

/// <summary>Looks for values that no trained model has.</summary>
public static class TensorScan
{
    const int ChunkBytes = 1 << 16;

    /// <summary>The first infinity or not-a-number of a tensor, in row-major order, or null where all values are finite.</summary>
    public static NonFiniteValue? FindNonFinite(StoredTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type is not (DType.F64 or DType.F32 or DType.F16 or DType.BF16)) return null;
        var buffer = new byte[Math.Min(ChunkBytes, tensor.ByteLength)];
        for (long offset = 0; offset < tensor.ByteLength; offset += buffer.Length)
        {
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.ByteLength - offset));
            tensor.Read(offset, chunk);
            int index = FirstNonFinite(tensor.Type, chunk);
            if (index >= 0) return new NonFiniteValue(offset / tensor.Type.Size() + index, ValueAt(tensor.Type, chunk, index));
        }
        return null;
    }

    // A value is infinite or not a number exactly when all bits of its exponent are set.
    static int FirstNonFinite(DType type, ReadOnlySpan<byte> bytes) => type switch
    {
        DType.F64 => FirstWithBits<ulong>(bytes, 0x7FF0_0000_0000_0000),
        DType.F32 => FirstWithBits<uint>(bytes, 0x7F80_0000),
        DType.F16 => FirstWithBits<ushort>(bytes, 0x7C00),
        _ => FirstWithBits<ushort>(bytes, 0x7F80),
    };

    static int FirstWithBits<T>(ReadOnlySpan<byte> bytes, T bits) where T : unmanaged, IBinaryInteger<T>
    {
        var values = MemoryMarshal.Cast<byte, T>(bytes);
        var mask = new Vector<T>(bits);
        int i = 0;
        for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.EqualsAny(new Vector<T>(values[i..]) & mask, mask)) break;
        }
        for (; i < values.Length; i++)
        {
            if ((values[i] & bits) == bits) return i;
        }
        return -1;
    }

    static double ValueAt(DType type, ReadOnlySpan<byte> bytes, int index) => type switch
    {
        DType.F64 => MemoryMarshal.Cast<byte, double>(bytes)[index],
        DType.F32 => MemoryMarshal.Cast<byte, float>(bytes)[index],
        DType.F16 => (double)MemoryMarshal.Cast<byte, Half>(bytes)[index],
        _ => BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<byte, ushort>(bytes)[index] << 16),
    };
}
