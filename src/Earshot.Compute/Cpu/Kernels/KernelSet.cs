using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>The micro-kernels of one instruction set; made once a process for each set that is used.</summary>
internal sealed unsafe partial class KernelSet
{
    static readonly System.Collections.Concurrent.ConcurrentDictionary<Isa, KernelSet> Sets = new();

    // Keeps the emitted code's pages alive, as long as the process.
    readonly ExecutableMemory? _code;

    KernelSet(Isa isa)
    {
        var kernels = isa.Set >= InstructionSet.Avx512 ? Emit(isa, out _code) : isa.IsNeon ? EmitNeon(isa, out _code) : null;
        // The system forbids making code: the next set needs none.
        if (kernels is null && isa.Set >= InstructionSet.Avx512) isa = Isa.Select(InstructionSet.Avx2Vnni);
        else if (kernels is null && isa.IsNeon) isa = Isa.Select(InstructionSet.Portable);
        Isa = isa;
        kernels ??= Managed(isa, out _code);
        F32 = kernels[PanelType.F32];
        BF16 = kernels[PanelType.BF16];
        Int8 = kernels[PanelType.Int8];
        SequenceInt8 = kernels.GetValueOrDefault(PanelType.Int16);
    }

    /// <summary>Kernels made elsewhere, beside an instruction set's plain vector code.</summary>
    public KernelSet(Isa isa, MicroKernel f32, MicroKernel bf16, MicroKernel int8)
    {
        Isa = isa;
        F32 = f32;
        BF16 = bf16;
        Int8 = int8;
    }

    public Isa Isa { get; }

    public MicroKernel F32 { get; }

    public MicroKernel BF16 { get; }

    /// <summary>Int8 by int8, or int8 widened and float32 where the processor has no such instruction.</summary>
    public MicroKernel Int8 { get; }

    /// <summary>
    /// Int8 by the rows of sequences, both as int16; null where <see cref="Int8"/> is as fast. It only takes panels that are widened first.
    /// </summary>
    public MicroKernel? SequenceInt8 { get; }

    /// <summary>Four-bit codes by few rows; null where only the plain vector code does that.</summary>
    public Int4Kernel? Codes { get; private set; }

    /// <summary>The kernels of the best instructions there are, at most <paramref name="limit"/>.</summary>
    public static KernelSet For(InstructionSet? limit) => For(Isa.Select(limit));

    /// <summary>The kernels of some instructions, which the processor must have.</summary>
    public static KernelSet For(Isa isa) => Sets.GetOrAdd(isa, chosen => new KernelSet(chosen));

    static Dictionary<PanelType, MicroKernel> Managed(Isa isa, out ExecutableMemory? memory)
    {
        memory = null;
        if (isa.Set < InstructionSet.Avx2) return Managed<Lanes128>();
        if (EmitAvx2(isa.HasVnni, out memory) is { } emitted) return emitted;
        // The system forbids making code.
        var kernels = Managed<Lanes256>();
        if (isa.HasVnni) kernels[PanelType.Int8] = ManagedKernels<Lanes256>.Int8<BytePanel>();
        return kernels;
    }

    // To the bits of the compiled ones: the same sums in the same order.
    static Dictionary<PanelType, MicroKernel>? EmitAvx2(bool dotsBytes, out ExecutableMemory? memory)
    {
        var code = new Assembler();
        int[] f32 = Emitted(PanelType.F32), bf16 = Emitted(PanelType.BF16), int8 = Emitted(PanelType.Int8, dotsBytes);
        int[] int16 = dotsBytes ? [] : Entries(Avx2Kernels.MaxInt16Rows, rows => Emit(PanelType.Int16, rows));
        memory = ExecutableMemory.TryCreate(code.Code);
        if (memory is null) return null;
        byte* start = memory.Start;
        var kernels = new Dictionary<PanelType, MicroKernel>
        {
            [PanelType.F32] = Kernel(PanelType.F32, PanelType.F32, f32),
            [PanelType.BF16] = Kernel(PanelType.BF16, PanelType.F32, bf16),
            [PanelType.Int8] = Kernel(PanelType.Int8, dotsBytes ? PanelType.Int8 : PanelType.F32, int8),
        };
        if (dotsBytes) return kernels;
        var pairs = new MicroKernel(PanelType.Int16, Avx2Kernels.MaxInt16Rows, Placed(int16))
        {
            RowType = PanelType.Int16,
            OnePassRows = Avx2Kernels.WholeInt16Rows,
        };
        kernels[PanelType.Int16] = new MicroKernel(PanelType.Int8, Avx2Kernels.MaxInt16Rows, [])
        {
            RowType = PanelType.Int16,
            Widened = pairs,
        };
        return kernels;

        int[] Emitted(PanelType type, bool dots = false) => Entries(Avx2Kernels.MaxRows, rows => Emit(type, rows, dots));

        int Emit(PanelType type, int rows, bool dots = false) => Avx2Kernels.Emit(code, type, rows, OperatingSystem.IsWindows(), dots);

        nint[] Placed(int[] offsets) => Array.ConvertAll(offsets, offset => (nint)start + offset);

        MicroKernel Kernel(PanelType type, PanelType rowType, int[] entries) =>
            new(type, Avx2Kernels.MaxRows, Placed(entries)) { RowType = rowType, OnePassRows = Avx2Kernels.WholeRows };
    }

