using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu;

/// <summary>
/// A weight matrix in the layout that the kernels stream: panels of 32 outputs, inputs in order within each, a step's inputs
/// (one float32, two bfloat16, four int8) of one output side by side: [panel][step][32][inputs of a step]. Or rows of ggml's blocks
/// where they lie, of which 32 are a panel.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    public const int PanelWidth = Int8PanelLayout.Width;
    public const int StepBytes = 128;

    // The file that panels are borrowed from; null where they are this matrix's own, before the scales.
    readonly SafeBuffer? _mapped;
    IInt8Panels? _source;
    byte* _data;
    byte* _panels;

    PackedMatrix(IStoredBlocks source, Shape shape, KernelSet kernels)
    {
        Outputs = shape[0];
        Inputs = shape[1];
        Kernels = kernels;
        Format = WeightFormat.Of(source.Format);
        Kernel = kernels.F32;
        Panels = (Outputs + PanelWidth - 1) / PanelWidth;
        Steps = Kernel.StepsFor(Inputs);
        Blocks = new BlockRows(source, Outputs, Inputs, kernels);
        PanelBytes = PanelWidth * Blocks.RowBytes;
        Bytes = Outputs * Blocks.RowBytes;
    }

    PackedMatrix(int outputs, int inputs, WeightFormat format, KernelSet kernels, SafeBuffer? mapped = null)
    {
        Outputs = outputs;
        Inputs = inputs;
        Kernels = kernels;
        Format = format;
        Kernel = format.Scheme == NumberScheme.BrainFloat ? kernels.BF16 : format.Bits == 8 ? kernels.Int8 : kernels.F32;
        Panels = (Outputs + PanelWidth - 1) / PanelWidth;
        Steps = Kernel.StepsFor(Inputs);
        if (format.Group > 0) Groups = new GroupLayout(format, Inputs);
        PanelBytes = Groups?.PanelBytes ?? (nint)Steps * StepBytes;
        long scales = Kernel.Type == PanelType.Int8 ? (long)Panels * PanelWidth * sizeof(float) : 0;
        long own = mapped is null ? Panels * PanelBytes : 0;
        Bytes = Panels * PanelBytes + scales;
        _mapped = mapped;
        _data = LargePages.Allocate(own + scales);
        _panels = _data;
        ColumnScales = scales == 0 ? null : (float*)(_data + own);
    }

    ~PackedMatrix() => Free();

    public int Outputs { get; }

    public int Inputs { get; }

    public int Panels { get; }

    /// <summary>Steps of a panel, zeros at the end included.</summary>
    public int Steps { get; }

    public long PanelBytes { get; }

    /// <summary>How four-bit codes lie in a panel; null in other formats.</summary>
    public GroupLayout? Groups { get; }

    /// <summary>The rows of ggml's blocks; null in other formats.</summary>
    public BlockRows? Blocks { get; }

    /// <summary>All that the weights take in memory, mapped or not.</summary>
    public long Bytes { get; private set; }

    /// <summary>What the panels hold; int8 too where columns are kept beside them.</summary>
    public WeightFormat Format { get; }

    /// <summary>The columns that are kept beside int8 panels, which hold the code of zero there; null where there are none.</summary>
    public OutlierPanels? Outliers { get; private set; }

    public KernelSet Kernels { get; }

    public MicroKernel Kernel { get; }

    bool IsQuantized => Groups is not null || ColumnScales != null;

    /// <summary>What an output's int8 weights count in, (outputs, padded); null in other formats.</summary>
    public float* ColumnScales { get; }

    public byte* Panel(int index) => _panels + index * PanelBytes;

    public static PackedMatrix Pack(MatrixSource source, WeightFormat format, WorkerPool pool)
    {
        if (!CpuDevice.Formats.Contains(format))
            throw new ArgumentException(
                $"The processor does not compute with weights in {format}; choose {WeightFormat.NamesOf(CpuDevice.Formats)}.",
                nameof(format));
        var packed = new PackedMatrix(source.Rows, source.Columns, format.KeepsOutliers ? WeightFormat.Int8 : format, pool.Kernels);
        if (format.KeepsOutliers && source.FindOutliers() is { } outliers) packed.Keep(outliers);
        pool.Run(new PackWork { Source = source, Packed = packed }, packed.Panels);
        return packed;
    }

    /// <summary>An int8 matrix whose panels stay in the file that they are mapped from; only the scales are copied.</summary>
    public static PackedMatrix Borrow(IInt8Panels source, KernelSet kernels)
    {
        var layout = source.Layout;
        var (memory, offset) = source.Panels;
        var packed = new PackedMatrix(layout.Rows, layout.Columns, WeightFormat.Int8, kernels, memory);
        // Held until the matrix is freed: a file that was closed meanwhile stays mapped.
        byte* start = null;
        memory.AcquirePointer(ref start);
        packed._panels = start + offset;
        packed._source = source;
        var scales = new Span<float>(packed.ColumnScales, packed.Panels * PanelWidth);
        source.ReadScales(scales[..layout.Rows]);
        scales[layout.Rows..].Clear();
        if (source.Outliers is { } outliers) packed.Keep(outliers, source);
        return packed;
    }

    /// <summary>A matrix of ggml's blocks, which stay in the file that they are mapped from and are computed with there.</summary>
    public static PackedMatrix Borrow(IStoredBlocks source, Shape shape, KernelSet kernels) => new(source, shape, kernels);

    /// <summary>Notices a file of borrowed panels that is no longer what it was.</summary>
    /// <exception cref="CheckpointException">It was shortened or written to.</exception>
    public void ThrowIfChanged() => _source?.ThrowIfChanged();

    public void Dispose()
    {
        Free();
        Blocks?.Dispose();
        GC.SuppressFinalize(this);
    }

    void Keep(OutlierColumns columns, IQuantizedRows? source = null)
    {
        Outliers = new OutlierPanels(columns, Panels);
        Bytes += Outliers.Bytes;
        if (source is null) return;
        var values = new float[columns.Count];
        for (int row = 0; row < Outputs; row++)
        {
            source.ReadOutliers(row, values);
            Outliers.Set(row, values);
        }
    }

    void Free()
    {
        if (_mapped is not null && _panels != null) _mapped.ReleasePointer();
        NativeMemory.AlignedFree(_data);
        _panels = _data = null;
    }

    struct PackWork : IParallelWork
    {
        public MatrixSource Source;
        public PackedMatrix Packed;

        public readonly void Execute(int part)
        {
            int first = part * PanelWidth, count = Math.Min(PanelWidth, Packed.Outputs - first);
            byte* panel = Packed.Panel(part);
            new Span<byte>(panel, checked((int)Packed.PanelBytes)).Fill((byte)(Packed.Kernel.Type == PanelType.Int8 ? 128 : 0));
            var rented = System.Buffers.ArrayPool<float>.Shared.Rent(Packed.Inputs);
            var values = rented.AsSpan(0, Packed.Inputs);
            var row = Packed.IsQuantized ? NewRow() : null;
            for (int n = 0; n < count; n++)
            {
                if (row is null || !Source.TryReadRow(first + n, row))
                {
                    Source.ReadRow(first + n, values);
                    row?.Quantize(values);
                }
                if (row is not null) PackQuantized(row, panel, first, n);
                else if (Packed.Kernel.Type == PanelType.BF16) PanelPacking.BF16Column(values, panel, n);
                else PanelPacking.F32Column(values, panel, n);
            }
            if (Packed.ColumnScales != null) new Span<float>(Packed.ColumnScales + first + count, PanelWidth - count).Clear();
            System.Buffers.ArrayPool<float>.Shared.Return(rented);
        }

        readonly void PackQuantized(QuantizedRow row, byte* panel, int first, int column)
        {
            if (Packed.Groups is { } groups)
            {
                PanelPacking.GroupedColumn(groups, row, panel, column);
                return;
            }
            PanelPacking.Int8Column(row, panel, column);
            Packed.ColumnScales[first + column] = row.Int8Scale;
            Packed.Outliers?.Set(first + column, row.OutlierValues);
        }

        readonly QuantizedRow NewRow() => Packed.Outliers is { } outliers
            ? new QuantizedRow(WeightFormat.Int8Outliers, Packed.Inputs, outliers.Source)
            : new QuantizedRow(Packed.Format, Packed.Inputs);
    }
}
