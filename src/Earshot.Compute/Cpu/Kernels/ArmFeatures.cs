using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// What an arm64 processor has beyond what all have. The system is asked and not the runtime alone: a program that was compiled ahead of
/// time has <c>IsSupported</c> false for all that is newer, and .NET has no name for the matrix products; both are emitted.
/// </summary>
/// <param name="HasDotProduct">Dot products of int8 (FEAT_DotProd).</param>
/// <param name="HasInt8Matrices">Matrix products of int8, and dot products of unsigned by signed ones (FEAT_I8MM).</param>
/// <param name="HasBf16">Dot and matrix products of bfloat16 (FEAT_BF16).</param>
internal readonly partial record struct ArmFeatures(bool HasDotProduct, bool HasInt8Matrices, bool HasBf16)
{
    static readonly Lazy<ArmFeatures> s_this = new(Read);

    /// <summary>Of the processor that this runs on; empty where it is not an arm64.</summary>
    public static ArmFeatures OfThisMachine => s_this.Value;

    /// <summary>As Linux says it in the bits of AT_HWCAP and AT_HWCAP2 (Documentation/arch/arm64/elf_hwcaps.rst).</summary>
    public static ArmFeatures OfLinux(ulong capabilities, ulong more)
    {
        const int dotProduct = 20, int8Matrices = 13, bf16 = 14;
        return new ArmFeatures((capabilities >> dotProduct & 1) != 0, (more >> int8Matrices & 1) != 0, (more >> bf16 & 1) != 0);
    }

    static ArmFeatures Read()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.Arm64) return default;
        var features = OfSystem();
        return features with { HasDotProduct = features.HasDotProduct || Dp.IsSupported };
    }

    static ArmFeatures OfSystem()
    {
        // Names and numbers of the systems' headers: sys/auxv.h, winnt.h, and Apple's list of hw.optional.arm.
        const nuint capabilities = 16, moreCapabilities = 26;
        const uint dotProduct = 43, int8Matrices = 66, bf16 = 68;
        if (OperatingSystem.IsLinux()) return OfLinux(AuxiliaryValue(capabilities), AuxiliaryValue(moreCapabilities));
        if (OperatingSystem.IsWindows()) return new ArmFeatures(Has(dotProduct), Has(int8Matrices), Has(bf16));
        return new ArmFeatures(HasNamed("FEAT_DotProd"), HasNamed("FEAT_I8MM"), HasNamed("FEAT_BF16"));

        static bool HasNamed(string feature) => SystemControl.Read($"hw.optional.arm.{feature}") == 1;
    }

    [LibraryImport("libc", EntryPoint = "getauxval")]
    private static partial nuint AuxiliaryValue(nuint type);

    [LibraryImport("kernel32", EntryPoint = "IsProcessorFeaturePresent")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool Has(uint feature);
}
