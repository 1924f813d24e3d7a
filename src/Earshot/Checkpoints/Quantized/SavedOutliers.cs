using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>The columns that a saved int8 matrix keeps: their numbers, read when it is opened, and their values, read by rows.</summary>
sealed class SavedOutliers
{
    readonly StoredTensor _values;

    SavedOutliers(OutlierColumns columns, StoredTensor values)
    {
        Columns = columns;
        _values = values;
    }

    public OutlierColumns Columns { get; }

    /// <summary>Finds a matrix's kept columns; null where it has none.</summary>
    /// <exception cref="CheckpointException">There is only one of the two parts, or they do not fit the matrix.</exception>
    public static SavedOutliers? Open(string name, Shape matrix, ITensorStore store)
    {
        CheckpointException Wrong(string what) => new($"{store.Location}: {what}. Quantise the model again.");

        var values = store.Find(name + WeightScheme.OutliersSuffix);
        var columns = store.Find(name + WeightScheme.OutlierColumnsSuffix);
        if (values is null && columns is null) return null;
        if (values is null || columns is null)
        {
            var missing = values is null ? WeightScheme.OutliersSuffix : WeightScheme.OutlierColumnsSuffix;
            throw Wrong($"'{name}{missing}' is missing beside '{(values ?? columns)!.Name}'");
        }
        int most = OutlierColumns.Most(matrix[1]);
        if (columns.Type != DType.I32 || columns.Shape.Rank != 1 || columns.Shape[0] < 1 || columns.Shape[0] > most)
            throw Wrong($"'{columns.Name}' is {columns.Type} {columns.Shape}; a matrix of {matrix} has I32 of 1 to {most} columns there");
        var shape = new Shape(matrix[0], columns.Shape[0]);
        if (values.Type is not (DType.F16 or DType.F32) || values.Shape != shape)
            throw Wrong($"'{values.Name}' is {values.Type} {values.Shape}; expected F16 or F32 of {shape} beside '{columns.Name}'");
        var numbers = new int[columns.Shape[0]];
        columns.Read(0, MemoryMarshal.AsBytes(numbers.AsSpan()));
        return OutlierColumns.WhyNot(numbers, matrix[1]) is { } reason
            ? throw Wrong($"'{columns.Name}': {reason}")
            : new SavedOutliers(new OutlierColumns(numbers, matrix[1]), values);
    }

    /// <summary>Reads what a row keeps.</summary>
    /// <exception cref="CheckpointException">A value is not finite.</exception>
    public void Read(int row, Span<float> destination)
    {
        _values.ReadFloats((long)row * Columns.Count, destination);
        foreach (float value in destination)
        {
            if (float.IsFinite(value)) continue;
            throw new CheckpointException(
                $"{_values.File}: '{_values.Name}' has {value} in row {row}; values that are kept are finite. Quantise the model again.");
        }
    }
}
