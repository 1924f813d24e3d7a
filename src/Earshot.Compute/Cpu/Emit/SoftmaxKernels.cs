using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX-512 kernel of an online softmax: a row's block of 256 scores, which are in units of log 2, becomes
/// 2^(score − largest so far), and what is summed so far is brought to the new largest. The block's scores stay in sixteen
/// registers from their load to their store as what the next product reads.
/// </summary>
internal static class SoftmaxKernels
{
    const int Vectors = SoftmaxArguments.BlockScores / 16;

    // zmm0 … 15 hold the scores.
    const int Temporary = 16; // 16 … 19
    const int Largest = 20;
    const int Correction = 21;
    const int Sum = 22; // 22, 23
    const int Coefficients = 24; // 24 … 30, highest power last

    // 2^r on |r| ≤ ½, fitted for the least relative error: 7.5e-5 where the result is rounded to bfloat16, 2e-9 otherwise.
    static readonly float[] ForBFloat16 = [0.99992806f, 0.69326097f, 0.24261113f, 0.055171669f];
    static readonly float[] ForFloat = [1f, 0.69314718f, 0.24022646f, 0.055503286f, 0.0096184891f, 0.001339993f, 0.00015345812f];

    const Gpr Arguments = Gpr.Rdi;
    const Gpr Rows = Gpr.Rcx;
    const Gpr Scores = Gpr.Rax;
    const Gpr Output = Gpr.Rdx;
    const Gpr Past = Gpr.R8;
    const Gpr Totals = Gpr.R9;
    const Gpr Sums = Gpr.R10;
    const Gpr Pointer = Gpr.R11;
    const Gpr Counter = Gpr.Rsi;

    /// <summary>Emits the kernel that leaves probabilities of a type and returns where it begins.</summary>
    public static int Emit(Assembler code, PanelType probabilities, bool windows)
    {
        var coefficients = probabilities == PanelType.BF16 ? ForBFloat16 : ForFloat;
        var constants = new Label();
        code.Align(64);
        code.Place(constants);
        code.Data(MemoryMarshal.AsBytes<float>(coefficients));
        code.Align(64);
        int entry = code.Length;
        if (windows) VectorKernels.SaveForWindows(code, 16);
        code.LoadAddress(Pointer, constants);
        for (int i = 0; i < coefficients.Length; i++) code.Broadcast(Coefficients + i, new Address(Pointer, i * sizeof(float)));
        code.Load(Rows, new Address(Arguments, SoftmaxArguments.RowsOffset));
        code.Load(Scores, new Address(Arguments, SoftmaxArguments.ScoresOffset));
        code.Load(Output, new Address(Arguments, SoftmaxArguments.OutputOffset));
        code.Load(Past, new Address(Arguments, SoftmaxArguments.LargestOffset));
        code.Load(Totals, new Address(Arguments, SoftmaxArguments.TotalsOffset));
        code.Load(Sums, new Address(Arguments, SoftmaxArguments.SumsOffset));
        var row = new Label();
        code.Align(32);
        code.Place(row);
        FindLargest(code, coefficients.Length);
        Exponentials(code, probabilities, coefficients.Length);
        Correct(code);
        code.Load(Counter, new Address(Arguments, SoftmaxArguments.ScoreStrideOffset));
        code.Add(Scores, Counter);
        code.Load(Counter, new Address(Arguments, SoftmaxArguments.OutputStrideOffset));
        code.Add(Output, Counter);
        code.Add(Past, sizeof(float));
        code.Add(Totals, sizeof(float));
        code.Subtract(Rows, 1);
        code.Jump(Condition.NotZero, row);
        code.ZeroUpper();
        if (windows) VectorKernels.RestoreForWindows(code, 16);
        code.Return();
        return entry;
    }

    // All lanes: the new largest, and 2^(former − new).
    static void FindLargest(Assembler code, int coefficients)
    {
        for (int i = 0; i < Vectors; i++) code.LoadVector(i, new Address(Scores, 64 * i));
        for (int i = 0; i < 4; i++) code.Max(Temporary + i, 4 * i, 4 * i + 1);
        for (int i = 0; i < 4; i++) code.Max(Temporary + i, Temporary + i, 4 * i + 2);
        for (int i = 0; i < 4; i++) code.Max(Temporary + i, Temporary + i, 4 * i + 3);
        code.Max(Temporary, Temporary, Temporary + 1);
        code.Max(Temporary + 2, Temporary + 2, Temporary + 3);
        code.Max(Largest, Temporary, Temporary + 2);
        AcrossLanes(code, Largest, code.Max);
        code.Broadcast(Correction, new Address(Past));
        code.Max(Largest, Largest, Correction);
        code.StoreLane(new Address(Past), Largest);
        Exponential(code, Correction, coefficients);
    }

    static void Exponentials(Assembler code, PanelType probabilities, int coefficients)
    {
        for (int i = 0; i < Vectors; i++)
        {
            Exponential(code, i, coefficients, Temporary + 2 * (i & 1));
            if (i < 2) code.Copy(Sum + i, i);
            else code.Add(Sum + (i & 1), Sum + (i & 1), i);
            if (probabilities == PanelType.F32) code.StoreVector(new Address(Output, 64 * i), i);
            else if (i % 2 != 0)
            {
                code.ConvertToBFloat16(i, high: i, low: i - 1);
                code.StoreVector(new Address(Output, 32 * (i - 1)), i);
            }
        }
        code.Add(Sum, Sum, Sum + 1);
        AcrossLanes(code, Sum, code.Add);
    }

    // x → 2^(x − largest).
    static void Exponential(Assembler code, int x, int coefficients, int temporary = Temporary)
    {
        int whole = temporary, power = temporary + 1;
        code.Subtract(x, x, Largest);
        code.RoundToWhole(whole, x);
        code.Subtract(x, x, whole);
        code.Copy(power, Coefficients + coefficients - 1);
        for (int i = coefficients - 2; i >= 0; i--) code.MultiplyThenAdd(power, x, Coefficients + i);
        code.ScaleByPowersOfTwo(x, power, whole);
    }

    // The total and the sums of values so far, to the new largest.
    static void Correct(Assembler code)
    {
        code.Broadcast(Temporary, new Address(Totals));
        code.MultiplyThenAdd(Temporary, Correction, Sum);
        code.StoreLane(new Address(Totals), Temporary);
        var sums = new Label();
        code.Load(Counter, new Address(Arguments, SoftmaxArguments.SumVectorsOffset));
        code.Place(sums);
        code.LoadVector(Temporary, new Address(Sums));
        code.Multiply(Temporary, Temporary, Correction);
        code.StoreVector(new Address(Sums), Temporary);
        code.Add(Sums, 64);
        code.Subtract(Counter, 1);
        code.Jump(Condition.NotZero, sums);
    }

    static void AcrossLanes(Assembler code, int register, Action<int, int, int> combine)
    {
        code.SwapBlocks(Temporary, register, 0x4E); // halves of 256 bits
        combine(register, register, Temporary);
        code.SwapBlocks(Temporary, register, 0xB1); // neighbouring blocks of 128
        combine(register, register, Temporary);
        code.SwapLanes(Temporary, register, 0x4E);
        combine(register, register, Temporary);
        code.SwapLanes(Temporary, register, 0xB1);
        combine(register, register, Temporary);
    }
}
