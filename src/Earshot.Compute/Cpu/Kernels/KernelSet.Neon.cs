using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Cpu.Kernels;

/// <content>The emitted kernels of arm64.</content>
internal sealed unsafe partial class KernelSet
{
    /// <summary>A vector of a row serves so many steps, or two matrix products.</summary>
    const int NeonStepMultiple = 4;

    // Null where the system forbids making code.
    static Dictionary<PanelType, MicroKernel>? EmitNeon(Isa isa, out ExecutableMemory? memory)
    {
        var code = new ArmAssembler();
        var entries = new[] { PanelType.F32, PanelType.BF16, PanelType.Int8 }.ToDictionary(
            type => type, type => Entries(NeonFrame.MaxRows, rows => EmitNeon(code, isa, type, rows)));
        memory = ExecutableMemory.TryCreate(code.Code);
        if (memory is null) return null;
        byte* start = memory.Start;
        return entries.ToDictionary(
            pair => pair.Key,
            pair =>
            {
                bool direct = pair.Key == PanelType.Int8 || (pair.Key == PanelType.BF16 && isa.HasBf16);
                return new MicroKernel(pair.Key, NeonFrame.MaxRows, Array.ConvertAll(pair.Value, offset => (nint)start + offset))
                {
                    RowType = direct ? pair.Key : PanelType.F32,
                    StepMultiple = direct ? NeonStepMultiple : 1,
                    OnePassRows = NeonKernels.WholeRows,
                };
            });
    }

    // Few rows wait for the panel, and are multiplied lane by lane; more by matrices where the processor has such products.
    static int EmitNeon(ArmAssembler code, Isa isa, PanelType type, int rows)
    {
        bool few = rows <= NeonKernels.WholeRows;
        return type switch
        {
            PanelType.F32 => NeonKernels.Emit(code, NeonProduct.Float, rows),
            PanelType.BF16 when !isa.HasBf16 => NeonKernels.Emit(code, NeonProduct.WidenedBFloat16, rows),
            PanelType.BF16 when few => NeonKernels.Emit(code, NeonProduct.BFloat16, rows),
            PanelType.Int8 when isa.Set == InstructionSet.Neon => NeonByteKernels.Emit(code, rows),
            PanelType.Int8 when isa.Set == InstructionSet.NeonDotProd => NeonKernels.Emit(code, NeonProduct.SignedBytes, rows),
            PanelType.Int8 when few => NeonKernels.Emit(code, NeonProduct.UnsignedBytes, rows),
            _ => NeonMatrixKernels.Emit(code, type, rows),
        };
    }
}
