using System.Runtime.ExceptionServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>
/// One part of a matrix's quantised rows, on all threads, some rows at a time. Parts lie apart in the file, the wide elements of
/// all matrices first, so each part quantises the rows anew: time, for never holding more than some rows in memory.
/// </summary>
internal sealed class MatrixRows(StoredTensor matrix, WeightFormat format, string suffix, OutlierColumns? outliers = null)
{
    // Enough for every thread to have some rows, and a few megabytes at most of float32.
    const int ValuesAtOnce = 1 << 20;

    /// <summary>Writes the part; <paramref name="report"/> is told the bytes as they are written.</summary>
    public void Write(Stream stream, Action<long> report, CancellationToken cancellationToken)
    {
        int rows = matrix.Shape[0], columns = matrix.Shape[1];
        int rowBytes = WeightScheme.PartOf(new QuantizedRow(format, columns), suffix).Length;
        int atOnce = Math.Clamp(ValuesAtOnce / Math.Max(columns, 1), 1, Math.Max(rows, 1));
        var bytes = new byte[checked(atOnce * rowBytes)];
        var parallel = new ParallelOptions { CancellationToken = cancellationToken };
        for (int first = 0; first < rows; first += atOnce)
        {
            int count = Math.Min(atOnce, rows - first);
            Fill(bytes, first, count, parallel);
            stream.Write(bytes, 0, count * rowBytes);
            report(count * rowBytes);
        }
    }

    void Fill(byte[] bytes, int first, int count, ParallelOptions parallel)
    {
        try
        {
            Parallel.For(0, count, parallel, () => new RowReader(matrix, format, outliers), (i, _, reader) =>
            {
                var part = WeightScheme.PartOf(reader.Read(first + i), suffix);
                part.CopyTo(bytes.AsSpan(i * part.Length));
                return reader;
            }, _ => { });
        }
        catch (AggregateException e)
        {
            // As one thread would have thrown it: a damaged source is told as such.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }
}
