using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX2 micro-kernels: up to three rows × 32 columns of a matrix product in registers, or up to six × 16 in two passes over the
/// panel. Bfloat16 and int8 panels are widened in registers and meet rows of float32, which costs nothing where memory is waited for;
/// with AVX-VNNI int8 panels meet rows of int8. Panels of int16 meet rows of int16: two products an instruction, and another to add them.
/// </summary>
internal static class Avx2Kernels
{
    public const int MaxRows = 6;

    const int StepBytes = PackedMatrix.StepBytes;
    const int VectorBytes = 32;

    /// <summary>Rows whose sums over all 32 columns fit the registers.</summary>
    public const int WholeRows = 3;

    /// <summary>The same with int16, whose products need registers of their own before they are added.</summary>
    public const int MaxInt16Rows = 5;
    public const int WholeInt16Rows = 2;

    /// <summary>How far memory is asked for ahead of the multiplications, in bytes.</summary>
    const int Ahead = 2048;

    const int Panel0 = 12; // what is multiplied, widened
    const int Panel1 = 13;
    const int Products = 10; // 10, 11

    // Registers that neither calling convention keeps, and rdi, rsi, which only Windows does.
    const Gpr Arguments = Gpr.Rdi;
    const Gpr Sums = Gpr.Rsi;
    const Gpr Counter = Gpr.Rcx;
    const Gpr Rows = Gpr.Rax;
    const Gpr Signs = Gpr.Rdx; // 32 bytes of 128, which make unsigned bytes signed
    const Gpr Stride = Gpr.R8;
    const Gpr Stride3 = Gpr.R9;
    const Gpr Stride5 = Gpr.R10;
    const Gpr Panel = Gpr.R11;

    /// <summary>What a panel's elements are and whether they are multiplied as they are, or widened to float32.</summary>
    readonly record struct Kind(PanelType Type, bool Direct)
    {
        /// <summary>Values of four bytes that one step takes of a row.</summary>
        public int Parts => Direct ? 1 : Type == PanelType.BF16 ? 2 : 4;

        public int Unroll => 4 / Parts;
    }

    /// <summary>
    /// Emits the kernel of one element type for a number of rows and returns where it begins; rows are float32, or int8 where
    /// <paramref name="dotsBytes"/>.
    /// </summary>
    public static int Emit(Assembler code, PanelType type, int rows, bool windows, bool dotsBytes = false)
    {
        var kind = new Kind(type, type is PanelType.F32 or PanelType.Int16 || dotsBytes);
        bool makesSigned = type == PanelType.Int8 && !dotsBytes;
        var signs = new Label();
        if (makesSigned)
        {
            code.Align(32);
            code.Place(signs);
            code.Data(Enumerable.Repeat((byte)128, VectorBytes).ToArray());
        }
        code.Align(64);
        int entry = code.Length;
        if (windows) VectorKernels.SaveForWindows(code, 16);
        if (makesSigned) code.LoadAddress(Signs, signs);
        code.Load(Stride, new Address(Arguments, MicroArguments.RowStrideOffset));
        code.LoadAddress(Stride3, new Address(Stride, 0, Stride, 2));
        code.LoadAddress(Stride5, new Address(Stride, 0, Stride, 4));
        int vectors = rows <= (type == PanelType.Int16 ? WholeInt16Rows : WholeRows) ? 4 : 2;
        for (int column = 0; column < StepBytes; column += vectors * VectorBytes) Pass(code, kind, rows, vectors, column);
        code.ZeroUpper();
        if (windows) VectorKernels.RestoreForWindows(code, 16);
        code.Return();
        return entry;
    }

    // All steps for some of the columns.
    static void Pass(Assembler code, Kind kind, int rows, int vectors, int column)
    {
        code.Load(Rows, new Address(Arguments, MicroArguments.RowsOffset));
        code.Load(Panel, new Address(Arguments, MicroArguments.PanelOffset));
        LoadSums(code, rows, vectors, column);
        code.Load(Counter, new Address(Arguments, MicroArguments.StepsOffset));
        StepLoop.Emit(
            code, Counter, kind.Unroll, unrolled => Step(code, kind, rows, vectors, column, unrolled),
            steps => Advance(code, steps, kind.Parts));
        EachSum(code, rows, vectors, column, (at, sum) => code.StoreHalf(at, sum));
    }

