using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Keys and values of one head as int8 with 128 added, or keys as int16, in the panels of <see cref="HeadPanels{TLanes}"/>, and a scale
/// for each position. What all keys have in common adds the same to every score, which a softmax does not see, so their mean is taken off
/// first: what is left needs a smaller scale (as SageAttention does).
/// </summary>
internal static unsafe class Int8HeadPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int StepInputs = 4;
    const int Largest = 127;

    /// <summary>Writes the keys at <paramref name="rows"/>, one position every <paramref name="stride"/> floats.</summary>
    public static void PackKeys(in HeadLayout layout, float* rows, nint stride, int positions, byte* panels)
    {
        bool words = layout.KeyKernel.Type == PanelType.Int16;
        int stepBytes = sizeof(uint), padded = layout.KeySteps * layout.KeyKernel.StepInputs, units = layout.KeyUnits;
        var mean = stackalloc float[layout.Size];
        var key = stackalloc float[layout.Size];
        var codes = stackalloc byte[PanelColumns.Count * layout.KeySteps * stepBytes];
        FindMean(layout.Size, rows, stride, positions, mean);
        int end = (positions + Width - 1) / Width * Width;
        for (int position = 0; position < end; position++)
        {
            int column = position % PanelColumns.Count;
            var values = new Span<float>(key, layout.Size);
            if (position < positions)
                TensorPrimitives.Subtract(Row(rows, position * stride, layout.Size), new Span<float>(mean, layout.Size), values);
            else values.Clear();
            float scale = Rows<TLanes>.Largest(key, layout.Size) / units, inverse = scale == 0 ? 0 : 1 / scale;
            byte* row = codes + column * layout.KeySteps * stepBytes;
            if (words) Rows<TLanes>.ToInt16(key, layout.Size, inverse, (short*)row, padded);
            else Rows<TLanes>.ToInt8(key, layout.Size, inverse, (sbyte*)row, padded);
            *(float*)(panels + layout.KeyScales(position)) = scale;
            if (column < PanelColumns.Count - 1) continue;
            var destination = (uint*)(panels + layout.Keys(position)) + position % Width - column;
            PanelColumns.Write((uint*)codes, layout.KeySteps, destination, words ? 0 : 0x80808080);
        }
    }

    /// <summary>Writes the values at <paramref name="rows"/>, one position every <paramref name="stride"/> floats.</summary>
    public static void PackValues(in HeadLayout layout, float* rows, nint stride, int positions, byte* panels)
    {
        int steps = layout.Kernel.StepsFor(positions), columns = (layout.Size + Width - 1) / Width * Width;
        var quads = stackalloc float[StepInputs * columns];
        for (int step = 0; step < steps; step++)
        {
            new Span<float>(quads, StepInputs * columns).Clear();
            for (int i = 0; i < StepInputs; i++)
            {
                int position = step * StepInputs + i;
                *(float*)(panels + layout.ValueScales(position)) =
                    position < positions ? ToUnits(rows + position * stride, layout.Size, quads + i * columns) : 0;
            }
            for (int column = 0; column < columns; column += TLanes.Count)
            {
                byte* destination = panels + layout.Values(step * StepInputs, column) + column % Width * sizeof(float);
                float* source = quads + column;
                TLanes.StoreQuads(
                    TLanes.Load(source), TLanes.Load(source + columns), TLanes.Load(source + 2 * columns),
                    TLanes.Load(source + 3 * columns), destination);
            }
        }
    }

    static float ToUnits(float* row, int size, float* units)
    {
        float scale = Rows<TLanes>.Largest(row, size) / Largest;
        var values = new Span<float>(units, size);
        TensorPrimitives.Multiply(Row(row, 0, size), scale == 0 ? 0 : 1 / scale, values);
        TensorPrimitives.Round(values, values);
        return scale;
    }

    // Position by position: the rows of a head are far from each other, and reads of one column do not wait for one another.
    static void FindMean(int size, float* rows, nint stride, int positions, float* mean)
    {
        int i = 0;
        for (; i <= size - TLanes.Count; i += TLanes.Count)
        {
            var sum = TLanes.Create(0);
            for (int position = 0; position < positions; position++) sum += TLanes.Load(rows + position * stride + i);
            (sum / TLanes.Create(positions)).Store(mean + i);
        }
        for (; i < size; i++)
        {
            float sum = 0;
            for (int position = 0; position < positions; position++) sum += rows[position * stride + i];
            mean[i] = sum / positions;
        }
    }

    static ReadOnlySpan<float> Row(float* rows, nint offset, int size) => new(rows + offset, size);
}
