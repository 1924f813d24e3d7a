using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX-512 micro-kernels: rows × 32 columns of a matrix product held in registers while the inputs stream by.
/// One step takes four bytes of each row (one float32, two bfloat16, or four int8) and 128 bytes of the panel, so the three
/// element types share one skeleton and differ in the instruction that multiplies.
/// </summary>
internal static class VectorKernels
{
    /// <summary>14 rows × 2 registers of sums, 2 of the panel, and 2 for the rows' values: all 32.</summary>
    public const int MaxRows = 14;

    const int Low = 28; // the panel's columns 0 … 15
    const int High = 29; // and 16 … 31
    const int StepBytes = 128;
    const int Unroll = 4;

    // Registers that neither calling convention keeps, and rdi, rsi, which only Windows does.
    const Gpr Arguments = Gpr.Rdi;
    const Gpr Sums = Gpr.Rsi;
    const Gpr Counter = Gpr.Rcx;
    const Gpr Rows = Gpr.Rax; // row 0
    const Gpr LaterRows = Gpr.Rdx; // row 7
    const Gpr Stride = Gpr.R8;
    const Gpr Stride3 = Gpr.R9;
    const Gpr Stride5 = Gpr.R10;
    const Gpr Panel = Gpr.R11;

    /// <summary>
    /// Emits the kernel of one element type for a number of rows and returns where it begins; one that <paramref name="widens"/> takes
    /// bfloat16 panels and rows of float32.
    /// </summary>
    public static int Emit(Assembler code, PanelType type, int rows, bool windows, bool widens = false)
    {
        code.Align(64);
        int entry = code.Length;
        Prologue(code, rows, windows);
        LoadSums(code, rows);
        MultiplyLoop(code, type, rows, widens);
        StoreSums(code, rows);
        Epilogue(code, rows, windows);
        return entry;
    }

    static void Prologue(Assembler code, int rows, bool windows)
    {
        if (windows) SaveForWindows(code, rows * 2);
        code.Load(Rows, new Address(Arguments, MicroArguments.RowsOffset));
        code.Load(Stride, new Address(Arguments, MicroArguments.RowStrideOffset));
        code.Load(Panel, new Address(Arguments, MicroArguments.PanelOffset));
        code.LoadAddress(Stride3, new Address(Stride, 0, Stride, 2));
        code.LoadAddress(Stride5, new Address(Stride, 0, Stride, 4));
        code.LoadAddress(LaterRows, new Address(Rows, 0, Stride3, 2));
        code.Add(LaterRows, Stride);
    }

    static void LoadSums(Assembler code, int rows)
    {
        Label load = new(), ready = new();
        code.Load(Sums, new Address(Arguments, MicroArguments.AccumulateOffset));
        code.Test(Sums, Sums);
        code.Jump(Condition.NotZero, load);
        for (int i = 0; i < rows * 2; i++) code.ZeroVector(i);
        code.Jump(ready);

        code.Place(load);
        code.Load(Sums, new Address(Arguments, MicroArguments.SumsOffset));
        code.Load(Counter, new Address(Arguments, MicroArguments.SumStrideOffset));
        for (int r = 0; r < rows; r++)
        {
            code.LoadVector(2 * r, new Address(Sums));
            code.LoadVector(2 * r + 1, new Address(Sums, 64));
            if (r < rows - 1) code.Add(Sums, Counter);
        }
        code.Place(ready);
    }

    static void MultiplyLoop(Assembler code, PanelType type, int rows, bool widens)
    {
        code.Load(Counter, new Address(Arguments, MicroArguments.StepsOffset));
        StepLoop.Emit(
            code, Counter, Unroll, unrolled => Step(code, type, rows, unrolled, widens),
            steps => Advance(code, rows, steps, widens ? 8 : 4));
    }