    static void LoadSums(Assembler code, int rows, int vectors, int column)
    {
        Label load = new(), ready = new();
        code.Load(Counter, new Address(Arguments, MicroArguments.AccumulateOffset));
        code.Test(Counter, Counter);
        code.Jump(Condition.NotZero, load);
        for (int i = 0; i < rows * vectors; i++) code.ZeroHalf(i);
        code.Jump(ready);
        code.Place(load);
        EachSum(code, rows, vectors, column, (at, sum) => code.LoadHalf(sum, at));
        code.Place(ready);
    }

    static void EachSum(Assembler code, int rows, int vectors, int column, Action<Address, int> act)
    {
        code.Load(Sums, new Address(Arguments, MicroArguments.SumsOffset));
        code.Load(Counter, new Address(Arguments, MicroArguments.SumStrideOffset));
        for (int r = 0; r < rows; r++)
        {
            for (int v = 0; v < vectors; v++) act(new Address(Sums, column + v * VectorBytes), r * vectors + v);
            if (r < rows - 1) code.Add(Sums, Counter);
        }
    }

    static void Step(Assembler code, Kind kind, int rows, int vectors, int column, int unrolled)
    {
        var panel = new Address(Panel, unrolled * StepBytes + column);
        if (column == 0)
        {
            code.Prefetch(new Address(Panel, unrolled * StepBytes + Ahead));
            code.Prefetch(new Address(Panel, unrolled * StepBytes + Ahead + 64));
        }
        for (int part = 0; part < kind.Parts; part++)
        {
            int offset = (unrolled * kind.Parts + part) * sizeof(float);
            if (vectors == 2) MultiplyHalf(code, kind, rows, panel, part, offset);
            else MultiplyWhole(code, kind, rows, panel, part, offset);
        }
    }

    static void MultiplyHalf(Assembler code, Kind kind, int rows, Address panel, int part, int offset)
    {
        Load(code, kind, Panel0, panel, part);
        Load(code, kind, Panel1, panel.Plus(VectorBytes), part);
        for (int r = 0; r < rows; r++)
        {
            int value = 14 + (r & 1);
            code.BroadcastHalf(value, Row(r, offset));
            Multiply(code, kind, 2 * r, Panel0, value);
            Multiply(code, kind, 2 * r + 1, Panel1, value);
        }
    }

    static void MultiplyWhole(Assembler code, Kind kind, int rows, Address panel, int part, int offset)
    {
        for (int r = 0; r < rows; r++) code.BroadcastHalf(13 + r, Row(r, offset));
        for (int v = 0; v < 4; v++)
        {
            var source = panel.Plus(v * VectorBytes);
            if (rows == 1 && kind.Type == PanelType.F32)
            {
                code.MultiplyAddHalf(v, 13, source);
                continue;
            }
            Load(code, kind, Panel0, source, part);
            for (int r = 0; r < rows; r++) Multiply(code, kind, r * 4 + v, Panel0, 13 + r);
        }
    }

    static void Multiply(Assembler code, Kind kind, int sum, int panel, int value)
    {
        switch (kind)
        {
            case { Type: PanelType.Int8, Direct: true }:
                code.DotBytesHalf(sum, panel, value);
                break;
            case { Type: PanelType.Int16 }:
                code.MultiplyPairsHalf(Products + (sum & 1), panel, value);
                code.AddWholeHalf(sum, sum, Products + (sum & 1));
                break;
            default:
                code.MultiplyAddHalf(sum, panel, value);
                break;
        }
    }

    // One step of eight columns as it is, or one of its inputs as float32.
    static void Load(Assembler code, Kind kind, int register, Address source, int part)
    {
        code.LoadHalf(register, source);
        if (kind.Direct) return;
        if (kind.Type == PanelType.Int8)
        {
            code.XorHalf(register, register, new Address(Signs));
            if (part < 3) code.ShiftLeftHalf(register, register, (byte)(24 - 8 * part));
            code.ShiftRightSignedHalf(register, register, 24);
            code.ToFloatHalf(register, register);
            return;
        }
        // The second of a pair is in the upper half already.
        if (part == 1) code.ShiftRightHalf(register, register, 16);
        code.ShiftLeftHalf(register, register, 16);
    }

    static void Advance(Assembler code, int steps, int parts)
    {
        code.Add(Panel, steps * StepBytes);
        code.Add(Rows, steps * parts * sizeof(float));
    }

    static Address Row(int row, int displacement) => row switch
    {
        0 => new Address(Rows, displacement),
        1 => new Address(Rows, displacement, Stride),
        2 => new Address(Rows, displacement, Stride, 2),
        3 => new Address(Rows, displacement, Stride3),
        4 => new Address(Rows, displacement, Stride, 4),
        _ => new Address(Rows, displacement, Stride5),
    };
}
