using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>Loops of an arm64 processor's fastest multiplications, on registers only.</summary>
internal static class NeonPeaks
{
    const int Sums = 24; // six rows × 16 columns, as the kernels have them
    const int Left = 24;
    const int Right = 25;
    const int Products = 26;

    /// <summary>Code whose first argument is how often to loop; null where the system forbids making code.</summary>
    /// <param name="operations">What one loop does; a multiplication and an addition are two.</param>
    public static ExecutableMemory? Emit(Isa isa, PanelType type, out double operations)
    {
        var code = new ArmAssembler();
        NeonFrame.Begin(code);
        for (int i = 0; i < 32; i++) code.Zero(i);
        var loop = new Label();
        code.Align(32);
        code.Place(loop);
        int products = 0;
        for (int i = 0; i < Sums; i++) products = Multiply(code, isa, type, i);
        operations = 2.0 * Sums * products;
        code.Subtract(NeonFrame.Arguments, 1);
        code.Branch(ArmCondition.NotEqual, loop);
        NeonFrame.End(code);
        return ExecutableMemory.TryCreate(code.Code);
    }

    // Returns how many products it emitted.
    static int Multiply(ArmAssembler code, Isa isa, PanelType type, int sum)
    {
        switch (type)
        {
            case PanelType.BF16:
                code.MatrixBFloat16(sum, Left, Right);
                return 16;
            case PanelType.Int8 when isa.Set == InstructionSet.NeonI8mm:
                code.MatrixUnsignedSigned(sum, Left, Right);
                return 32;
            case PanelType.Int8 when isa.Set == InstructionSet.NeonDotProd:
                code.DotSigned(sum, Left, Right);
                return 16;
            case PanelType.Int8:
                int pairs = Products + sum % 6;
                code.MultiplyBytes(pairs, Left, Right, upper: false);
                code.MultiplyAddBytes(pairs, Left, Right, upper: false);
                code.AccumulatePairs(sum, pairs);
                return 16;
            default:
                code.MultiplyAddFloat(sum, Left, Right, 0);
                return 4;
        }
    }
}
