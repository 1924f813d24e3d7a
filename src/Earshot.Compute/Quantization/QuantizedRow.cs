using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;

namespace Earshot.Compute.Quantization;

/// <summary>A row of a matrix in a quantised format, byte for byte as it is saved, and its way there and back.</summary>
public sealed class QuantizedRow
{
    readonly byte[] _codes;
    readonly byte[] _scales;
    readonly sbyte[] _scaleCodes;

    /// <summary>Buffers for a row of so many values in int8, int4 or nf4.</summary>
    public QuantizedRow(WeightFormat format, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        Format = format;
        Columns = columns;
        _codes = new byte[format == WeightFormat.Int8 ? columns : (columns + 1) / 2];
        _scaleCodes = new sbyte[format == WeightFormat.Nf4 ? Nf4.Blocks(columns) : 0];
        _scales = new byte[format switch
        {
            WeightFormat.Int8 => sizeof(float),
            WeightFormat.Nf4 => Nf4.ScaleBlocks(columns) * 2 * sizeof(float),
            WeightFormat.Int4Group32 or WeightFormat.Int4Group128 => Int4.Groups(format, columns) * sizeof(ushort),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a quantised format."),
        }];
    }

    public WeightFormat Format { get; }

    public int Columns { get; }

    /// <summary>A byte a value of int8; two values share one in the other formats.</summary>
    public Span<byte> Codes => _codes;

    /// <summary>One float32 of int8; a float16 a group of int4; mean and step, float32, of each 256 scales of nf4.</summary>
    public Span<byte> Scales => _scales;

    /// <summary>A code for each block's scale of nf4; empty in the other formats.</summary>
    public Span<sbyte> ScaleCodes => _scaleCodes;

    /// <summary>What one unit of int8 is worth.</summary>
    public float Int8Scale => MemoryMarshal.Read<float>(_scales);

    /// <summary>The scales of int4's groups.</summary>
    public Span<Half> Int4Scales => MemoryMarshal.Cast<byte, Half>(_scales.AsSpan());

    /// <summary>What nf4's scales are quantised with.</summary>
    public Span<Nf4Scales> Nf4Scales => MemoryMarshal.Cast<byte, Nf4Scales>(_scales.AsSpan());

    public void Quantize(ReadOnlySpan<float> values)
    {
        switch (Format)
        {
            case WeightFormat.Int8:
                MemoryMarshal.Write(_scales, Int8.Quantize(values, MemoryMarshal.Cast<byte, sbyte>(Codes)));
                break;
            case WeightFormat.Nf4:
                Nf4.Quantize(values, _codes, _scaleCodes, Nf4Scales);
                break;
            default:
                Int4.Quantize(values, Int4.GroupSize(Format), _codes, Int4Scales);
                break;
        }
    }

    public void Dequantize(Span<float> values)
    {
        switch (Format)
        {
            case WeightFormat.Int8:
                Int8.Dequantize(MemoryMarshal.Cast<byte, sbyte>(Codes), Int8Scale, values);
                break;
            case WeightFormat.Nf4:
                Nf4.Dequantize(_codes, _scaleCodes, Nf4Scales, values);
                break;
            default:
                Int4.Dequantize(_codes, Int4.GroupSize(Format), Int4Scales, values);
                break;
        }
    }
}

/// <summary>A stored matrix whose rows are quantised already, for whoever computes in the same format.</summary>
public interface IQuantizedRows
{
    /// <summary>The format that <see cref="ReadRow"/> fills rows of.</summary>
    WeightFormat Format { get; }

    /// <summary>Reads a row as it was saved; safe on several threads at once.</summary>
    /// <exception cref="CheckpointException">A scale is no number that quantising gives.</exception>
    void ReadRow(int row, QuantizedRow destination);
}
