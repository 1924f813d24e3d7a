using System.Runtime.CompilerServices;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>The columns that an int8 matrix keeps, in the order of its panels: [panel][column][32 outputs], float32.</summary>
internal sealed unsafe class OutlierPanels
{
    const int Width = PackedMatrix.PanelWidth;

    readonly int[] _columns;
    readonly float[] _values;

    public OutlierPanels(OutlierColumns columns, int panels)
    {
        Source = columns;
        Count = columns.Count;
        _columns = GC.AllocateUninitializedArray<int>(Count, pinned: true);
        columns.Columns.CopyTo(_columns);
        // Rows behind the last stay zero.
        _values = GC.AllocateArray<float>(checked(panels * Count * Width), pinned: true);
    }

    public OutlierColumns Source { get; }

    public int Count { get; }

    /// <summary>The inputs that are read, (Count).</summary>
    public int* Columns => (int*)Unsafe.AsPointer(ref _columns[0]);

    public long Bytes => (long)_columns.Length * sizeof(int) + (long)_values.Length * sizeof(float);

    /// <summary>A panel's values, (Count, 32).</summary>
    public float* Panel(int panel) => (float*)Unsafe.AsPointer(ref _values[panel * Count * Width]);

    /// <summary>Sets what an output keeps.</summary>
    public void Set(int output, ReadOnlySpan<float> values)
    {
        float* to = Panel(output / Width) + output % Width;
        for (int i = 0; i < values.Length; i++) to[i * Width] = values[i];
    }
}
