using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>Buffers for one row of a quantised matrix, and its way there and back.</summary>
internal sealed class QuantizedRow
{
    readonly WeightFormat _format;
    readonly byte[] _codes;
    readonly byte[] _scales;
    readonly sbyte[] _scaleCodes;

    public QuantizedRow(WeightFormat format, int columns)
    {
        _format = format;
        _codes = new byte[format == WeightFormat.Int8 ? columns : (columns + 1) / 2];
        _scaleCodes = new sbyte[format == WeightFormat.Nf4 ? Nf4.Blocks(columns) : 0];
        _scales = new byte[format switch
        {
            WeightFormat.Int8 => sizeof(float),
            WeightFormat.Nf4 => Nf4.ScaleBlocks(columns) * 2 * sizeof(float),
            _ => (columns + WeightScheme.GroupSize(format) - 1) / WeightScheme.GroupSize(format) * 2,
        }];
    }

    /// <summary>The bytes of a part of the row, by the part's suffix.</summary>
    public Span<byte> Part(string suffix) => suffix switch
    {
        WeightScheme.CodesSuffix => _codes,
        WeightScheme.ScaleCodesSuffix => MemoryMarshal.AsBytes(_scaleCodes.AsSpan()),
        _ => _scales,
    };

    public void Quantize(ReadOnlySpan<float> values)
    {
        switch (_format)
        {
            case WeightFormat.Int8:
                MemoryMarshal.Cast<byte, float>(_scales.AsSpan())[0] = Int8.Quantize(values, MemoryMarshal.Cast<byte, sbyte>(_codes.AsSpan()));
                break;
            case WeightFormat.Nf4:
                Nf4.Quantize(values, _codes, _scaleCodes, MemoryMarshal.Cast<byte, Nf4Scales>(_scales.AsSpan()));
                break;
            default:
                Int4.Quantize(values, WeightScheme.GroupSize(_format), _codes, MemoryMarshal.Cast<byte, Half>(_scales.AsSpan()));
                break;
        }
    }

    public void Dequantize(Span<float> values)
    {
        switch (_format)
        {
            case WeightFormat.Int8:
                Int8.Dequantize(MemoryMarshal.Cast<byte, sbyte>(_codes), MemoryMarshal.Cast<byte, float>(_scales)[0], values);
                break;
            case WeightFormat.Nf4:
                Nf4.Dequantize(_codes, _scaleCodes, MemoryMarshal.Cast<byte, Nf4Scales>(_scales), values);
                break;
            default:
                Int4.Dequantize(_codes, WeightScheme.GroupSize(_format), MemoryMarshal.Cast<byte, Half>(_scales), values);
                break;
        }
    }
}
