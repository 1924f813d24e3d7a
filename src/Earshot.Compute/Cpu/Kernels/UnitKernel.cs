using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Emitted code that multiplies rows of one of ggml's block types, made once a process for each type that is used.</summary>
internal sealed unsafe class UnitKernel
{
    static readonly System.Collections.Concurrent.ConcurrentDictionary<string, UnitKernel?> s_kernels = new();

    // Keeps the emitted code's pages alive, as long as the process.
    readonly ExecutableMemory _code;
    readonly int[] _loads;
    readonly int _groupBytes;
    readonly nint[] _entries;

    UnitKernel(BlockUnit unit, ExecutableMemory code, int[] entries)
    {
        _code = code;
        _loads = [.. unit.Loads];
        _groupBytes = unit.GroupBytes;
        Layout = unit.Layout;
        _entries = Array.ConvertAll(entries, entry => (nint)_code.Start + entry);
    }

    /// <summary>How inputs lie.</summary>
    public UnitLayout Layout { get; }

    /// <summary>The kernel of a block type; null where the instructions are not there, or the system forbids making code.</summary>
    public static UnitKernel? For(BlockFormat format, Isa isa) =>
        isa.Set >= InstructionSet.Avx512 && isa.HasVnni ? s_kernels.GetOrAdd(format.Name, static name => Make(name)) : null;

    /// <summary>Multiplies some rows of blocks by rows of int8, a few at a time.</summary>
    public void Multiply(BlockArguments* arguments)
    {
        int groups = arguments->Inputs.Groups;
        var own = new UnitArguments
        {
            Outputs = (arguments->Outputs + 3) & ~3,
            RowStride = arguments->Inputs.Bytes,
            Weights = arguments->Weights,
            Units = groups / UnitLayout.Groups,
            Rest = groups % UnitLayout.Groups,
        };
        for (int i = 0; own.Rest > 0 && i < _loads.Length; i++) own.Masks[i] = MaskOf((int)own.Rest * _groupBytes - _loads[i]);
        int strips = (arguments->Rows + BlockKernels.MaxRows - 1) / BlockKernels.MaxRows;
        for (int strip = 0, done = 0; strip < strips; strip++)
        {
            int rows = (arguments->Rows - done + strips - strip - 1) / (strips - strip);
            own.Start = arguments->Start + done * own.RowStride;
            own.Sums = arguments->Sums + done * arguments->SumStride;
            // No transition to unmanaged mode: a call takes microseconds at most.
            ((delegate* unmanaged[Cdecl, SuppressGCTransition]<UnitArguments*, void>)_entries[rows])(&own);
            done += rows;
        }
    }

    static ulong MaskOf(int bytes) => bytes <= 0 ? 0 : bytes >= 64 ? ulong.MaxValue : (1ul << bytes) - 1;

    static UnitKernel? Make(string name)
    {
        BlockUnit unit = name switch
        {
            nameof(Q4_0) => HalfByteUnit.OfQ4_0,
            nameof(Q4_1) => HalfByteUnit.OfQ4_1,
            nameof(Q5_0) => HalfByteUnit.OfQ5_0,
            nameof(Q5_1) => HalfByteUnit.OfQ5_1,
            nameof(Q8_0) => new Q8_0Unit(),
            nameof(Q4_K) => SixBitUnit.OfQ4_K,
            nameof(Q5_K) => SixBitUnit.OfQ5_K,
            nameof(Q6_K) => new Q6_KUnit(),
            nameof(IQ4_NL) => HalfByteUnit.OfIQ4_NL,
            nameof(IQ4_XS) => new IQ4_XSUnit(),
            _ => throw new ArgumentException($"There is no emitted kernel of {name}.", nameof(name)),
        };
        var code = new Assembler();
        var constants = BlockKernels.EmitConstants(code, unit);
        var entries = new int[BlockKernels.MaxRows + 1];
        for (int rows = 1; rows <= BlockKernels.MaxRows; rows++)
            entries[rows] = BlockKernels.Emit(code, unit, rows, constants, OperatingSystem.IsWindows());
        return ExecutableMemory.TryCreate(code.Code) is { } memory ? new UnitKernel(unit, memory, entries) : null;
    }
}

/// <summary>What an emitted block kernel works on. Emitted code knows the offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct UnitArguments
{
    public const int WeightsOffset = 0;
    public const int OutputsOffset = 8;
    public const int StartOffset = 16;
    public const int RowStrideOffset = 24;
    public const int SumsOffset = 32;
    public const int UnitsOffset = 40;
    public const int RestOffset = 48;
    public const int MasksOffset = 56;

    /// <summary>Where each output's row of blocks begins.</summary>
    public byte** Weights;

    /// <summary>A multiple of four.</summary>
    public nint Outputs;

    /// <summary>The first row of inputs.</summary>
    public byte* Start;

    /// <summary>Bytes from one row of inputs to the next.</summary>
    public nint RowStride;

    /// <summary>Sums (rows, 32).</summary>
    public float* Sums;

    /// <summary>Whole units of a row.</summary>
    public nint Units;

    /// <summary>Groups behind the last whole unit.</summary>
    public nint Rest;

    /// <summary>For each of the unit's loads, the bytes that a row still has in its last unit.</summary>
    public fixed ulong Masks[8];
}
