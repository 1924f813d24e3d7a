using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// A matrix that is saved quantised: its rows as they are saved, and for all others its values as float32, dequantised as they are read.
/// </summary>
abstract class QuantizedMatrix(string name, Shape shape, WeightFormat format, SavedOutliers? outliers)
    : StoredTensor(name, DType.F32, shape), IQuantizedRows
{
    // A decoding step looks its tokens up here, and allocates nothing.
    [ThreadStatic]
    static (QuantizedRow? Row, float[] Values) s_buffers;

    public WeightFormat Format { get; } = outliers is null ? format : WeightFormat.Int8Outliers;

    public OutlierColumns? Outliers => outliers?.Columns;

    public void ReadRow(int row, QuantizedRow destination)
    {
        ReadCodes(row, destination);
        outliers?.Read(row, destination.OutlierValues);
    }

    public void ReadOutliers(int row, Span<float> destination) => outliers?.Read(row, destination);

    /// <summary>Reads a row's codes and scales.</summary>
    protected abstract void ReadCodes(int row, QuantizedRow destination);

    public override void Read(long offset, Span<byte> destination)
    {
        var floats = MemoryMarshal.Cast<byte, float>(destination);
        if (offset % sizeof(float) != 0 || destination.Length % sizeof(float) != 0)
        {
            throw new CheckpointException(
                $"{Name}: quantised weights are read in whole elements; got offset {offset}, {destination.Length} bytes.");
        }
        int columns = Shape[1];
        var (row, values) = Buffers(columns);
        for (long element = offset / sizeof(float); floats.Length > 0;)
        {
            int first = (int)(element % columns), count = Math.Min(columns - first, floats.Length);
            ReadRow(checked((int)(element / columns)), row);
            row.Dequantize(values);
            values.AsSpan(first, count).CopyTo(floats);
            floats = floats[count..];
            element += count;
        }
    }

    /// <summary>Refuses a scale that quantising never gives.</summary>
    /// <exception cref="CheckpointException">It is not finite, or negative where scales of this format are not.</exception>
    protected void CheckScale(float scale, int row, StoredTensor scales)
    {
        // Codes of int4 reach further down than up, so its scales may be of either sign.
        bool signed = format is { Scheme: NumberScheme.SymmetricInteger, Bits: 4 };
        if (!float.IsFinite(scale) || (!signed && scale < 0))
            throw new CheckpointException(
                $"{scales.File}: '{scales.Name}' has {scale} in row {row}; scales are finite{(signed ? "" : " and not negative")}. " +
                "Quantise the model again.");
    }

    (QuantizedRow Row, float[] Values) Buffers(int columns)
    {
        if (s_buffers.Row is null || s_buffers.Row.Format != Format || s_buffers.Row.Columns != columns
            || s_buffers.Row.Outliers != Outliers)
            s_buffers = (new QuantizedRow(Format, columns, Outliers), new float[columns]);
        return (s_buffers.Row, s_buffers.Values);
    }
}
