namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Keys and values of one head in the panels that micro-kernels read. Scores are q·Kᵀ, so the positions are the columns of
/// the keys' panels: [positions / 32][size / step][32][step]; the values' columns are the head's: [size / 32][positions / step][32][step].
/// Each block of positions has its values right behind its keys, so that attention reads memory from front to back.
/// </summary>
internal static unsafe class HeadPanels<TLanes> where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;

    /// <summary>Writes keys, and zeros up to the end of their last panel.</summary>
    public static void PackKeys(in HeadLayout layout, in HeadRows rows, byte* panels)
    {
        int steps = layout.KeySteps, end = rows.First + rows.Count;
        var four = stackalloc uint[PanelColumns.Count * steps];
        for (int position = rows.First; position < end; position += PanelColumns.Count)
        {
            for (int n = 0; n < PanelColumns.Count; n++)
            {
                float* key = rows.Start + (position + n - rows.First) * rows.Stride;
                var row = four + n * steps;
                if (position + n >= end) new Span<uint>(row, steps).Clear();
                else if (layout.KeyKernel.Type == PanelType.F32) Rows<TLanes>.ToF32(key, layout.Size, (float*)row, steps);
                else Rows<TLanes>.ToBF16(key, layout.Size, (ushort*)row, 2 * steps);
                if (position + n + HeadRows.Ahead < end) Rows<TLanes>.Prefetch(key + HeadRows.Ahead * rows.Stride, layout.Size);
            }
            PanelColumns.Write(four, steps, (uint*)(panels + layout.Keys(position)) + position % Width);
        }
        new Span<uint>(four, PanelColumns.Count * steps).Clear();
        for (int position = (end + PanelColumns.Count - 1) / PanelColumns.Count * PanelColumns.Count; position % Width != 0;
            position += PanelColumns.Count)
        {
            PanelColumns.Write(four, steps, (uint*)(panels + layout.Keys(position)) + position % Width);
        }
    }

    /// <summary>Writes values, and zeros up to the end of their last step.</summary>
    public static void PackValues(in HeadLayout layout, in HeadRows rows, byte* panels)
    {
        int stepPositions = layout.Type == PanelType.F32 ? 1 : 2, steps = layout.Kernel.StepsFor(rows.Count);
        float* padded = stackalloc float[2 * Width];
        float* start = rows.Start;
        var (stride, positions, firstPosition) = (rows.Stride, rows.Count, rows.First);
        for (int column = 0; column < layout.Size; column += Width)
        {
            int count = Math.Min(Width, layout.Size - column);
            for (int step = 0; step < steps; step++)
            {
                byte* destination = panels + layout.Values(firstPosition + step * stepPositions, column);
                Prefetch(step * stepPositions + HeadRows.Ahead);
                if (stepPositions == 2) Prefetch(step * stepPositions + HeadRows.Ahead + 1);
                float* even = Row(step * stepPositions, padded);
                if (stepPositions == 1)
                {
                    for (int n = 0; n < Width; n += TLanes.Count) TLanes.Load(even + n).Store((float*)destination + n);
                    continue;
                }
                float* odd = Row(step * 2 + 1, padded + Width);
                for (int n = 0; n < Width; n += TLanes.Count)
                    TLanes.StorePairs(TLanes.Load(even + n), TLanes.Load(odd + n), destination + n * sizeof(float));
            }

            void Prefetch(int position)
            {
                if (position < positions) Rows<TLanes>.Prefetch(start + position * stride + column, count);
            }

            float* Row(int position, float* copy)
            {
                if (position < positions && count == Width) return start + position * stride + column;
                new Span<float>(copy, Width).Clear();
                if (position < positions) new Span<float>(start + position * stride + column, count).CopyTo(new Span<float>(copy, count));
                return copy;
            }
        }
    }
}