    static Dictionary<PanelType, MicroKernel> Managed<TLanes>() where TLanes : struct, ILanes<TLanes> => new()
    {
        [PanelType.F32] = ManagedKernels<TLanes>.F32(),
        [PanelType.BF16] = ManagedKernels<TLanes>.BF16(),
        [PanelType.Int8] = ManagedKernels<TLanes>.WidenedInt8(),
    };

    Dictionary<PanelType, MicroKernel>? Emit(Isa isa, out ExecutableMemory? memory)
    {
        var code = new Assembler();
        var emitted = new List<(PanelType Type, PanelType RowType, int MaxRows, int StepMultiple, int[] Entries)>();
        bool tiles = isa.Set == InstructionSet.Amx;
        int[]? shapes = tiles ? Entries(TileKernels.MaxRows, rows => TileKernels.EmitConfigure(code, rows)) : null;
        int release = tiles ? TileKernels.EmitRelease(code) : 0;
        AddVector(PanelType.F32);
        if (tiles) AddTiles(PanelType.BF16);
        else AddVector(PanelType.BF16, widens: !isa.HasBf16);
        if (tiles) AddTiles(PanelType.Int8);
        else if (isa.HasVnni) AddVector(PanelType.Int8);
        var softmax = new[] { PanelType.F32, PanelType.BF16 }
            .Where(type => type == PanelType.F32 || isa.HasBf16)
            .ToDictionary(type => type, type => (
                Floats: SoftmaxKernels.Emit(code, type, OperatingSystem.IsWindows()),
                Integers: SoftmaxKernels.Emit(code, type, OperatingSystem.IsWindows(), integers: true)));
        var codes = Enumerable.Range(0, Int4Kernels.MaxPanels + 1)
            .Select(panels => Entries(
                Int4Kernels.MaxRows,
                rows => panels == 0 ? 0 : Int4Kernels.Emit(code, rows, panels, OperatingSystem.IsWindows()))).ToArray();
        memory = ExecutableMemory.TryCreate(code.Code);
        if (memory is null) return null;

        // What the processor lacks in 512 bits is compiled with what it has.
        var kernels = isa.Wide ? Managed<Lanes512>() : Managed<Lanes256>();
        byte* start = memory.Start;
        var tileShapes = shapes is null ? null : new TileShapes(Placed(shapes), (nint)start + release);
        Codes = new Int4Kernel(Array.ConvertAll(codes, Placed));
        foreach (var (type, rowType, maxRows, stepMultiple, entries) in emitted)
        {
            bool has = softmax.TryGetValue(rowType == PanelType.BF16 ? rowType : PanelType.F32, out var softmaxEntries);
            kernels[type] = new MicroKernel(type, maxRows, Placed(entries))
            {
                RowType = rowType,
                StepMultiple = stepMultiple,
                Tiles = stepMultiple > 1 ? tileShapes : null,
                Softmax = has ? new SoftmaxKernel((nint)start + softmaxEntries.Floats) : null,
                IntegerSoftmax = has ? new SoftmaxKernel((nint)start + softmaxEntries.Integers) : null,
            };
        }
        return kernels;

        nint[] Placed(int[] offsets) => Array.ConvertAll(offsets, offset => (nint)start + offset);

        void AddVector(PanelType type, bool widens = false) =>
            emitted.Add((type, widens ? PanelType.F32 : type, VectorKernels.MaxRows, 1, Entries(
                VectorKernels.MaxRows, rows => VectorKernels.Emit(code, type, rows, OperatingSystem.IsWindows(), widens))));

        void AddTiles(PanelType type)
        {
            int one = TileKernels.Emit(code, type, two: false), two = TileKernels.Emit(code, type, two: true);
            emitted.Add((type, type, TileKernels.MaxRows, TileKernels.StepMultiple, Entries(
                TileKernels.MaxRows, rows => rows > TileKernels.TileRows ? two : one)));
        }
    }

    static int[] Entries(int maxRows, Func<int, int> emit) => [0, .. Enumerable.Range(1, maxRows).Select(emit)];
}
