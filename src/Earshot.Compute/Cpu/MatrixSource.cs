using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>Rows of a weight matrix as float32, (Rows, Columns) = (outputs, inputs), read while packing; safe on several threads.</summary>
internal abstract class MatrixSource
{
    public abstract int Rows { get; }

    public abstract int Columns { get; }

    public abstract void ReadRow(int row, Span<float> destination);

    /// <summary>Reads a row that is stored in the destination's format; false where it is not.</summary>
    public virtual bool TryReadRow(int row, QuantizedRow destination) => false;

    /// <summary>The columns to keep beside int8 codes: those that are saved so, else those that stand out; null for none.</summary>
    public virtual OutlierColumns? FindOutliers() => OutlierColumns.Find(Rows, Columns, ReadRow);
}

/// <summary>A weight of a linear layer: (out, in).</summary>
internal sealed class LinearSource(StoredTensor stored) : MatrixSource
{
    public override int Rows => stored.Shape[0];

    public override int Columns => stored.Shape[1];

    public override void ReadRow(int row, Span<float> destination) => stored.ReadFloats((long)row * Columns, destination);

    public override bool TryReadRow(int row, QuantizedRow destination)
    {
        if (stored is not IQuantizedRows rows || rows.Format != destination.Format || rows.Outliers != destination.Outliers) return false;
        rows.ReadRow(row, destination);
        return true;
    }

    public override OutlierColumns? FindOutliers() => OutlierColumns.Of(stored);
}

/// <summary>
/// A weight of a convolution, (out, in, kernel) or (out, in, kernel height, kernel width), or one of equal groups of its outputs, with
/// rows ordered (kernel, in) so that neighbours of the input form one row.
/// </summary>
internal sealed class ConvolutionSource(StoredTensor stored, int group = 0, int groups = 1) : MatrixSource
{
    public override int Rows => stored.Shape[0] / groups;

    public override int Columns => (int)(stored.Shape.Count / stored.Shape[0]);

    public override void ReadRow(int row, Span<float> destination)
    {
        var values = new float[Columns];
        stored.ReadFloats(((long)group * Rows + row) * Columns, values);
        int inputs = stored.Shape[1], kernel = Columns / inputs;
        for (int i = 0; i < inputs; i++)
        {
            for (int k = 0; k < kernel; k++) destination[k * inputs + i] = values[i * kernel + k];
        }
    }
}

/// <summary>A weight of a transposed convolution, (in, out, kernel), with an output for each tap and channel, (kernel, out).</summary>
internal sealed class TransposedConvolutionSource(StoredTensor stored) : MatrixSource
{
    readonly float[] _values = stored.ToFloats();

    public override int Rows => stored.Shape[1] * stored.Shape[2];

    public override int Columns => stored.Shape[0];

    public override void ReadRow(int row, Span<float> destination)
    {
        int tap = row / stored.Shape[1], output = row % stored.Shape[1];
        for (int i = 0; i < Columns; i++) destination[i] = _values[(i * stored.Shape[1] + output) * stored.Shape[2] + tap];
    }
}