/// <summary>
/// Keys or values of one head: <paramref name="count"/> positions from <paramref name="first"/> on, one every
/// <paramref name="stride"/> floats. All but the last rows of a head begin and end at whole panels.
/// </summary>
internal readonly unsafe struct HeadRows(float* start, nint stride, int first, int count)
{
    /// <summary>Rows that are asked for before they are read.</summary>
    public const int Ahead = 16;

    public float* Start => start;

    public nint Stride => stride;

    public int First => first;

    public int Count => count;
}

/// <summary>
/// How the panels of a head with some size and at most some positions lie in memory: block by block, of each the keys, the scales of int8
/// ones, and the values, in the order in which attention reads them.
/// </summary>
internal readonly struct HeadLayout
{
    /// <summary>Positions that attention takes at once.</summary>
    public const int BlockPositions = SoftmaxArguments.BlockScores;

    const int Width = PackedMatrix.PanelWidth;

    readonly nint _blockBytes;
    readonly nint _keyPanelBytes;
    readonly nint _valuePanelBytes;
    readonly nint _valuesOffset;
    readonly nint _keyScalesOffset;
    readonly nint _valueScalesOffset;

    /// <param name="kernel">What multiplies values, and keys where no other does.</param>
    /// <param name="keyKernel">What multiplies keys.</param>
    public HeadLayout(MicroKernel kernel, int size, int capacity, MicroKernel? keyKernel = null)
    {
        Kernel = kernel;
        KeyKernel = keyKernel ?? kernel;
        Size = size;
        KeySteps = KeyKernel.StepsFor(size);
        int keys = RoundUp(Math.Min(capacity, BlockPositions)), steps = kernel.StepsFor(keys);
        _keyPanelBytes = (nint)KeySteps * PackedMatrix.StepBytes;
        _valuePanelBytes = (nint)steps * PackedMatrix.StepBytes;
        int scales = Math.Max(keys, steps * kernel.StepInputs);
        _keyScalesOffset = keys / Width * _keyPanelBytes;
        _valueScalesOffset = _keyScalesOffset + (nint)(KeyKernel.HoldsIntegers ? scales : 0) * sizeof(float);
        _valuesOffset = _valueScalesOffset + (nint)(kernel.HoldsIntegers ? scales : 0) * sizeof(float);
        _blockBytes = _valuesOffset + RoundUp(size) / Width * _valuePanelBytes;
        Bytes = (capacity + BlockPositions - 1) / BlockPositions * _blockBytes;
    }

    public MicroKernel Kernel { get; }

    public MicroKernel KeyKernel { get; }

    /// <summary>Units in the largest number of a key of whole numbers, and of a query: int32 holds the sums of their products.</summary>
    public int KeyUnits =>
        KeyKernel.Type == PanelType.Int16 ? (int)Math.Min(short.MaxValue, Math.Sqrt(int.MaxValue / (double)Size) - 1) : 127;

    /// <summary>What values are, and keys where no other kernel multiplies them.</summary>
    public PanelType Type => Kernel.Type;

    public int Size { get; }

    public int KeySteps { get; }

    /// <summary>Bytes of keys and values, and their scales.</summary>
    public nint Bytes { get; }

    /// <summary>Where the panel with a position's key begins.</summary>
    public nint Keys(int position) => Block(position) + position % BlockPositions / Width * _keyPanelBytes;

    /// <summary>Where the step with a position's value begins, in the panel of a column.</summary>
    public nint Values(int position, int column) =>
        Block(position) + _valuesOffset + column / Width * _valuePanelBytes
        + (nint)(position % BlockPositions / Kernel.StepInputs) * PackedMatrix.StepBytes;

    /// <summary>Where the scale of a position's int8 key is; those of a block are side by side.</summary>
    public nint KeyScales(int position) => Block(position) + _keyScalesOffset + position % BlockPositions * sizeof(float);

    public nint ValueScales(int position) => Block(position) + _valueScalesOffset + position % BlockPositions * sizeof(float);

    nint Block(int position) => position / BlockPositions * _blockBytes;

    static int RoundUp(int columns) => (columns + Width - 1) / Width * Width;
}
