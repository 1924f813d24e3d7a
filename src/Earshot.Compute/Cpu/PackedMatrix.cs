using System.Runtime.InteropServices;

namespace Earshot.Compute.Cpu;

/// <summary>A weight matrix in the layout that the kernels stream: panels of 32 outputs, inputs in order within each.</summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    public const int PanelWidth = 32;

    float* _data;

    PackedMatrix(MatrixSource source)
    {
        Outputs = source.Rows;
        Inputs = source.Columns;
        Panels = (Outputs + PanelWidth - 1) / PanelWidth;
        Bytes = (long)Panels * PanelWidth * Inputs * sizeof(float);
        _data = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(Bytes, 64), 64);
        NativeMemory.Clear(_data, (nuint)Bytes);
    }

    public int Outputs { get; }

    public int Inputs { get; }

    public int Panels { get; }

    public long Bytes { get; }

    public float* Panel(int index) => _data + (long)index * PanelWidth * Inputs;

    public static PackedMatrix Pack(MatrixSource source, WeightFormat format, WorkerPool pool)
    {
        var packed = new PackedMatrix(source);
        var row = new float[source.Columns];
        for (int n = 0; n < source.Rows; n++)
        {
            source.ReadRow(n, row);
            var panel = packed.Panel(n / PanelWidth) + n % PanelWidth;
            for (int k = 0; k < row.Length; k++) panel[(long)k * PanelWidth] = row[k];
        }
        return packed;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
        GC.SuppressFinalize(this);
    }

    ~PackedMatrix() => NativeMemory.AlignedFree(_data);
}
