namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Keys and values of one head in the panels that micro-kernels read. Scores are q·Kᵀ, so the positions are the columns of
/// the keys' panels: [positions / 32][size / step][32][step]; the values' columns are the head's: [size / 32][positions / step][32][step].
/// </summary>
internal static unsafe class HeadPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int StepBytes = PackedMatrix.StepBytes;

    /// <summary>Writes the keys at <paramref name="rows"/>, one position every <paramref name="stride"/> floats.</summary>
    public static void PackKeys(in HeadLayout layout, float* rows, nint stride, int positions, byte* panels)
    {
        var row = stackalloc uint[layout.KeySteps];
        for (int position = 0; position < positions; position++)
        {
            float* key = rows + position * stride;
            var destination = (uint*)(panels + position / Width * layout.KeyPanelBytes) + position % Width;
            if (layout.Type == PanelType.F32) Rows<TLanes>.ToF32(key, layout.Size, (float*)row, layout.KeySteps);
            else Rows<TLanes>.ToBF16(key, layout.Size, (ushort*)row, 2 * layout.KeySteps);
            for (int step = 0; step < layout.KeySteps; step++) destination[(nint)step * Width] = row[step];
        }
        for (int position = positions; position % Width != 0; position++)
        {
            var destination = (uint*)(panels + position / Width * layout.KeyPanelBytes) + position % Width;
            for (int step = 0; step < layout.KeySteps; step++) destination[(nint)step * Width] = 0;
        }
    }

    /// <summary>Writes the values at <paramref name="rows"/>, one position every <paramref name="stride"/> floats.</summary>
    public static void PackValues(in HeadLayout layout, float* rows, nint stride, int positions, byte* panels)
    {
        int stepPositions = layout.Type == PanelType.F32 ? 1 : 2, steps = layout.Kernel.StepsFor(positions);
        float* padded = stackalloc float[2 * Width];
        for (int column = 0; column < layout.Size; column += Width)
        {
            int count = Math.Min(Width, layout.Size - column);
            byte* destination = panels + column / Width * layout.ValuePanelBytes;
            for (int step = 0; step < steps; step++, destination += StepBytes)
            {
                float* even = Row(step * stepPositions, padded);
                if (stepPositions == 1)
                {
                    for (int n = 0; n < Width; n += TLanes.Count) TLanes.Load(even + n).Store((float*)destination + n);
                    continue;
                }
                float* odd = Row(step * 2 + 1, padded + Width);
                for (int n = 0; n < Width; n += TLanes.Count) TLanes.StorePairs(TLanes.Load(even + n), TLanes.Load(odd + n), destination + n * sizeof(float));
            }

            float* Row(int position, float* copy)
            {
                if (position < positions && count == Width) return rows + position * stride + column;
                new Span<float>(copy, Width).Clear();
                if (position < positions) new Span<float>(rows + position * stride + column, count).CopyTo(new Span<float>(copy, count));
                return copy;
            }
        }
    }
}

/// <summary>How the panels of a head with some size and at most some positions lie in memory.</summary>
internal readonly struct HeadLayout
{
    public HeadLayout(MicroKernel kernel, int size, int capacity)
    {
        Kernel = kernel;
        Size = size;
        KeySteps = kernel.StepsFor(size);
        KeyPanelBytes = (nint)KeySteps * PackedMatrix.StepBytes;
        ValuePanelBytes = (nint)kernel.StepsFor(capacity) * PackedMatrix.StepBytes;
        KeyBytes = Panels(capacity) * KeyPanelBytes;
        ScalesOffset = KeyBytes + Panels(size) * ValuePanelBytes;
        int scales = kernel.Type == PanelType.Int8 ? Math.Max(Panels(capacity) * PackedMatrix.PanelWidth, kernel.StepsFor(capacity) * kernel.StepInputs) : 0;
        ValueScalesOffset = ScalesOffset + (nint)scales * sizeof(float);
        Bytes = ValueScalesOffset + (nint)scales * sizeof(float);
    }

    public MicroKernel Kernel { get; }

    public PanelType Type => Kernel.Type;

    public int Size { get; }

    public int KeySteps { get; }

    public nint KeyPanelBytes { get; }

    public nint ValuePanelBytes { get; }

    /// <summary>Bytes of the keys; the values follow.</summary>
    public nint KeyBytes { get; }

    /// <summary>Where int8 keys' scales are, one a position.</summary>
    public nint ScalesOffset { get; }

    /// <summary>Where int8 values' scales are, one a position.</summary>
    public nint ValueScalesOffset { get; }

    /// <summary>Bytes of keys and values, and their scales.</summary>
    public nint Bytes { get; }

    static int Panels(int columns) => (columns + PackedMatrix.PanelWidth - 1) / PackedMatrix.PanelWidth;
}
