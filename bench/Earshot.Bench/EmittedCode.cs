using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Bench;

/// <summary>The machine code of a micro-kernel, for a disassembler or a model of a processor that is not at hand.</summary>
internal static class EmittedCode
{
    public static void Write(string set, string type, int rows, Stream output)
    {
        var code = new Assembler();
        var panel = Enum.Parse<PanelType>(type, ignoreCase: true);
        int entry = set.ToLowerInvariant() switch
        {
            "avx2" => Avx2Kernels.Emit(code, panel, rows, windows: false),
            "avx2-vnni" => Avx2Kernels.Emit(code, panel, rows, windows: false, dotsBytes: panel == PanelType.Int8),
            "avx512" => VectorKernels.Emit(code, panel, rows, windows: false),
            _ => throw new ArgumentException($"'{set}' has no emitted kernels here; expected avx2, avx2-vnni or avx512."),
        };
        output.Write(code.Code[entry..]);
    }
}
