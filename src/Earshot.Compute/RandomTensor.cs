using System.Runtime.InteropServices;
using Earshot.Compute.Quantization;

namespace Earshot.Compute;

/// <summary>Random values in float16 or float32.</summary>
internal sealed class RandomTensor((string Name, Shape Shape) key, DType type, RandomValues values)
    : StoredTensor(key.Name, type, key.Shape)
{
    public override void Read(long offset, Span<byte> destination)
    {
        int size = Type.Size();
        if (offset % size != 0 || destination.Length % size != 0)
            throw RandomValues.NotWhole(Name, offset, destination.Length);
        if (Type == DType.F32) values.Fill(offset / size, MemoryMarshal.Cast<byte, float>(destination));
        else values.Fill(offset / size, MemoryMarshal.Cast<byte, Half>(destination));
    }
}

/// <summary>A random matrix in a quantised format: a row is made and quantised when it is read, and none is kept.</summary>
internal sealed class RandomMatrix((string Name, Shape Shape) key, WeightFormat format, RandomValues values)
    : StoredTensor(key.Name, DType.F32, key.Shape), IQuantizedRows
{
    public WeightFormat Format => format;

    public void ReadRow(int row, QuantizedRow destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var floats = new float[Shape[1]];
        values.Fill((long)row * floats.Length, floats);
        destination.Quantize(floats);
    }

    public override void Read(long offset, Span<byte> destination)
    {
        var floats = MemoryMarshal.Cast<byte, float>(destination);
        if (offset % sizeof(float) != 0 || destination.Length % sizeof(float) != 0)
            throw RandomValues.NotWhole(Name, offset, destination.Length);
        int columns = Shape[1];
        var row = new QuantizedRow(format, columns);
        var dequantised = new float[columns];
        for (long element = offset / sizeof(float); floats.Length > 0;)
        {
            int first = (int)(element % columns), count = Math.Min(columns - first, floats.Length);
            ReadRow(checked((int)(element / columns)), row);
            row.Dequantize(dequantised);
            dequantised.AsSpan(first, count).CopyTo(floats);
            floats = floats[count..];
            element += count;
        }
    }
}
