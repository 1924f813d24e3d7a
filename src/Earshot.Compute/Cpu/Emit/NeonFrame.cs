using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// What the arm64 micro-kernels have in common: their registers, what they keep for their caller, and how they walk over rows and sums.
/// One calling convention holds for Linux, macOS and Windows.
/// </summary>
internal static class NeonFrame
{
    public const int MaxRows = 6;
    public const int VectorBytes = 16;
    public const int StepBytes = PackedMatrix.StepBytes;

    /// <summary>How far memory is asked for ahead of the multiplications, in bytes.</summary>
    public const int Ahead = 2048;

    public const Xr Arguments = Xr.X0;
    public const Xr Panel = Xr.X1;
    public const Xr Counter = Xr.X2;
    public const Xr Sums = Xr.X9;
    public const Xr Stride = Xr.X10;

    // The lower halves of vector registers 8 … 15 are the caller's.
    const int Kept = 8;
    const int KeptBytes = 64;

    /// <summary>The address of a row's values that come next.</summary>
    public static Xr Row(int row) => (Xr)((int)Xr.X3 + row);

    /// <summary>What is added to a row's sums.</summary>
    public static Xr Offset(int row) => (Xr)((int)Xr.X12 + row);

    public static int Begin(ArmAssembler code)
    {
        code.Align(64);
        int entry = code.Length;
        code.PushLowerHalves(Kept, Kept + 1, KeptBytes);
        for (int pair = 1; pair < 4; pair++) code.StoreLowerHalves(Kept + 2 * pair, Kept + 2 * pair + 1, pair * VectorBytes);
        return entry;
    }

    public static void End(ArmAssembler code)
    {
        for (int pair = 1; pair < 4; pair++) code.LoadLowerHalves(Kept + 2 * pair, Kept + 2 * pair + 1, pair * VectorBytes);
        code.PopLowerHalves(Kept, Kept + 1, KeptBytes);
        code.Return();
    }

    /// <summary>Sets the rows' addresses to their first values and the panel's to its first step.</summary>
    public static void PointAtStart(ArmAssembler code, int rows)
    {
        code.Load(Row(0), Arguments, MicroArguments.RowsOffset);
        code.Load(Stride, Arguments, MicroArguments.RowStrideOffset);
        for (int r = 1; r < rows; r++) code.Add(Row(r), Row(r - 1), Stride);
        code.Load(Panel, Arguments, MicroArguments.PanelOffset);
    }

    /// <summary>Visits the rows of sums, whose address is in <see cref="Sums"/>.</summary>
    public static void EachRow(ArmAssembler code, int rows, Action<int> act)
    {
        code.Load(Sums, Arguments, MicroArguments.SumsOffset);
        code.Load(Stride, Arguments, MicroArguments.SumStrideOffset);
        for (int r = 0; r < rows; r++)
        {
            act(r);
            if (r < rows - 1) code.Add(Sums, Sums, Stride);
        }
    }

    /// <summary>One of two pieces of code: where sums begin at zero, and where they go on.</summary>
    public static void Either(ArmAssembler code, Action fresh, Action goingOn)
    {
        Label begin = new(), done = new();
        code.Load(Counter, Arguments, MicroArguments.AccumulateOffset);
        code.BranchIfZero(Counter, begin);
        goingOn();
        code.Branch(done);
        code.Place(begin);
        fresh();
        code.Place(done);
    }

    /// <summary>The loop over all steps, of which there is a multiple of so many as one turn takes, and one turn at least.</summary>
    public static void Loop(ArmAssembler code, int steps, Action turn)
    {
        var loop = new Label();
        code.Load(Counter, Arguments, MicroArguments.StepsOffset);
        code.Align(32);
        code.Place(loop);
        turn();
        code.Subtract(Counter, steps);
        code.Branch(ArmCondition.NotEqual, loop);
    }

    /// <summary>Asks for what comes later of some steps, once for all columns.</summary>
    public static void Prefetch(ArmAssembler code, int column, int steps)
    {
        if (column > 0) return;
        for (int line = 0; line < steps * StepBytes; line += 64) code.Prefetch(Panel, Ahead + line);
    }

    /// <summary>
    /// Panels hold 128 + code, a byte without a sign. Where they are multiplied with a sign, 128 times the row's sum is missing, and is
    /// left in <see cref="Offset"/>.
    /// </summary>
    public static void SumRows(ArmAssembler code, int rows, bool dots)
    {
        const int minus128 = 31, read = 16, pairs = 24;
        PointAtStart(code, rows);
        if (dots) code.SetBytesTo128(minus128);
        for (int r = 0; r < rows; r++) code.Zero(r);
        Loop(code, 4, () =>
        {
            for (int r = 0; r < rows; r++)
            {
                code.LoadAndAdvance(read + r, Row(r), VectorBytes);
                if (dots)
                {
                    code.DotSigned(r, read + r, minus128);
                    continue;
                }
                code.AddBytePairs(pairs, read + r);
                code.AccumulatePairs(r, pairs);
            }
        });
        for (int r = 0; r < rows; r++)
        {
            if (!dots) code.ShiftLeft(r, r, 7);
            code.SumLanes(r, r);
            code.MoveLane(Offset(r), r);
            if (dots) code.Negate32(Offset(r));
        }
    }
}
