using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the arm64 micro-kernels of matrix products: pairs of rows × pairs of columns, 2 × 2 sums a register, up to six rows × 16 columns
/// in each of two passes. Two steps of a panel are interleaved in registers, so that a pair of columns has all its inputs side by side:
/// four bfloat16 (FEAT_BF16) or eight int8 (FEAT_I8MM). A bfloat16 matrix product adds its four products as two dot products do, one
/// after the other (Arm® Architecture Reference Manual, BFMatMulAdd), so sums have the bits of <see cref="NeonKernels"/>.
/// </summary>
internal static class NeonMatrixKernels
{
    /// <summary>Steps of one product.</summary>
    const int Steps = 2;

    const int Vectors = 4; // of 4 columns, in one pass
    const int Values = 24; // three pairs of rows
    const int First = 27; // columns 0 and 1 of four, both steps
    const int Second = 28; // columns 2 and 3; the later step until then
    const int Earlier = 29;

    /// <summary>Emits the kernel for a number of rows and returns where it begins; rows are of the panel's type.</summary>
    public static int Emit(ArmAssembler code, PanelType type, int rows)
    {
        int entry = NeonFrame.Begin(code);
        for (int column = 0; column < NeonFrame.StepBytes; column += Vectors * NeonFrame.VectorBytes) Pass(code, type, rows, column);
        NeonFrame.End(code);
        return entry;
    }

    static int Sum(int pair, int vector, int half) => (pair * Vectors + vector) * 2 + half;

    static void Pass(ArmAssembler code, PanelType type, int rows, int column)
    {
        int pairs = (rows + 1) / 2;
        NeonFrame.PointAtStart(code, rows);
        // A row without another is multiplied twice.
        if (rows % 2 > 0) code.Move(NeonFrame.Row(rows), NeonFrame.Row(rows - 1));
        NeonFrame.Either(
            code,
            fresh: () =>
            {
                for (int i = 0; i < pairs * Vectors * 2; i++) code.Zero(i);
            },
            goingOn: () => LoadSums(code, rows, column));
        NeonFrame.Loop(code, Steps, () => Turn(code, type, pairs, column));
        StoreSums(code, rows, column);
    }

    static void Turn(ArmAssembler code, PanelType type, int pairs, int column)
    {
        NeonFrame.Prefetch(code, column, Steps);
        for (int p = 0; p < pairs; p++)
        {
            code.LoadAndAdvance(Values + p, NeonFrame.Row(2 * p), Steps * sizeof(float));
            code.LoadUpperAndAdvance(Values + p, NeonFrame.Row(2 * p + 1));
        }
        for (int v = 0; v < Vectors; v++)
        {
            int at = column + v * NeonFrame.VectorBytes, earlier = Earlier + v % 2;
            code.LoadVector(earlier, NeonFrame.Panel, at);
            code.LoadVector(Second, NeonFrame.Panel, at + NeonFrame.StepBytes);
            code.Interleave(First, earlier, Second, upper: false);
            code.Interleave(Second, earlier, Second, upper: true);
            for (int p = 0; p < pairs; p++) Multiply(code, type, Sum(p, v, 0), First, Values + p);
            for (int p = 0; p < pairs; p++) Multiply(code, type, Sum(p, v, 1), Second, Values + p);
        }
        code.Add(NeonFrame.Panel, NeonFrame.Panel, Steps * NeonFrame.StepBytes);
    }

    static void Multiply(ArmAssembler code, PanelType type, int sum, int panel, int values)
    {
        if (type == PanelType.BF16) code.MatrixBFloat16(sum, panel, values);
        else code.MatrixUnsignedSigned(sum, panel, values);
    }

    // Columns and rows of two: (column 0, row 0), (column 0, row 1), (column 1, row 0), (column 1, row 1).
    static void LoadSums(ArmAssembler code, int rows, int column) => NeonFrame.EachRow(code, rows, r =>
    {
        for (int v = 0; v < Vectors; v++)
        {
            int first = Sum(r / 2, v, 0), second = Sum(r / 2, v, 1);
            int row = r % 2 == 0 ? First : Second;
            // The even row waits in its place until the odd one is there.
            code.LoadVector(r % 2 == 0 ? first : row, NeonFrame.Sums, column + v * NeonFrame.VectorBytes);
            if (r % 2 == 0 && r < rows - 1) continue;
            int odd = r % 2 == 0 ? first : row;
            code.Interleave(second, first, odd, upper: true);
            code.Interleave(first, first, odd, upper: false);
        }
    });

    static void StoreSums(ArmAssembler code, int rows, int column) => NeonFrame.EachRow(code, rows, r =>
    {
        for (int v = 0; v < Vectors; v++)
        {
            code.Deinterleave(First, Sum(r / 2, v, 0), Sum(r / 2, v, 1), odd: r % 2 > 0);
            code.StoreVector(NeonFrame.Sums, column + v * NeonFrame.VectorBytes, First);
        }
    });
}
