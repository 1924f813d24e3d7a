using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>The instructions that kernels use: what the processor and the system give, no more than was asked for.</summary>
/// <param name="HasBf16">Whether vectors of bfloat16 are multiplied directly: where that is faster than widening them.</param>
/// <param name="HasVnni">Whether int8 is multiplied directly, no slower than float32.</param>
internal readonly partial record struct Isa(InstructionSet Set, bool HasBf16, bool HasVnni)
{
    /// <summary>
    /// Whether plain vector code uses 512 bits: not where the runtime holds that they slow the processor down, or was compiled without
    /// them.
    /// </summary>
    public bool Wide => Set >= InstructionSet.Avx512 && Vector512.IsHardwareAccelerated;

    /// <summary>Whether it is one of arm64's beyond plain vector code.</summary>
    public bool IsNeon => Set is >= InstructionSet.Neon and <= InstructionSet.NeonI8mm;

    /// <summary>The best there is, at most <paramref name="limit"/>, else at most what EARSHOT_ISA names.</summary>
    /// <exception cref="ArgumentException">EARSHOT_ISA names none.</exception>
    public static Isa Select(InstructionSet? limit)
    {
        var cap = limit ?? Named(Environment.GetEnvironmentVariable("EARSHOT_ISA")) ?? InstructionSet.Amx;
        if (RuntimeInformation.ProcessArchitecture == Architecture.Arm64) return OfArm(cap, ArmFeatures.OfThisMachine);
        var set = Best(cap);
        bool wide = set >= InstructionSet.Avx512;
        var features = ProcessorFeatures.OfThisMachine;
        return new Isa(set, wide && features.MultipliesBf16Fast, set == InstructionSet.Avx2Vnni || (wide && features.HasAvx512Vnni));
    }

    /// <summary>The best of an arm64 processor; each of its sets multiplies int8.</summary>
    internal static Isa OfArm(InstructionSet cap, ArmFeatures features)
    {
        var best = features switch
        {
            { HasDotProduct: true, HasInt8Matrices: true } => InstructionSet.NeonI8mm,
            { HasDotProduct: true } => InstructionSet.NeonDotProd,
            _ => InstructionSet.Neon,
        };
        // All of x64's are beyond the last of arm64's.
        var set = cap < best ? cap : best;
        return new Isa(set, set == InstructionSet.NeonI8mm && features.HasBf16, set != InstructionSet.Portable);
    }

    static InstructionSet Best(InstructionSet cap)
    {
        // Emitted code needs the processor alone; AVX2's is compiled, so that the compiler must have been told of it.
        if (cap >= InstructionSet.Avx512 && ProcessorFeatures.OfThisMachine.HasAvx512 && Avx2.IsSupported && Fma.IsSupported)
        {
            return cap >= InstructionSet.Amx && HasAmx() ? InstructionSet.Amx : InstructionSet.Avx512;
        }
        if (cap < InstructionSet.Avx2 || !Avx2.IsSupported || !Fma.IsSupported) return InstructionSet.Portable;
        return cap >= InstructionSet.Avx2Vnni && AvxVnni.IsSupported ? InstructionSet.Avx2Vnni : InstructionSet.Avx2;
    }

    /// <summary>The instruction set of a name as EARSHOT_ISA has it; null for none.</summary>
    public static InstructionSet? Named(string? name)
    {
        if (string.IsNullOrWhiteSpace(name)) return null;
        return InstructionSets.Names.TryGetValue(name.Trim(), out var set)
            ? set
            : throw new ArgumentException(
                $"EARSHOT_ISA is '{name}'; expected {string.Join(", ", InstructionSets.Names.Keys.SkipLast(1))} or amx.");
    }

    // Linux hands out the tiles' state on request.
    static bool HasAmx() => OperatingSystem.IsLinux() && ProcessorFeatures.OfThisMachine.HasAmx && RequestTiles();

    static bool RequestTiles()
    {
        const int archPrctl = 158;
        const int requestPermission = 0x1023;
        const int tileData = 18;
        return SystemCall(archPrctl, requestPermission, tileData) == 0;
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second);
}
