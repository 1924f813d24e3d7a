using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Quantization;

namespace Earshot.Checkpoints;

/// <summary>The columns of a matrix that stand out, as the two tensors that they are saved in beside its int8 codes.</summary>
internal sealed class KeptColumns(StoredTensor matrix, OutlierColumns columns)
{
    public IEnumerable<TensorToWrite> ToWrite(Action<long> report) =>
    [
        new(matrix.Name + WeightScheme.OutlierColumnsSuffix, DType.I32, new Shape(columns.Count), stream =>
        {
            var bytes = MemoryMarshal.AsBytes(columns.Columns);
            stream.Write(bytes);
            report(bytes.Length);
        }),
        new(matrix.Name + WeightScheme.OutliersSuffix, Type, new Shape(matrix.Shape[0], columns.Count), stream => WriteValues(
            stream, report)),
    ];

    // Kept as they are: float16 holds float16, and nothing less than float32 holds all others.
    DType Type => matrix.Type == DType.F16 ? DType.F16 : DType.F32;

    void WriteValues(Stream stream, Action<long> report)
    {
        var values = new float[matrix.Shape[1]];
        var row = new byte[columns.Count * Type.Size()];
        for (int r = 0; r < matrix.Shape[0]; r++)
        {
            matrix.ReadFloats((long)r * values.Length, values);
            for (int i = 0; i < columns.Count; i++)
            {
                float value = values[columns.Columns[i]];
                if (Type == DType.F16) MemoryMarshal.Write(row.AsSpan(i * 2), (Half)value);
                else MemoryMarshal.Write(row.AsSpan(i * 4), value);
            }
            stream.Write(row);
            report(row.Length);
        }
    }
}
