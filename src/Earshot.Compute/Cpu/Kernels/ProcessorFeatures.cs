using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// What an x64 processor says of itself, and which registers the system keeps. Emitted code asks here and not the runtime: a program that
/// was compiled ahead of time for older processors has <c>IsSupported</c> false for all that is newer, and can run emitted code all the
/// same. Bits as in the Intel® 64 and IA-32 Architectures Software Developer's Manual, CPUID and chapter 13.
/// </summary>
/// <param name="Leaf7Ebx">CPUID leaf 7, subleaf 0.</param>
/// <param name="Leaf7Ecx">CPUID leaf 7, subleaf 0.</param>
/// <param name="Leaf7Edx">CPUID leaf 7, subleaf 0.</param>
/// <param name="Leaf71Eax">CPUID leaf 7, subleaf 1; zero where there is none.</param>
/// <param name="EnabledState">The register XCR0: the states that the system saves.</param>
/// <param name="IsIntel">Who made it, as leaf 0 says.</param>
internal readonly record struct ProcessorFeatures(
    int Leaf7Ebx, int Leaf7Ecx, int Leaf7Edx, int Leaf71Eax, ulong EnabledState, bool IsIntel = false)
{
    const ulong VectorStates = 1 << 1 | 1 << 2; // XMM, YMM
    const ulong WideStates = VectorStates | 1 << 5 | 1 << 6 | 1 << 7; // masks, upper halves of ZMM0–15, ZMM16–31
    const ulong TileStates = 1 << 17 | 1 << 18;

    static readonly Lazy<ProcessorFeatures> s_this = new(Read);

    /// <summary>Of the processor that this runs on; empty where it is not an x64.</summary>
    public static ProcessorFeatures OfThisMachine => s_this.Value;

    /// <summary>AVX-512 F, DQ, BW and VL.</summary>
    public bool HasAvx512 => Has(Leaf7Ebx, 16, 17, 30, 31) && (EnabledState & WideStates) == WideStates;

    public bool HasAvx512Bf16 => HasAvx512 && Has(Leaf71Eax, 5);

    /// <summary>
    /// Whether vectors of bfloat16 are multiplied faster than the same numbers as float32. Intel's cores start one such product every other
    /// cycle, half of what they do in float32 (they have tiles for it, which a virtual machine may hide); AMD's two a cycle.
    /// </summary>
    public bool MultipliesBf16Fast => HasAvx512Bf16 && !IsIntel;

    public bool HasAvx512Vnni => HasAvx512 && Has(Leaf7Ecx, 11);

    /// <summary>AMX tiles with bfloat16 and int8; a system may still want to be asked for them.</summary>
    public bool HasAmx => Has(Leaf7Edx, 22, 24, 25) && (EnabledState & TileStates) == TileStates;

    static bool Has(int register, params ReadOnlySpan<int> bits)
    {
        foreach (int bit in bits) if ((register >> bit & 1) == 0) return false;
        return true;
    }

    static ProcessorFeatures Read()
    {
        const int saveStateBit = 27; // leaf 1, ECX: XGETBV may be used
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !X86Base.IsSupported) return default;
        if (X86Base.CpuId(0, 0).Eax < 7 || !Has(X86Base.CpuId(1, 0).Ecx, saveStateBit)) return default;
        var (subleaves, ebx, ecx, edx) = X86Base.CpuId(7, 0);
        int more = subleaves >= 1 ? X86Base.CpuId(7, 1).Eax : 0;
        return new ProcessorFeatures(ebx, ecx, edx, more, ReadEnabledState(), MadeByIntel());
    }

    // "GenuineIntel", four letters a register.
    static bool MadeByIntel()
    {
        var (_, ebx, ecx, edx) = X86Base.CpuId(0, 0);
        return (ebx, edx, ecx) == (0x756E6547, 0x49656E69, 0x6C65746E);
    }

    // There is no intrinsic for XGETBV. Zero where code cannot be emitted: then nothing is that would need these states.
    static unsafe ulong ReadEnabledState()
    {
        ReadOnlySpan<byte> code =
        [
            0x31, 0xC9, // xor ecx, ecx
            0x0F, 0x01, 0xD0, // xgetbv
            0x48, 0xC1, 0xE2, 0x20, // shl rdx, 32
            0x48, 0x09, 0xD0, // or rax, rdx
            0xC3, // ret
        ];
        using var memory = ExecutableMemory.TryCreate(code);
        return memory is null ? 0 : ((delegate* unmanaged<ulong>)memory.Start)();
    }
}
