using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>What a panel's elements are: how many of a row's inputs one step of four bytes takes.</summary>
internal enum PanelType
{
    /// <summary>One float32 a step.</summary>
    F32,

    /// <summary>Two bfloat16 a step.</summary>
    BF16,

    /// <summary>Four int8 a step; the panel's are unsigned (weight + 128), the rows' signed, the sums int32.</summary>
    Int8,

    /// <summary>
    /// Two int16 a step, the sums int32: int8 panels for the time of a product, by rows of as many bits as the sums hold.
    /// </summary>
    Int16,
}

/// <summary>What a micro-kernel works on: some rows, one panel, and the sums; strides in bytes. Emitted code knows the offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MicroArguments
{
    public const int RowsOffset = 0;
    public const int RowStrideOffset = 8;
    public const int PanelOffset = 16;
    public const int StepsOffset = 24;
    public const int SumsOffset = 32;
    public const int SumStrideOffset = 40;
    public const int AccumulateOffset = 48;

    public byte* Rows;
    public nint RowStride;
    public byte* Panel;
    public nint Steps;
    public float* Sums;
    public nint SumStride;

    /// <summary>Zero to begin at zero, else the sums' values are added to.</summary>
    public nint Accumulate;

    /// <summary>
    /// The rows that this thread's tiles are shaped for, zero where it holds none; kept from call to call until
    /// <see cref="MicroKernel.Release"/>.
    /// </summary>
    public int TileRows;
}

/// <summary>
/// Multiplies up to <see cref="MaxRows"/> rows by one panel of 32 columns. Each element is one sum over the inputs in their
/// order, so that a row's result has the same bits whatever the other rows.
/// </summary>
internal sealed unsafe class MicroKernel
{
    readonly nint[]? _emitted;
    readonly delegate*<MicroArguments*, int, void> _managed;

    /// <summary>Emitted code, by the number of rows.</summary>
    public MicroKernel(PanelType type, int maxRows, nint[] emitted)
    {
        Type = type;
        MaxRows = OnePassRows = maxRows;
        _emitted = emitted;
    }

    public MicroKernel(PanelType type, int maxRows, delegate*<MicroArguments*, int, void> managed)
    {
        Type = type;
        MaxRows = OnePassRows = maxRows;
        _managed = managed;
    }

    public PanelType Type { get; }

    public int MaxRows { get; }

    /// <summary>Rows that meet a panel in one pass over it, which needs not stay in cache.</summary>
    public int OnePassRows { get; init; }

    /// <summary>What the rows hold; float32 where the kernel widens the panel's elements itself.</summary>
    public PanelType RowType { get; init; }

    /// <summary>What multiplies panels that are widened once for many rows; null where that is float32's kernel, or none are.</summary>
    public MicroKernel? Widened { get; init; }

    /// <summary>What shapes the tiles that the kernel computes in; null where it needs none.</summary>
    public TileShapes? Tiles { get; init; }

    /// <summary>Steps come in multiples of this many; panels and rows are padded with zeros.</summary>
    public int StepMultiple { get; init; } = 1;

    /// <summary>Turns scores into probabilities as this kernel reads them; null where only the plain vector code does that.</summary>
    public SoftmaxKernel? Softmax { get; init; }

    /// <summary>The same from int32 scores; null where only the plain vector code does that.</summary>
    public SoftmaxKernel? IntegerSoftmax { get; init; }

    /// <summary>Inputs that one step takes.</summary>
    public int StepInputs => Type switch { PanelType.F32 => 1, PanelType.Int8 => 4, _ => 2 };

    /// <summary>Bytes of one input in a row as the kernel reads it.</summary>
    public int RowInputBytes => RowType switch { PanelType.F32 => 4, PanelType.Int8 => 1, _ => 2 };

    /// <summary>Whether the panel's elements are whole numbers, in units that stand beside it.</summary>
    public bool HoldsIntegers => Type is PanelType.Int8 or PanelType.Int16;

    /// <summary>Whether sums are int32 in units of the rows.</summary>
    public bool SumsIntegers => RowType is PanelType.Int8 or PanelType.Int16;

    /// <summary>Steps that some inputs take, padding included.</summary>
    public int StepsFor(int inputs) => ((inputs + StepInputs - 1) / StepInputs + StepMultiple - 1) / StepMultiple * StepMultiple;

