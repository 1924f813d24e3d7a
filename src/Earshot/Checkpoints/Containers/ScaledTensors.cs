using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>An int8 matrix of CTranslate2's: codes as the house's own int8 has them, and what a unit of each row is divided by.</summary>
sealed class ScaledRows(string name, Shape shape, FileRange codes, float[] divisors)
    : QuantizedMatrix(name, shape, WeightFormat.Int8, outliers: null), IConvertedTensor
{
    public override string File => codes.File.Path;

    public override long FileOffset => codes.Offset;

    public string StoredAs => WeightFormat.Int8.Name;

    public long StoredBytes => Shape.Count + divisors.Length * sizeof(float);

    public WeightFormat? ComputedIn => WeightFormat.Int8;

    protected override void ReadCodes(int row, QuantizedRow destination)
    {
        codes.File.Read(codes.Offset + (long)row * Shape[1], destination.Codes);
        MemoryMarshal.Write(destination.Scales, 1 / divisors[row]);
    }
}

/// <summary>Whole numbers of CTranslate2's that are divided by a number, one for all or one for each row, as float32.</summary>
sealed class ScaledTensor(string name, (DType Type, Shape Shape) stored, FileRange at, float[] divisors)
    : StoredTensor(name, DType.F32, stored.Shape), IConvertedTensor
{
    const int Chunk = 2048;

    public override string File => at.File.Path;

    public override long FileOffset => at.Offset;

    public string StoredAs => stored.Type == DType.I8 ? "int8" : "int16";

    public long StoredBytes => Shape.Count * stored.Type.Size() + divisors.Length * sizeof(float);

    public WeightFormat? ComputedIn => null;

    public override void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteLength - destination.Length);
        long element = offset / sizeof(float), row = divisors.Length == 1 ? Shape.Count : Shape.Count / divisors.Length;
        int size = stored.Type.Size();
        Span<byte> buffer = stackalloc byte[Chunk * sizeof(short)];
        for (var values = MemoryMarshal.Cast<byte, float>(destination); !values.IsEmpty;)
        {
            int count = (int)Math.Min(Math.Min(values.Length, Chunk), row - element % row);
            var bytes = buffer[..(count * size)];
            at.File.Read(at.Offset + element * size, bytes);
            float divisor = divisors[element / row];
            for (int i = 0; i < count; i++)
                values[i] = (size == 1 ? (sbyte)bytes[i] : MemoryMarshal.Cast<byte, short>(bytes)[i]) / divisor;
            values = values[count..];
            element += count;
        }
    }
}
