using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX-512 kernels that multiply one to eight rows of int8 by rows of ggml's blocks where they lie. A unit of 256 weights is
/// brought into registers once for all rows of inputs. An element's sum takes its units in order, lane by lane, and adds its lanes in one
/// order, so that it has the same bits whatever the other rows.
/// </summary>
internal static class BlockKernels
{
    public const int MaxRows = BlockUnit.MostSums;

    /// <summary>Rows of weights whose sums are brought together where one row of inputs meets them.</summary>
    const int WeightRows = 4;

    const int TileRowBytes = PackedMatrix.PanelWidth * sizeof(float);
    const int VectorBytes = 64;

    /// <summary>How far ahead weights are asked for.</summary>
    const int AheadBytes = 4096;

    /// <summary>Units end here in the first half.</summary>
    const int HalfGroups = UnitLayout.Groups / 2;

    const int OffsetMask = 7;
    const int Products = 13;
    const int Dots = 14; // 14, 15
    const int Spread = 16, OtherSpread = 19;

    const Gpr Arguments = Gpr.Rdi;
    const Gpr Weights = Gpr.Rdx;
    const Gpr Blocks = Gpr.R11;
    const Gpr Rows = Gpr.Rax;
    const Gpr Stride = Gpr.R8;
    const Gpr Stride3 = Gpr.R9;
    const Gpr Stride5 = Gpr.R10;
    const Gpr Stride7 = Gpr.Rsi;
    const Gpr Free = Gpr.Rcx;

    // Kept for the caller.
    const Gpr Counter = Gpr.Rbx;
    const Gpr Outputs = Gpr.R12;
    const Gpr Sums = Gpr.R13;

    /// <summary>Emits a format's constants; kernels are told where they are.</summary>
    public static Label EmitConstants(Assembler code, BlockUnit unit)
    {
        var constants = new Label();
        code.Align(VectorBytes);
        code.Place(constants);
        foreach (byte[] constant in unit.Constants) code.Data(constant);
        return constants;
    }

    /// <summary>Emits the kernel for some rows of inputs and returns where it begins.</summary>
    public static int Emit(Assembler code, BlockUnit unit, int rows, Label constants, bool windows)
    {
        code.Align(VectorBytes);
        int entry = code.Length;
        if (windows) VectorKernels.SaveForWindows(code, 16);
        foreach (var register in (ReadOnlySpan<Gpr>)[Counter, Outputs, Sums]) code.Push(register);
        Prologue(code, unit, rows, constants);

        int taken = rows == 1 ? WeightRows : 1;
        var next = new Label();
        code.Align(32);
        code.Place(next);
        for (int w = 0; w < taken; w++)
        {
            code.Load(Blocks, new Address(Weights, w * sizeof(long)));
            MultiplyRow(code, unit, rows, w);
        }
        for (int first = 0; first < Math.Max(rows, taken); first += 4) AddLanes(code, first, Dots);
        Store(code, rows);
        code.Add(Weights, taken * sizeof(long));
        code.Add(Sums, taken * sizeof(float));
        code.Subtract(Outputs, taken);
        code.Jump(Condition.NotZero, next);

        code.ZeroUpper();
        foreach (var register in (ReadOnlySpan<Gpr>)[Sums, Outputs, Counter]) code.Pop(register);
        if (windows) VectorKernels.RestoreForWindows(code, 16);
        code.Return();
        return entry;
    }

    static void Prologue(Assembler code, BlockUnit unit, int rows, Label constants)
    {
        code.LoadAddress(Free, constants);
        for (int i = 0; i < unit.Constants.Count; i++)
            code.LoadVector(BlockUnit.FirstConstant + i, new Address(Free, i * VectorBytes));
        if (unit.OffsetLanes != 0)
        {
            code.Set(Free, unit.OffsetLanes);
            code.SetMask(OffsetMask, Free);
        }
        code.Load(Weights, new Address(Arguments, UnitArguments.WeightsOffset));
        code.Load(Outputs, new Address(Arguments, UnitArguments.OutputsOffset));
        code.Load(Sums, new Address(Arguments, UnitArguments.SumsOffset));
        if (rows == 1) return;
        code.Load(Stride, new Address(Arguments, UnitArguments.RowStrideOffset));
        code.LoadAddress(Stride3, new Address(Stride, 0, Stride, 2));
        code.LoadAddress(Stride5, new Address(Stride, 0, Stride, 4));
        code.LoadAddress(Stride7, new Address(Stride3, 0, Stride, 4));
    }