    /// <summary>
    /// Any number of rows, in strips of nearly the same height, since 9 + 9 are faster than 14 + 4; in tiles whole strips first, for one
    /// shape. What the next call reads of weights may come into the second-level cache meanwhile: processors look ahead within a page.
    /// </summary>
    /// <param name="arguments">What is multiplied.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="next">What is read next; null where that is not known.</param>
    /// <param name="nextBytes">How much.</param>
    public void RunStrips(MicroArguments* arguments, int rows, byte* next = null, nint nextBytes = 0)
    {
        byte* firstRow = arguments->Rows;
        byte* firstSum = (byte*)arguments->Sums;
        int strips = (rows + MaxRows - 1) / MaxRows;
        for (int strip = 0, done = 0; strip < strips; strip++)
        {
            int count = Tiles is null ? (rows - done + strips - strip - 1) / (strips - strip) : Math.Min(MaxRows, rows - done);
            arguments->Rows = firstRow + done * arguments->RowStride;
            arguments->Sums = (float*)(firstSum + done * arguments->SumStride);
            if (next != null) Prefetch(next, nextBytes * strip / strips, nextBytes * (strip + 1) / strips);
            Run(arguments, count);
            done += count;
        }
    }

    static void Prefetch(byte* start, nint from, nint to)
    {
        const nint line = 64;
        if (!Sse.IsSupported) return;
        for (nint at = from & -line; at < to; at += line) Sse.Prefetch1(start + at);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Run(MicroArguments* arguments, int rows)
    {
        if (Tiles is not null && arguments->TileRows != rows) Tiles.Set(arguments, rows);
        // No transition to unmanaged mode: a call takes microseconds at most.
        if (_emitted is not null) ((delegate* unmanaged[Cdecl, SuppressGCTransition]<MicroArguments*, void>)_emitted[rows])(arguments);
        else _managed(arguments, rows);
    }

    /// <summary>
    /// Ends a thread's calls with these arguments: tiles that it still held would be saved whenever the system switches threads.
    /// </summary>
    public void Release(MicroArguments* arguments)
    {
        if (arguments->TileRows != 0) Tiles!.Release(arguments);
    }
}

/// <summary>Emitted code that shapes a thread's tiles, by the number of rows, and that gives them back.</summary>
internal sealed unsafe class TileShapes(nint[] shape, nint release)
{
    public void Set(MicroArguments* arguments, int rows)
    {
        ((delegate* unmanaged[Cdecl, SuppressGCTransition]<void>)shape[rows])();
        arguments->TileRows = rows;
    }

    public void Release(MicroArguments* arguments)
    {
        ((delegate* unmanaged[Cdecl, SuppressGCTransition]<void>)release)();
        arguments->TileRows = 0;
    }
}

/// <summary>What a kernel of four-bit codes works on: whole groups only. Emitted code knows the offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CodeArguments
{
    public const int RowsOffset = 0;
    public const int RowStrideOffset = 8;
    public const int PanelOffset = 16;
    public const int PanelBytesOffset = 24;
    public const int GroupsOffset = 32;
    public const int GroupStepsOffset = 40;
    public const int ScalesOffset = 48;
    public const int TableOffset = 56;
    public const int SumsOffset = 64;

    public float* Rows;

    /// <summary>In bytes.</summary>
    public nint RowStride;
    public byte* Panel;

    /// <summary>How far the second panel is.</summary>
    public nint PanelBytes;
    public nint Groups;

    /// <summary>Steps of eight inputs in a group.</summary>
    public nint GroupSteps;

    /// <summary>The groups' scales as float32: (groups, panels, 32).</summary>
    public float* Scales;
    public float* Table;

    /// <summary>Sums: (panels, rows, 32).</summary>
    public float* Sums;
}

/// <summary>Multiplies a few rows by one or two panels of four-bit codes.</summary>
internal sealed unsafe class Int4Kernel(nint[][] entries)
{
    public void Run(CodeArguments* arguments, int rows, int panels) =>
        ((delegate* unmanaged[Cdecl, SuppressGCTransition]<CodeArguments*, void>)entries[panels][rows])(arguments);
}
