using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>
/// A weight matrix in the layout that the kernels stream: panels of 32 outputs, inputs in order within each, a step's inputs
/// (one float32, two bfloat16, four int8) of one output side by side: [panel][step][32][inputs of a step].
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    public const int PanelWidth = 32;
    public const int StepBytes = 128;

    byte* _data;

    PackedMatrix(MatrixSource source, WeightFormat format, KernelSet kernels)
    {
        Outputs = source.Rows;
        Inputs = source.Columns;
        Kernels = kernels;
        Format = format;
        Kernel = format switch
        {
            WeightFormat.BF16 => kernels.BF16,
            WeightFormat.Int8 => kernels.Int8,
            _ => kernels.F32,
        };
        Panels = (Outputs + PanelWidth - 1) / PanelWidth;
        Steps = Kernel.StepsFor(Inputs);
        if (format is WeightFormat.Int4Group32 or WeightFormat.Int4Group128 or WeightFormat.Nf4) Groups = new GroupLayout(format, Inputs);
        PanelBytes = Groups?.PanelBytes ?? (nint)Steps * StepBytes;
        long scales = Kernel.Type == PanelType.Int8 ? (long)Panels * PanelWidth * sizeof(float) : 0;
        Bytes = Panels * PanelBytes + scales;
        _data = LargePages.Allocate(Bytes);
        ColumnScales = scales == 0 ? null : (float*)(_data + Panels * PanelBytes);
    }

    ~PackedMatrix() => NativeMemory.AlignedFree(_data);

    public int Outputs { get; }

    public int Inputs { get; }

    public int Panels { get; }

    /// <summary>Steps of a panel, zeros at the end included.</summary>
    public int Steps { get; }

    public long PanelBytes { get; }

    /// <summary>How four-bit codes lie in a panel; null in other formats.</summary>
    public GroupLayout? Groups { get; }

    /// <summary>All that the weights take in memory.</summary>
    public long Bytes { get; }

    public WeightFormat Format { get; }

    public KernelSet Kernels { get; }

    public MicroKernel Kernel { get; }

    /// <summary>What an output's int8 weights count in, (outputs, padded); null in other formats.</summary>
    public float* ColumnScales { get; }

    public byte* Panel(int index) => _data + index * PanelBytes;

    public static PackedMatrix Pack(MatrixSource source, WeightFormat format, WorkerPool pool)
    {
        var packed = new PackedMatrix(source, format, pool.Kernels);
        pool.Run(new PackWork { Source = source, Packed = packed }, packed.Panels);
        return packed;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        _data = null;
        GC.SuppressFinalize(this);
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
            var row = System.Buffers.ArrayPool<float>.Shared.Rent(Packed.Inputs);
            var scratch = System.Buffers.ArrayPool<byte>.Shared.Rent(Packed.Inputs);
            var values = row.AsSpan(0, Packed.Inputs);
            for (int n = 0; n < count; n++)
            {
                Source.ReadRow(first + n, values);
                if (Packed.Groups is { } groups) PanelPacking.GroupedColumn(groups, values, panel, n, scratch);
                else if (Packed.ColumnScales != null) Packed.ColumnScales[first + n] = PanelPacking.Int8Column(values, panel, n, scratch);
                else if (Packed.Kernel.Type == PanelType.BF16) PanelPacking.BF16Column(values, panel, n);
                else PanelPacking.F32Column(values, panel, n);
            }
            if (Packed.ColumnScales != null) new Span<float>(Packed.ColumnScales + first + count, PanelWidth - count).Clear();
            System.Buffers.ArrayPool<float>.Shared.Return(row);
            System.Buffers.ArrayPool<byte>.Shared.Return(scratch);
        }
    }
}
