using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX-512 kernels that multiply one to four rows by one or two panels of four-bit codes directly: for each input
/// table[code] · scale, rounded, then a fused multiplication and addition, as unpacking and a float32 kernel would. Two panels
/// at once hide the additions' latency.
/// </summary>
internal static class Int4Kernels
{
    public const int MaxRows = 4;
    public const int MaxPanels = 2;

    const int StepBytes = 128;
    const int CodesOfStep = 8;

    // zmm0 … 15 are sums: [panel][row][half].
    const int Codes = 16; // 16 … 19: [panel][half]
    const int Scales = 20; // 20 … 23: [panel][half]
    const int Table = 24;
    const int Weights = 25; // 25, 26
    const int Value = 27;

    const Gpr Arguments = Gpr.Rdi;
    const Gpr Second = Gpr.Rdi; // how far the second panel's codes are from the first's, once the arguments are read
    const Gpr ScalePointer = Gpr.Rsi;
    const Gpr Groups = Gpr.Rcx;
    const Gpr GroupSteps = Gpr.Rdx;
    const Gpr Rows = Gpr.Rax;
    const Gpr Stride = Gpr.R8;
    const Gpr Stride3 = Gpr.R9;
    const Gpr Steps = Gpr.R10;
    const Gpr Panel = Gpr.R11;

    /// <summary>Emits the kernel for some rows and panels and returns where it begins.</summary>
    public static int Emit(Assembler code, int rows, int panels, bool windows)
    {
        code.Align(64);
        int entry = code.Length;
        if (windows) VectorKernels.SaveForWindows(code, 16);
        code.Push(Arguments);
        Prologue(code, rows, panels);

        Label group = new(), step = new();
        code.Align(32);
        code.Place(group);
        for (int i = 0; i < 2 * panels; i++) code.LoadVector(Scales + i, new Address(ScalePointer, 64 * i));
        code.Add(ScalePointer, StepBytes * panels);
        code.Move(Steps, GroupSteps);
        code.Place(step);
        Step(code, rows, panels);
        code.Add(Panel, StepBytes);
        code.Add(Rows, CodesOfStep * sizeof(float));
        code.Subtract(Steps, 1);
        code.Jump(Condition.NotZero, step);
        code.Subtract(Groups, 1);
        code.Jump(Condition.NotZero, group);

        code.Pop(Arguments);
        StoreSums(code, rows, panels);
        code.ZeroUpper();
        if (windows) VectorKernels.RestoreForWindows(code, 16);
        code.Return();
        return entry;
    }

    static void Prologue(Assembler code, int rows, int panels)
    {
        code.Load(Rows, new Address(Arguments, CodeArguments.RowsOffset));
        code.Load(Stride, new Address(Arguments, CodeArguments.RowStrideOffset));
        code.Load(Panel, new Address(Arguments, CodeArguments.PanelOffset));
        code.Load(Groups, new Address(Arguments, CodeArguments.GroupsOffset));
        code.Load(GroupSteps, new Address(Arguments, CodeArguments.GroupStepsOffset));
        code.Load(Steps, new Address(Arguments, CodeArguments.TableOffset));
        code.LoadVector(Table, new Address(Steps));
        code.Load(ScalePointer, new Address(Arguments, CodeArguments.ScalesOffset));
        code.Load(Second, new Address(Arguments, CodeArguments.PanelBytesOffset));
        code.LoadAddress(Stride3, new Address(Stride, 0, Stride, 2));
        for (int sum = 0; sum < 2 * rows * panels; sum++) code.ZeroVector(sum);
    }

    static void Step(Assembler code, int rows, int panels)
    {
        for (int panel = 0; panel < panels; panel++)
        {
            var codes = panel == 0 ? new Address(Panel) : new Address(Panel, 0, Second);
            code.LoadVector(Codes + 2 * panel, codes);
            code.LoadVector(Codes + 2 * panel + 1, codes.Plus(64));
            code.Prefetch(codes.Plus(2048));
            code.Prefetch(codes.Plus(2048 + 64));
        }
        for (int input = 0; input < CodesOfStep; input++)
        {
            for (int panel = 0; panel < panels; panel++)
            {
                for (int half = 0; half < 2; half++)
                {
                    code.Permute(Weights + half, Codes + 2 * panel + half, Table);
                    code.Multiply(Weights + half, Weights + half, Scales + 2 * panel + half);
                    if (input < CodesOfStep - 1) code.ShiftRight(Codes + 2 * panel + half, Codes + 2 * panel + half, 4);
                }
                for (int row = 0; row < rows; row++)
                {
                    code.Broadcast(Value, Row(row, input * sizeof(float)));
                    int sum = 2 * (panel * rows + row);
                    code.MultiplyAddFloat(sum, Weights, Value);
                    code.MultiplyAddFloat(sum + 1, Weights + 1, Value);
                }
            }
        }
    }

    static Address Row(int row, int displacement) => row switch
    {
        0 => new Address(Rows, displacement),
        1 => new Address(Rows, displacement, Stride),
        2 => new Address(Rows, displacement, Stride, 2),
        _ => new Address(Rows, displacement, Stride3),
    };

    // The second panel's sums follow the first's.
    static void StoreSums(Assembler code, int rows, int panels)
    {
        code.Load(Gpr.Rsi, new Address(Arguments, CodeArguments.SumsOffset));
        for (int row = 0; row < rows * panels; row++)
        {
            code.StoreVector(new Address(Gpr.Rsi, row * StepBytes), 2 * row);
            code.StoreVector(new Address(Gpr.Rsi, row * StepBytes + 64), 2 * row + 1);
        }
    }
}
