using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>The instructions that kernels use: what the processor and the system give, no more than was asked for.</summary>
internal readonly partial record struct Isa(InstructionSet Set, bool HasBf16, bool HasVnni)
{
    const int LeafFeatures = 7;

    /// <summary>Whether plain vector code uses 512 bits: not where the runtime holds that they slow the processor down.</summary>
    public bool Wide => Set >= InstructionSet.Avx512 && Vector512.IsHardwareAccelerated;

    /// <summary>The best there is, at most <paramref name="limit"/>, else at most what EARSHOT_ISA names.</summary>
    /// <exception cref="ArgumentException">EARSHOT_ISA names none.</exception>
    public static Isa Select(InstructionSet? limit)
    {
        var cap = limit ?? Named(Environment.GetEnvironmentVariable("EARSHOT_ISA")) ?? InstructionSet.Amx;
        var set = Best(cap);
        bool wide = set >= InstructionSet.Avx512;
        return new Isa(set, wide && HasBf16Dot(), set == InstructionSet.Avx2Vnni || (wide && HasWideVnni()));
    }

    static InstructionSet Best(InstructionSet cap)
    {
        if (cap >= InstructionSet.Avx512 && HasAvx512())
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
            : throw new ArgumentException($"EARSHOT_ISA is '{name}'; expected portable, avx2, avx2-vnni, avx512 or amx.");
    }

    static bool HasAvx512() =>
        Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    // Leaf 7, subleaf 1, EAX bit 5: AVX512_BF16.
    static bool HasBf16Dot() => MaxSubleaf() >= 1 && Bit(X86Base.CpuId(LeafFeatures, 1).Eax, 5);

    // Leaf 7, ECX bit 11: AVX512_VNNI.
    static bool HasWideVnni() => Bit(X86Base.CpuId(LeafFeatures, 0).Ecx, 11);

    // Leaf 7, EDX bits 22, 24, 25: AMX-BF16, AMX-TILE, AMX-INT8; Linux hands out the tiles' state on request.
    static bool HasAmx()
    {
        if (!OperatingSystem.IsLinux()) return false;
        int features = X86Base.CpuId(LeafFeatures, 0).Edx;
        return Bit(features, 22) && Bit(features, 24) && Bit(features, 25) && RequestTiles();
    }

    static bool RequestTiles()
    {
        const int archPrctl = 158;
        const int requestPermission = 0x1023;
        const int tileData = 18;
        return SystemCall(archPrctl, requestPermission, tileData) == 0;
    }

    static int MaxSubleaf() => X86Base.CpuId(LeafFeatures, 0).Eax;

    static bool Bit(int value, int bit) => (value >> bit & 1) != 0;

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second);
}
