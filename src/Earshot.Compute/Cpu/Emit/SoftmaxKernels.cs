using System.Runtime.InteropServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu.Emit;

/// <summary>
/// Emits the AVX-512 kernel of an online softmax: a row's block of 256 scores, which are in units of log 2, becomes
/// 2^(score − largest so far), and what is summed so far is brought to the new largest. All rows' largest scores come first, since
/// what waits for one across all lanes would fill the processor's window; after that nothing waits.
/// </summary>
internal static class SoftmaxKernels
{
    const int Vectors = SoftmaxArguments.BlockScores / 16;

    // zmm0 … 3 hold scores, in turns.
    const int Temporary = 4; // 4 … 11, two for each
    const int Largest = 12;
    const int Correction = 13;
    const int Sum = 14; // 14, 15
    const int Coefficients = 16; // 16 … 22, highest power last
    const int Unit = 23;
    const int Less = 24;

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
    const Gpr Pointer = Gpr.R11; // before the rows
    const Gpr Former = Gpr.R11;

    // Of int32 scores, in the registers that only the second pass needs otherwise.
    const Gpr Units = Gpr.Rdx;
    const Gpr Offsets = Gpr.R9;
    const Gpr Scales = Gpr.R10;
    const Gpr Counter = Gpr.Rsi;

    /// <summary>
    /// Emits the kernel that leaves probabilities of a type and returns where it begins; one for <paramref name="integers"/> takes scores
    /// that are int32 in units of their rows and positions.
    /// </summary>
    public static int Emit(Assembler code, PanelType probabilities, bool windows, bool integers = false)
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
        if (integers)
        {
            code.Load(Units, new Address(Arguments, SoftmaxArguments.UnitsOffset));
            code.Load(Offsets, new Address(Arguments, SoftmaxArguments.OffsetsOffset));
            code.Load(Scales, new Address(Arguments, SoftmaxArguments.ScalesOffset));
        }
        EachRow(code, () =>
        {
            if (integers) Measure(code);
            FindLargest(code, integers);
        });
        code.Load(Output, new Address(Arguments, SoftmaxArguments.OutputOffset));
        code.Load(Totals, new Address(Arguments, SoftmaxArguments.TotalsOffset));
        code.Load(Sums, new Address(Arguments, SoftmaxArguments.SumsOffset));
        EachRow(code, () =>
        {
            Exponentials(code, probabilities, coefficients.Length);
            Correct(code, coefficients.Length);
            code.Load(Counter, new Address(Arguments, SoftmaxArguments.OutputStrideOffset));
            code.Add(Output, Counter);
            code.Add(Totals, sizeof(float));
        });
        code.ZeroUpper();
        if (windows) VectorKernels.RestoreForWindows(code, 16);
        code.Return();
        return entry;
    }

    static void EachRow(Assembler code, Action emit)
    {
        var row = new Label();
        code.Load(Rows, new Address(Arguments, SoftmaxArguments.RowsOffset));
        code.Load(Scores, new Address(Arguments, SoftmaxArguments.ScoresOffset));
        code.Load(Past, new Address(Arguments, SoftmaxArguments.LargestOffset));
        code.Load(Former, new Address(Arguments, SoftmaxArguments.FormerOffset));
        code.Align(32);
        code.Place(row);
        emit();
        code.Load(Counter, new Address(Arguments, SoftmaxArguments.ScoreStrideOffset));
        code.Add(Scores, Counter);
        code.Add(Past, sizeof(float));
        code.Add(Former, sizeof(float));
        code.Subtract(Rows, 1);
        code.Jump(Condition.NotZero, row);
    }

    // Int32 scores as float32, in place, and the largest of every fourth vector.
    static void Measure(Assembler code)
    {
        code.Broadcast(Unit, new Address(Units));
        code.Broadcast(Less, new Address(Offsets));
        for (int i = 0; i < Vectors; i++)
        {
            int score = i < 4 ? i : Temporary + i % 4, scale = Temporary + 4 + i % 4;
            code.LoadVector(score, new Address(Scores, 64 * i));
            code.SubtractWhole(score, score, Less);
            code.ConvertToFloat(score, score);
            code.Multiply(scale, Unit, new Address(Scales, 64 * i));
            code.Multiply(score, score, scale);
            code.StoreVector(new Address(Scores, 64 * i), score);
            if (i >= 4) code.Max(i % 4, i % 4, score);
        }
        code.Add(Units, sizeof(float));
        code.Add(Offsets, sizeof(int));
    }

    // Where the largest so far is, the new one; the former one beside.
    static void FindLargest(Assembler code, bool begun)
    {
        for (int i = 0; i < 4 && !begun; i++) code.LoadVector(i, new Address(Scores, 64 * i));
        for (int i = 4; i < Vectors && !begun; i++) code.Max(i % 4, i % 4, new Address(Scores, 64 * i));
        code.Max(0, 0, 1);
        code.Max(2, 2, 3);
        code.Max(Largest, 0, 2);
        AcrossLanes(code, Largest, code.Max);
        code.Broadcast(Correction, new Address(Past));
        code.StoreLane(new Address(Former), Correction);
        code.Max(Largest, Largest, Correction);
        code.StoreLane(new Address(Past), Largest);
    }

    static void Exponentials(Assembler code, PanelType probabilities, int coefficients)
    {
        code.Broadcast(Largest, new Address(Past));
        for (int i = 0; i < Vectors; i++)
        {
            int x = i % 4;
            code.LoadVector(x, new Address(Scores, 64 * i));
            Exponential(code, x, coefficients, Temporary + 2 * x);
            if (i < 2) code.Copy(Sum + i, x);
            else code.Add(Sum + (i & 1), Sum + (i & 1), x);
            if (probabilities == PanelType.F32) code.StoreVector(new Address(Output, 64 * i), x);
            else if (i % 2 != 0)
            {
                code.ConvertToBFloat16(x, high: x, low: x - 1);
                code.StoreVector(new Address(Output, 32 * (i - 1)), x);
            }
        }
        code.Add(Sum, Sum, Sum + 1);
        AcrossLanes(code, Sum, code.Add);
    }

    // x → 2^(x − largest).
    static void Exponential(Assembler code, int x, int coefficients, int temporary)
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
    static void Correct(Assembler code, int coefficients)
    {
        code.Broadcast(Correction, new Address(Former));
        Exponential(code, Correction, coefficients, Temporary);
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