    static void Step(Assembler code, PanelType type, int rows, int unrolled, bool widens)
    {
        var panel = new Address(Panel, unrolled * StepBytes);
        // Few rows are bound by memory, and look further ahead.
        int ahead = rows <= 8 ? 8192 : 1024;
        code.Prefetch(panel.Plus(ahead));
        code.Prefetch(panel.Plus(ahead + 64));
        if (!widens)
        {
            code.LoadVector(Low, panel);
            code.LoadVector(High, panel.Plus(64));
            MultiplyRows(code, type, rows, unrolled * 4);
            return;
        }
        code.ShiftLeft(Low, panel, 16);
        code.ShiftLeft(High, panel.Plus(64), 16);
        MultiplyRows(code, PanelType.F32, rows, unrolled * 8);
        // The second of a pair is in the upper half already.
        code.ShiftRight(Low, panel, 16);
        code.ShiftRight(High, panel.Plus(64), 16);
        code.ShiftLeft(Low, Low, 16);
        code.ShiftLeft(High, High, 16);
        MultiplyRows(code, PanelType.F32, rows, unrolled * 8 + 4);
    }

    static void MultiplyRows(Assembler code, PanelType type, int rows, int offset)
    {
        for (int r = 0; r < rows; r++)
        {
            int value = 30 + (r & 1);
            code.Broadcast(value, Row(r, offset));
            Multiply(code, type, 2 * r, Low, value);
            Multiply(code, type, 2 * r + 1, High, value);
        }
    }

    static void Multiply(Assembler code, PanelType type, int sum, int panel, int value)
    {
        if (type == PanelType.F32) code.MultiplyAddFloat(sum, panel, value);
        else if (type == PanelType.BF16) code.DotBFloat16(sum, panel, value);
        else code.DotBytes(sum, panel, value);
    }

    static void Advance(Assembler code, int rows, int steps, int rowBytes)
    {
        code.Add(Panel, steps * StepBytes);
        code.Add(Rows, steps * rowBytes);
        if (rows > 7) code.Add(LaterRows, steps * rowBytes);
    }

    static Address Row(int row, int displacement)
    {
        var start = row < 7 ? Rows : LaterRows;
        return (row % 7) switch
        {
            0 => new Address(start, displacement),
            1 => new Address(start, displacement, Stride),
            2 => new Address(start, displacement, Stride, 2),
            3 => new Address(start, displacement, Stride3),
            4 => new Address(start, displacement, Stride, 4),
            5 => new Address(start, displacement, Stride5),
            _ => new Address(start, displacement, Stride3, 2),
        };
    }

    static void StoreSums(Assembler code, int rows)
    {
        code.Load(Sums, new Address(Arguments, MicroArguments.SumsOffset));
        code.Load(Counter, new Address(Arguments, MicroArguments.SumStrideOffset));
        for (int r = 0; r < rows; r++)
        {
            code.StoreVector(new Address(Sums), 2 * r);
            code.StoreVector(new Address(Sums, 64), 2 * r + 1);
            if (r < rows - 1) code.Add(Sums, Counter);
        }
    }

    static void Epilogue(Assembler code, int rows, bool windows)
    {
        code.ZeroUpper();
        if (windows) RestoreForWindows(code, rows * 2);
        code.Return();
    }

    /// <summary>Windows keeps rdi, rsi and xmm6 … xmm15, of which the first some are used; its first argument is in rcx.</summary>
    public static void SaveForWindows(Assembler code, int used)
    {
        code.Push(Gpr.Rdi);
        code.Push(Gpr.Rsi);
        code.Subtract(Gpr.Rsp, 160);
        for (int x = 6; x < Math.Min(16, used); x++) code.StoreXmm(new Address(Gpr.Rsp, (x - 6) * 16), x);
        code.Move(Gpr.Rdi, Gpr.Rcx);
    }

    public static void RestoreForWindows(Assembler code, int used)
    {
        for (int x = 6; x < Math.Min(16, used); x++) code.LoadXmm(x, new Address(Gpr.Rsp, (x - 6) * 16));
        code.Add(Gpr.Rsp, 160);
        code.Pop(Gpr.Rsi);
        code.Pop(Gpr.Rdi);
    }
}
