using System.Runtime.InteropServices;

namespace Earshot.Compute.Quantization;

/// <summary>A row of a matrix in a quantised format, byte for byte as it is saved, and its way there and back.</summary>
public sealed class QuantizedRow
{
    readonly byte[] _codes;
    readonly byte[] _scales;
    readonly sbyte[] _scaleCodes;
    readonly float[] _outliers;

    // The values without the columns that are kept.
    readonly float[] _rest;

    /// <summary>Buffers for a row of so many values in int8, int4 or nf4; of int8 with columns that are kept, those too.</summary>
    public QuantizedRow(WeightFormat format, int columns, OutlierColumns? outliers = null)
    {
        ArgumentNullException.ThrowIfNull(format);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (!CanBe(format)) throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format that rows are quantised in.");
        if (format.KeepsOutliers != outliers is not null)
            throw new ArgumentException($"A row of {format} has {(outliers is null ? "" : "no ")}columns that are kept.", nameof(outliers));
        Format = format;
        Columns = columns;
        Outliers = outliers;
        _codes = new byte[format.Bits == 8 ? columns : (columns + 1) / 2];
        _scaleCodes = new sbyte[format == WeightFormat.Nf4 ? Nf4.Blocks(columns) : 0];
        _scales = new byte[format.Scheme == NumberScheme.NormalFloat ? Nf4.ScaleBlocks(columns) * 2 * sizeof(float)
            : format.Group == 0 ? sizeof(float) : format.Groups(columns) * sizeof(ushort)];
        _outliers = new float[outliers?.Count ?? 0];
        _rest = new float[outliers is null ? 0 : columns];
    }

    public WeightFormat Format { get; }

    public int Columns { get; }

    /// <summary>The columns that are kept beside the codes; null in formats without.</summary>
    public OutlierColumns? Outliers { get; }

    /// <summary>A byte a value of int8; two values share one in the other formats.</summary>
    public Span<byte> Codes => _codes;

    /// <summary>One float32 of int8; a float16 a group of int4; mean and step, float32, of each 256 scales of nf4.</summary>
    public Span<byte> Scales => _scales;

    /// <summary>A code for each block's scale of nf4; empty in the other formats.</summary>
    public Span<sbyte> ScaleCodes => _scaleCodes;

    /// <summary>The values of the columns that are kept, which are added to what the codes there are worth; else empty.</summary>
    public Span<float> OutlierValues => _outliers;

    /// <summary>What one unit of int8 is worth.</summary>
    public float Int8Scale => MemoryMarshal.Read<float>(_scales);

    /// <summary>The scales of int4's groups.</summary>
    public Span<Half> Int4Scales => MemoryMarshal.Cast<byte, Half>(_scales.AsSpan());

    /// <summary>What nf4's scales are quantised with.</summary>
    public Span<Nf4Scales> Nf4Scales => MemoryMarshal.Cast<byte, Nf4Scales>(_scales.AsSpan());

    /// <summary>Whether rows are quantised in a format: a scale a row of 8 bits, and groups of 4.</summary>
    public static bool CanBe(WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        return format.IsQuantized && format.Bits == 8 == (format.Group == 0);
    }

    public void Quantize(ReadOnlySpan<float> values)
    {
        if (Format.Scheme == NumberScheme.NormalFloat) Nf4.Quantize(values, _codes, _scaleCodes, Nf4Scales);
        else if (Format.Group > 0) Int4.Quantize(values, Format.Group, _codes, Int4Scales);
        else
        {
            var rest = Outliers is null ? values : SetOutliersApart(values);
            MemoryMarshal.Write(_scales, Int8.Quantize(rest, MemoryMarshal.Cast<byte, sbyte>(Codes)));
        }
    }

    public void Dequantize(Span<float> values)
    {
        if (Format.Scheme == NumberScheme.NormalFloat) Nf4.Dequantize(_codes, _scaleCodes, Nf4Scales, values);
        else if (Format.Group == 0) Int8.Dequantize(MemoryMarshal.Cast<byte, sbyte>(Codes), Int8Scale, values);
        else Int4.Dequantize(_codes, Format.Group, Int4Scales, values);
        for (int i = 0; i < _outliers.Length; i++) values[Outliers!.Columns[i]] += _outliers[i];
    }

    ReadOnlySpan<float> SetOutliersApart(ReadOnlySpan<float> values)
    {
        values.CopyTo(_rest);
        var columns = Outliers!.Columns;
        for (int i = 0; i < columns.Length; i++)
        {
            _outliers[i] = values[columns[i]];
            _rest[columns[i]] = 0;
        }
        return _rest.AsSpan(0, values.Length);
    }
}

/// <summary>A stored matrix whose rows are quantised already, for whoever computes in the same format.</summary>
public interface IQuantizedRows
{
    /// <summary>The format that <see cref="ReadRow"/> fills rows of.</summary>
    WeightFormat Format { get; }

    /// <summary>The columns that are kept beside the codes; null in formats without.</summary>
    OutlierColumns? Outliers => null;

    /// <summary>Reads a row as it was saved; safe on several threads at once.</summary>
    /// <exception cref="CheckpointException">A scale or a value that is kept is no number that quantising gives.</exception>
    void ReadRow(int row, QuantizedRow destination);

    /// <summary>Reads the values of a row's columns that are kept, and nothing else.</summary>
    /// <exception cref="CheckpointException">A value is not finite.</exception>
    void ReadOutliers(int row, Span<float> destination) { }
}
