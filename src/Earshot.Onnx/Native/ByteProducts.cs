using System.Runtime.Intrinsics.X86;

namespace Earshot.Onnx.Native;

/// <summary>Whether ONNX Runtime's products of unsigned by signed bytes are exact on this processor.</summary>
static class ByteProducts
{
    /// <summary>
    /// The session entry by which the runtime stores signed bytes as unsigned ones, whose products are exact everywhere but slower:
    /// kOrtSessionOptionsAvx2PrecisionMode in onnxruntime_session_options_config_keys.h.
    /// </summary>
    public const string ExactEntry = "session.x64quantprecision";

    /// <summary>
    /// True on x86 processors without VNNI: their instruction for unsigned by signed bytes adds two neighbouring products, up to
    /// 2 × 255 × 127, with 16-bit saturation, so that dynamic int8 graphs with the full range of weights compute something else.
    /// </summary>
    public static bool Saturate { get; } = X86Base.IsSupported && !AvxVnni.IsSupported && !HasAvx512Vnni();

    // CPUID leaf 7, subleaf 0: bit 11 of ECX.
    static bool HasAvx512Vnni() => Avx512F.IsSupported && (X86Base.CpuId(7, 0).Ecx & 1 << 11) != 0;
}