    // All units of a row of weights.
    static void MultiplyRow(Assembler code, BlockUnit unit, int rows, int firstSum)
    {
        Label loop = new(), rest = new(), half = new(), done = new();
        for (int r = 0; r < rows; r++) code.ZeroVector(firstSum + r);
        code.Load(Rows, new Address(Arguments, UnitArguments.StartOffset));
        code.Load(Counter, new Address(Arguments, UnitArguments.UnitsOffset));
        if (unit.GroupBytes > 0)
        {
            code.Test(Counter, Counter);
            code.Jump(Condition.Zero, rest);
        }
        code.Align(32);
        code.Place(loop);
        for (int line = 0; line < unit.Bytes; line += VectorBytes) code.Prefetch(new Address(Blocks, AheadBytes + line));
        MultiplyUnit(code, unit, UnitPart.Whole, rows, firstSum);
        code.Add(Blocks, unit.Bytes);
        code.Add(Rows, unit.Layout.Bytes);
        code.Subtract(Counter, 1);
        code.Jump(Condition.NotZero, loop);
        if (unit.GroupBytes == 0) return;

        code.Place(rest);
        code.Load(Counter, new Address(Arguments, UnitArguments.RestOffset));
        code.Test(Counter, Counter);
        code.Jump(Condition.Zero, done);
        code.Compare(Counter, HalfGroups + 1);
        code.Jump(Condition.Below, half);
        MultiplyUnit(code, unit, UnitPart.Masked, rows, firstSum);
        code.Jump(done);
        code.Place(half);
        MultiplyUnit(code, unit, UnitPart.MaskedHalf, rows, firstSum);
        code.Place(done);
    }

    static void MultiplyUnit(Assembler code, BlockUnit unit, UnitPart part, int rows, int firstSum)
    {
        var reader = new UnitReader(code, unit, part, new Address(Blocks), new Address(Arguments, UnitArguments.MasksOffset));
        unit.Read(reader);
        var layout = unit.Layout;
        int chain = layout.HasPairs ? 2 : 1, vectors = 2 * reader.Halves;
        for (int row = 0; row < rows; row++)
        {
            int sum = firstSum + row;
            code.Multiply(Products, BlockUnit.Scales, Row(row, layout.FactorsOffset));
            if (unit.OffsetLanes != 0) code.Add(sum, sum, Products, OffsetMask);
            for (int i = 0; i < vectors / chain; i++)
            {
                int dots = Dots + i % 2, spread = i % 2 == 0 ? Spread : OtherSpread;
                if (layout.Beginnings > 0) code.LoadVector(dots, Row(row, UnitLayout.BeginningsOffset + i * VectorBytes));
                else code.ZeroVector(dots);
                for (int vector = chain * i; vector < chain * (i + 1); vector++)
                    code.DotBytes(dots, BlockUnit.Codes + vector, Row(row, vector * VectorBytes));
                code.ConvertToFloat(dots, dots);
                code.Permute(spread, unit.SpreadRegister(i), Products);
                code.MultiplyAddFloat(sum, dots, spread);
            }
        }
    }

    static Address Row(int row, int displacement) => row switch
    {
        0 => new Address(Rows, displacement),
        1 => new Address(Rows, displacement, Stride),
        2 => new Address(Rows, displacement, Stride, 2),
        3 => new Address(Rows, displacement, Stride3),
        4 => new Address(Rows, displacement, Stride, 4),
        5 => new Address(Rows, displacement, Stride5),
        6 => new Address(Rows, displacement, Stride3, 2),
        _ => new Address(Rows, displacement, Stride7),
    };

    // Four sums' lanes, in the first's lowest lanes: pairs within 128 bits, then across.
    static void AddLanes(Assembler code, int first, int temporary)
    {
        for (int pair = first; pair < first + 4; pair += 2)
        {
            code.InterleaveLow(temporary, pair, pair + 1);
            code.InterleaveHigh(pair + 1, pair, pair + 1);
            code.Add(pair, temporary, pair + 1);
        }
        code.JoinLow(temporary, first, first + 2);
        code.JoinHigh(first + 2, first, first + 2);
        code.Add(first, temporary, first + 2);
        foreach (byte order in (ReadOnlySpan<byte>)[0x4E, 0xB1])
        {
            code.SwapBlocks(temporary, first, order);
            code.Add(first, first, temporary);
        }
    }

    static void Store(Assembler code, int rows)
    {
        if (rows == 1)
        {
            code.StoreLanes(new Address(Sums), BlockUnit.Sums);
            return;
        }
        for (int row = 0; row < rows; row++)
            code.StoreLane(new Address(Sums, row * TileRowBytes), BlockUnit.Sums + row / 4 * 4, (byte)(row % 4));
    }
}
