using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Onnx.Graph;
using Microsoft.Win32.SafeHandles;

namespace Earshot.Onnx.Recording;

/// <summary>Stored weights in the forms that graphs need, made piece by piece as they are written: no weight is held whole.</summary>
static class WeightReaders
{
    /// <summary>Makes <paramref name="count"/> whole rows from <paramref name="first"/> on.</summary>
    delegate void FillRows(StoredTensor source, long first, int count, Span<byte> rows);

    /// <summary>The elements in the checkpoint's order, in another type.</summary>
    public static TensorReader Converted(StoredTensor stored, OnnxElementType type) =>
        Rows(stored, type.Bits() / 8, (source, first, count, rows) =>
        {
            if (type == OnnxElementType.Float32)
            {
                source.ReadFloats(first, MemoryMarshal.Cast<byte, float>(rows));
                return;
            }
            var values = ArrayPool<float>.Shared.Rent(count);
            source.ReadFloats(first, values.AsSpan(0, count));
            TensorPrimitives.ConvertToHalf(values.AsSpan(0, count), MemoryMarshal.Cast<byte, Half>(rows));
            ArrayPool<float>.Shared.Return(values);
        });

    /// <summary>A matrix (out, in) as (in, out).</summary>
    public static TensorReader Transposed(StoredTensor stored, OnnxElementType type) => type == OnnxElementType.Float32
        ? Columns<float>(stored, (values, _, to, stride) =>
        {
            for (int i = 0; i < values.Length; i++) to[i * stride] = values[i];
        })
        : Columns<Half>(stored, (values, _, to, stride) =>
        {
            for (int i = 0; i < values.Length; i++) to[i * stride] = (Half)values[i];
        });

    /// <summary>A matrix (out, in) as int8 (in, out), a scale for each output.</summary>
    public static TensorReader QuantizedByOutput(StoredTensor stored, Lazy<float[]> scales) =>
        Columns<sbyte>(stored, (values, output, to, stride) =>
        {
            float inverse = 1 / scales.Value[output];
            for (int i = 0; i < values.Length; i++) to[i * stride] = (sbyte)Math.Clamp(MathF.Round(values[i] * inverse), -127, 127);
        });

    /// <summary>The scale of each output of a matrix (out, in): its largest magnitude is 127.</summary>
    public static float[] ScalesByOutput(StoredTensor stored)
    {
        int outputs = stored.Shape[0], inputs = stored.Shape[1];
        var scales = new float[outputs];
        using var file = FileTensor.Of(stored);
        var source = file ?? stored;
        var row = new float[inputs];
        for (int o = 0; o < outputs; o++)
        {
            source.ReadFloats((long)o * inputs, row);
            float largest = MathF.Abs(TensorPrimitives.MaxMagnitude<float>(row));
            scales[o] = largest > 0 ? largest / 127 : 1;
        }
        return scales;
    }

    /// <summary>
    /// A matrix (out, in) as MatMulNBits reads it: (out, blocks, bytes of a block), unsigned around the middle, low nibble first.
    /// </summary>
    public static TensorReader QuantizedByBlock(StoredTensor stored, BlockFormat format)
    {
        int inputs = stored.Shape[1], blocks = format.Blocks(inputs), bytes = format.BlockBytes;
        return Rows(stored, (long)blocks * bytes, (source, first, count, rows) =>
        {
            var values = ArrayPool<float>.Shared.Rent(blocks * format.Size);
            var row = values.AsSpan(0, blocks * format.Size);
            row.Clear(); // the last block may reach beyond the inputs
            for (int r = 0; r < count; r++)
            {
                source.ReadFloats((first + r) * inputs, row[..inputs]);
                for (int b = 0; b < blocks; b++)
                    format.Pack(row.Slice(b * format.Size, format.Size), rows.Slice((r * blocks + b) * bytes, bytes));
            }
            ArrayPool<float>.Shared.Return(values);
        });
    }

    /// <summary>The scales that go with <see cref="QuantizedByBlock"/>: (out × blocks) of float32.</summary>
    public static TensorReader ScalesByBlock(StoredTensor stored, BlockFormat format)
    {
        int inputs = stored.Shape[1], blocks = format.Blocks(inputs);
        return Rows(stored, blocks * sizeof(float), (source, first, count, rows) =>
        {
            var row = ArrayPool<float>.Shared.Rent(inputs);
            var scales = MemoryMarshal.Cast<byte, float>(rows);
            for (int r = 0; r < count; r++)
            {
                source.ReadFloats((first + r) * inputs, row.AsSpan(0, inputs));
                for (int b = 0; b < blocks; b++)
                {
                    scales[r * blocks + b] = format.Scale(
                        row.AsSpan(0, inputs).Slice(b * format.Size, Math.Min(format.Size, inputs - b * format.Size)));
                }
            }
            ArrayPool<float>.Shared.Return(row);
        });
    }

