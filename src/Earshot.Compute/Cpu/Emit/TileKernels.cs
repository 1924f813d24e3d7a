using System.Buffers.Binary;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AMX micro-kernels: up to 32 rows × 32 columns in four tiles of sums, over the panels that the vector kernels
/// read. Sixteen steps of a panel, 128 bytes each, are two tiles side by side. Setting the tiles' shapes takes longer than a small
/// product, so code of its own does that, once for many kernels. Linux only, hence one calling convention.
/// </summary>
internal static class TileKernels
{
    public const int MaxRows = 2 * TileRows;

    /// <summary>Steps come in whole tiles.</summary>
    public const int StepMultiple = TileRows;

    /// <summary>Rows of one tile; more take two.</summary>
    public const int TileRows = 16;
    const int TileRowBytes = 64;
    const int StepBytes = 128;

    // Tiles 0 … 3 are sums: (upper, lower) rows × (left, right) columns.
    const int UpperRows = 4;
    const int LowerRows = 5;
    const int Left = 6;
    const int Right = 7;

    const Gpr Arguments = Gpr.Rdi;
    const Gpr Step = Gpr.Rax; // what tile loads and stores move by from row to row
    const Gpr Counter = Gpr.Rcx;
    const Gpr Sums = Gpr.Rsi;
    const Gpr LowerSums = Gpr.Rdx;
    const Gpr Upper = Gpr.R8;
    const Gpr Lower = Gpr.R9;
    const Gpr Stride = Gpr.R10;
    const Gpr Panel = Gpr.R11;

    /// <summary>Emits code that sets the tiles' shapes for a number of rows and returns where it begins.</summary>
    public static int EmitConfigure(Assembler code, int rows)
    {
        var configuration = new Label();
        code.Align(64);
        code.Place(configuration);
        code.Data(Configuration(rows));
        int entry = code.Length;
        code.LoadAddress(Step, configuration);
        code.LoadTileConfiguration(Step);
        code.Return();
        return entry;
    }

    /// <summary>Emits code that gives the tiles back and returns where it begins.</summary>
    public static int EmitRelease(Assembler code)
    {
        code.Align(16);
        int entry = code.Length;
        code.ReleaseTiles();
        code.Return();
        return entry;
    }

    /// <summary>
    /// Emits the kernel of one element type for one or two tiles of rows, whose shapes are set, and returns where it begins.
    /// </summary>
    public static int Emit(Assembler code, PanelType type, bool two)
    {
        code.Align(64);
        int entry = code.Length;
        BeginSums(code, two);
        code.Load(Upper, new Address(Arguments, MicroArguments.RowsOffset));
        code.Load(Stride, new Address(Arguments, MicroArguments.RowStrideOffset));
        code.Load(Panel, new Address(Arguments, MicroArguments.PanelOffset));
        code.Load(Counter, new Address(Arguments, MicroArguments.StepsOffset));
        Lowered(code, Lower, Upper, Stride);
        MultiplyLoop(code, type, two);
        EndSums(code, two);
        code.Return();
        return entry;
    }

    /// <summary>Palette 1, then bytes a row of each tile from byte 16, rows of each from byte 48 (SDM, LDTILECFG).</summary>
    internal static byte[] Configuration(int rows)
    {
        var bytes = new byte[64];
        int upper = Math.Min(rows, TileRows), lower = Math.Max(rows - TileRows, 1);
        ReadOnlySpan<int> tileRows = [upper, upper, lower, lower, upper, lower, TileRows, TileRows];
        bytes[0] = 1;
        for (int tile = 0; tile < tileRows.Length; tile++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(16 + 2 * tile), TileRowBytes);
            bytes[48 + tile] = (byte)tileRows[tile];
        }
        return bytes;
    }

    static void BeginSums(Assembler code, bool two)
    {
        Label load = new(), ready = new();
        code.Load(Counter, new Address(Arguments, MicroArguments.AccumulateOffset));
        code.Load(Sums, new Address(Arguments, MicroArguments.SumsOffset));
        code.Load(Step, new Address(Arguments, MicroArguments.SumStrideOffset));
        Lowered(code, LowerSums, Sums, Step);
        code.Test(Counter, Counter);
        code.Jump(Condition.NotZero, load);
        for (int tile = 0; tile < (two ? 4 : 2); tile++) code.ZeroTile(tile);
        code.Jump(ready);
        code.Place(load);
        code.LoadTile(0, Sums, 0);
        code.LoadTile(1, Sums, TileRowBytes);
        if (two)
        {
            code.LoadTile(2, LowerSums, 0);
            code.LoadTile(3, LowerSums, TileRowBytes);
        }
        code.Place(ready);
    }

    static void MultiplyLoop(Assembler code, PanelType type, bool two)
    {
        var loop = new Label();
        code.Align(16);
        code.Place(loop);
        code.Move(Step, Stride);
        code.LoadTile(UpperRows, Upper, 0);
        if (two) code.LoadTile(LowerRows, Lower, 0);
        code.Set(Step, StepBytes);
        code.LoadTile(Left, Panel, 0);
        code.LoadTile(Right, Panel, TileRowBytes);
        // One tile of rows is decoding, whose weights come from memory: every line is asked for. More rows find them in cache.
        int prefetched = two ? 512 : 64;
        for (int ahead = 0; ahead < TileRows * StepBytes; ahead += prefetched)
            code.Prefetch(new Address(Panel, 4 * TileRows * StepBytes + ahead));
        Multiply(code, type, 0, UpperRows, Left);
        Multiply(code, type, 1, UpperRows, Right);
        if (two)
        {
            Multiply(code, type, 2, LowerRows, Left);
            Multiply(code, type, 3, LowerRows, Right);
        }
        code.Add(Upper, TileRowBytes);
        if (two) code.Add(Lower, TileRowBytes);
        code.Add(Panel, TileRows * StepBytes);
        code.Subtract(Counter, TileRows);
        code.Jump(Condition.NotZero, loop);
    }

    static void Multiply(Assembler code, PanelType type, int sum, int rows, int panel)
    {
        if (type == PanelType.BF16) code.TileDotBFloat16(sum, rows, panel);
        else code.TileDotSignedUnsigned(sum, rows, panel);
    }

    static void EndSums(Assembler code, bool two)
    {
        code.Load(Step, new Address(Arguments, MicroArguments.SumStrideOffset));
        code.StoreTile(Sums, 0, 0);
        code.StoreTile(Sums, TileRowBytes, 1);
        if (!two) return;
        code.StoreTile(LowerSums, 0, 2);
        code.StoreTile(LowerSums, TileRowBytes, 3);
    }

    /// <summary>lower = upper + 16 · stride.</summary>
    static void Lowered(Assembler code, Gpr lower, Gpr upper, Gpr stride)
    {
        code.LoadAddress(lower, new Address(upper, 0, stride, 8));
        code.LoadAddress(lower, new Address(lower, 0, stride, 8));
    }
}
