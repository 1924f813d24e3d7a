using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// A matrix's int8 panels, on all threads, some panels at a time. A source that is int8 already gives its codes as they are.
/// </summary>
internal sealed class MatrixPanels(StoredTensor matrix, OutlierColumns? outliers = null)
{
    // Enough for every thread to have some panels.
    const int PanelsAtOnce = 16;

    readonly Int8PanelLayout _layout = new(matrix.Shape[0], matrix.Shape[1]);

    /// <summary>Whether a matrix can lie in panels.</summary>
    public static bool Fits(StoredTensor matrix) => matrix.Shape[0] > 0 && Int8PanelLayout.Fits(matrix.Shape[1]);

    /// <summary>The tensor that holds the panels; <paramref name="report"/> is told the bytes as they are written.</summary>
    public TensorToWrite ToWrite(Action<long> report, CancellationToken cancellationToken) =>
        new(matrix.Name + WeightScheme.PanelsSuffix, DType.U8, WeightScheme.PanelShape(_layout), stream => Write(
            stream, report, cancellationToken))
        {
            FileAlignment = WeightScheme.PanelAlignment,
        };

    void Write(Stream stream, Action<long> report, CancellationToken cancellationToken)
    {
        int panelBytes = checked((int)_layout.PanelBytes), atOnce = Math.Min(PanelsAtOnce, _layout.Panels);
        var bytes = new byte[checked(atOnce * panelBytes)];
        var parallel = new ParallelOptions { CancellationToken = cancellationToken };
        for (int first = 0; first < _layout.Panels; first += atOnce)
        {
            int count = Math.Min(atOnce, _layout.Panels - first), start = first;
            Parallel.For(0, count, parallel, () => new RowReader(matrix, WeightFormat.Int8, outliers), (i, _, reader) =>
            {
                Fill(bytes.AsSpan(i * panelBytes, panelBytes), start + i, reader);
                return reader;
            }, _ => { });
            stream.Write(bytes, 0, count * panelBytes);
            report(count * (long)panelBytes);
        }
    }

    void Fill(Span<byte> panel, int index, RowReader reader)
    {
        panel.Fill(Int8PanelLayout.Offset);
        int first = index * Int8PanelLayout.Width, count = Math.Min(Int8PanelLayout.Width, _layout.Rows - first);
        for (int column = 0; column < count; column++)
        {
            _layout.Scatter(
                System.Runtime.InteropServices.MemoryMarshal.Cast<byte, sbyte>(reader.Read(first + column).Codes), panel, column);
        }
    }
}

/// <summary>
/// Reads a matrix's rows in a quantised format: as they are saved where they are in that format, else quantised anew. For one thread.
/// </summary>
internal sealed class RowReader(StoredTensor matrix, WeightFormat format, OutlierColumns? outliers)
{
    readonly QuantizedRow _row = new(outliers is null ? format : WeightFormat.Int8Outliers, matrix.Shape[1], outliers);
    readonly float[] _values = new float[matrix.Shape[1]];

    /// <summary>A row; it is valid until the next is read.</summary>
    public QuantizedRow Read(int index)
    {
        if (matrix is IQuantizedRows saved && saved.Format == _row.Format && saved.Outliers == outliers) saved.ReadRow(index, _row);
        else
        {
            matrix.ReadFloats((long)index * _values.Length, _values);
            _row.Quantize(_values);
        }
        return _row;
    }
}