    delegate void WriteColumn<T>(ReadOnlySpan<float> values, int output, Span<T> to, int stride);

    // A piece of the transposed matrix is a band of columns of the stored one: from each stored row a short run is read.
    static TensorReader Columns<T>(StoredTensor stored, WriteColumn<T> write) where T : unmanaged
    {
        int outputs = stored.Shape[0], inputs = stored.Shape[1];
        return Rows(stored, (long)outputs * Marshal.SizeOf<T>(), (source, first, count, rows) =>
        {
            var run = ArrayPool<float>.Shared.Rent(count);
            var to = MemoryMarshal.Cast<byte, T>(rows);
            for (int o = 0; o < outputs; o++)
            {
                source.ReadFloats((long)o * inputs + first, run.AsSpan(0, count));
                write(run.AsSpan(0, count), o, to[o..], outputs);
            }
            ArrayPool<float>.Shared.Return(run);
        });
    }

    // Any run of bytes from a function that makes whole rows.
    static TensorReader Rows(StoredTensor stored, long rowBytes, FillRows fill) => (offset, destination) =>
    {
        using var file = FileTensor.Of(stored);
        var source = file ?? stored;
        long first = offset / rowBytes;
        int count = (int)((offset + destination.Length + rowBytes - 1) / rowBytes - first);
        int skip = (int)(offset - first * rowBytes);
        if (skip == 0 && count * rowBytes == destination.Length)
        {
            fill(source, first, count, destination);
            return;
        }
        int length = checked((int)(count * rowBytes));
        var rows = ArrayPool<byte>.Shared.Rent(length);
        fill(source, first, count, rows.AsSpan(0, length));
        rows.AsSpan(skip, destination.Length).CopyTo(destination);
        ArrayPool<byte>.Shared.Return(rows);
    };
}

/// <summary>
/// A stored tensor read from its file rather than from a mapping of it, whose pages would stay in memory when a whole checkpoint passes by
/// once.
/// </summary>
sealed class FileTensor : StoredTensor, IDisposable
{
    readonly SafeFileHandle _handle;
    readonly long _start;

    FileTensor(StoredTensor stored, SafeFileHandle handle) : base(stored.Name, stored.Type, stored.Shape)
    {
        _handle = handle;
        _start = stored.FileOffset;
    }

    /// <summary>The tensor's file opened, or null where it is in none.</summary>
    public static FileTensor? Of(StoredTensor stored) =>
        stored.File is { } file ? new FileTensor(stored, System.IO.File.OpenHandle(file)) : null;

    public override void Read(long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(_handle, destination, _start + offset);
            if (read == 0) throw new CheckpointException($"The file of tensor '{Name}' became shorter while it was read.");
            destination = destination[read..];
            offset += read;
        }
    }

    public void Dispose() => _handle.Dispose();
}

/// <summary>How a block of inputs is quantised: symmetric, stored unsigned with the middle (8 or 128) as zero.</summary>
sealed record BlockFormat(int Bits, int Size)
{
    public int BlockBytes => Size * Bits / 8;

    public int Blocks(int inputs) => (inputs + Size - 1) / Size;

    /// <summary>The block's largest value goes to the end of the range that has one step more: −8 or −128.</summary>
    public float Scale(ReadOnlySpan<float> values)
    {
        float largest = TensorPrimitives.MaxMagnitude(values);
        return largest == 0 ? 1 : -largest / (1 << (Bits - 1));
    }

    public void Pack(ReadOnlySpan<float> values, Span<byte> packed)
    {
        float inverse = 1 / Scale(values);
        if (Bits == 8)
        {
            for (int i = 0; i < values.Length; i++) packed[i] = Quantize(values[i] * inverse, 128);
            return;
        }
        for (int i = 0; i < packed.Length; i++)
            packed[i] = (byte)(Quantize(values[2 * i] * inverse, 8) | Quantize(values[2 * i + 1] * inverse, 8) << 4);
    }

    static byte Quantize(float value, int middle) => (byte)Math.Clamp(MathF.Round(value) + middle, 0, 2 * middle - 1);
}
