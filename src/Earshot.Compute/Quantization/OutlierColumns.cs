namespace Earshot.Compute.Quantization;

/// <summary>
/// The input columns of a matrix that are kept beside its int8 codes, which are zero there (after Dettmers et al., LLM.int8(), 2022,
/// whose outliers are found in activations while they are computed). A column stands out if the root mean square of its weights
/// is more than a threshold times that of the median column, columns of zeros aside: what it takes up of the rows' ranges is
/// then many times what the other columns need, and each of them is rounded that much more finely without it.
/// </summary>
public sealed class OutlierColumns
{
    /// <summary>The threshold that is used where none is named.</summary>
    public const double DefaultThreshold = 6;

    readonly int[] _columns;

    /// <summary>Columns of a matrix that is so wide.</summary>
    /// <exception cref="ArgumentException">They are none, too many, not in rising order, or outside of the matrix.</exception>
    public OutlierColumns(ReadOnlySpan<int> columns, int width)
    {
        if (WhyNot(columns, width) is { } reason) throw new ArgumentException(reason, nameof(columns));
        _columns = columns.ToArray();
    }

    /// <summary>How many there are.</summary>
    public int Count => _columns.Length;

    /// <summary>Their numbers, rising.</summary>
    public ReadOnlySpan<int> Columns => _columns;

    /// <summary>How many columns can be kept at most of a matrix that is so wide: beyond, int8 would be the exception.</summary>
    public static int Most(int width) => width / 8;

    /// <summary>Why columns of a matrix that is so wide cannot be kept; null where they can.</summary>
    public static string? WhyNot(ReadOnlySpan<int> columns, int width)
    {
        if (columns.Length < 1 || columns.Length > Most(width))
            return $"{columns.Length} columns of {width} are kept; expected 1 to {Most(width)}";
        for (int i = 0; i < columns.Length; i++)
        {
            if (columns[i] < 0 || columns[i] >= width) return $"column {columns[i]} is kept of a matrix of {width} columns";
            if (i > 0 && columns[i] <= columns[i - 1])
                return $"column {columns[i]} is kept after column {columns[i - 1]}; expected rising numbers";
        }
        return null;
    }

    /// <summary>
    /// The columns that a stored matrix keeps: those it is saved with, else those that stand out; null for none. A matrix whose
    /// columns were rounded to int8 gains nothing by keeping some of them as they are now.
    /// </summary>
    public static OutlierColumns? Of(StoredTensor matrix, double threshold = DefaultThreshold)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix is IQuantizedRows { Format.Bits: 8 } saved) return saved.Outliers;
        int width = matrix.Shape[1];
        return Find(matrix.Shape[0], width, (row, values) => matrix.ReadFloats((long)row * width, values), threshold);
    }

    /// <summary>
    /// The columns that stand out by the threshold, or null if none does; where more do than are kept at most, those that stand
    /// out most. The same on every machine.
    /// </summary>
    /// <param name="readRow">Reads a row into a span of <paramref name="width"/> values.</param>
    public static OutlierColumns? Find(int rows, int width, ReadRow readRow, double threshold = DefaultThreshold)
    {
        ArgumentNullException.ThrowIfNull(readRow);
        CheckThreshold(threshold);
        if (Most(width) == 0 || rows == 0) return null;
        var squares = new double[width];
        var row = new float[width];
        for (int r = 0; r < rows; r++)
        {
            readRow(r, row);
            for (int i = 0; i < width; i++) squares[i] += (double)row[i] * row[i];
        }
        double limit = threshold * threshold * Median(squares);
        // A sum that is no number or infinite is no measure of the others.
        int[] found = [.. Enumerable.Range(0, width).Where(i => double.IsFinite(squares[i]) && squares[i] > limit)];
        if (found.Length > Most(width)) found = [.. found.OrderByDescending(i => squares[i]).ThenBy(i => i).Take(Most(width)).Order()];
        return found.Length == 0 ? null : new OutlierColumns(found, width);
    }

    /// <exception cref="ArgumentOutOfRangeException">It is not a number above 1.</exception>
    public static void CheckThreshold(double threshold)
    {
        if (!(threshold > 1 && double.IsFinite(threshold)))
        {
            throw new ArgumentOutOfRangeException(nameof(threshold), threshold,
                "Columns that stand out are told by a threshold above 1, such as 6.");
        }
    }

    // Of the columns that are not zero; the lower one of two in the middle.
    static double Median(double[] squares)
    {
        double[] sorted = [.. squares.Where(square => square > 0 && double.IsFinite(square)).Order()];
        return sorted.Length == 0 ? 0 : sorted[(sorted.Length - 1) / 2];
    }

    /// <summary>Reads a row of a matrix.</summary>
    public delegate void ReadRow(int row, Span<float> destination);
}
