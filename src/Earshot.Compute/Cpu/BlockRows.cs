using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu;

/// <summary>A matrix in ggml's blocks, row by row in the file that it is mapped from, held until this is disposed of.</summary>
internal sealed unsafe class BlockRows : IDisposable
{
    const int Width = PackedMatrix.PanelWidth;

    readonly IStoredBlocks _source;
    readonly SafeBuffer _memory;
    readonly int[]? _order;
    readonly int _count;
    byte* _start;

    public BlockRows(IStoredBlocks source, int rows, int inputs, KernelSet kernels)
    {
        Kernel = BlockKernel.For(source.Format, kernels.Isa);
        Inputs = new BlockInputs(inputs, Kernel.IsInterleaved, Kernel.Units?.Bytes ?? 0);
        RowBytes = (nint)source.Format.BytesOf(inputs);
        _source = source;
        _count = rows;
        _order = source.RowOrder?.ToArray();
        (_memory, long offset) = source.Mapped;
        // Held until the matrix is freed: a file that was closed meanwhile stays mapped.
        byte* start = null;
        _memory.AcquirePointer(ref start);
        _start = start + offset;
    }

    ~BlockRows() => Free();

    public BlockKernel Kernel { get; }

    /// <summary>How the rows that it is multiplied by are laid out.</summary>
    public BlockInputs Inputs { get; }

    public nint RowBytes { get; }

    /// <summary>Where the rows of a panel begin; behind the last row, the last again.</summary>
    public void Locate(int panel, byte** rows)
    {
        int first = panel * Width, count = Math.Min(Width, _count - first);
        if (_order is null)
        {
            byte* row = _start + first * RowBytes;
            for (int i = 0; i < count; i++, row += RowBytes) rows[i] = row;
        }
        else
        {
            for (int i = 0; i < count; i++) rows[i] = _start + _order[first + i] * RowBytes;
        }
        for (int i = count; i < Width; i++) rows[i] = rows[count - 1];
    }

    /// <summary>Brings a row of float32 into the form of <see cref="Inputs"/>.</summary>
    public void Quantize<TLanes>(float* source, byte* row) where TLanes : struct, ILanes<TLanes>
    {
        if (Kernel.Units is { } units) units.Quantize<TLanes>(source, Inputs.Groups, row);
        else Inputs.Quantize<TLanes>(source, row);
    }

    /// <summary>Before each piece of work: what a file no longer has must not be touched.</summary>
    /// <exception cref="CheckpointException">The file was changed since it was opened.</exception>
    public void ThrowIfChanged() => _source.ThrowIfChanged();

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    void Free()
    {
        if (_start == null) return;
        _start = null;
        _memory.ReleasePointer();
    }
}
