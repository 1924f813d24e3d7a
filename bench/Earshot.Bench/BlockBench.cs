using System.Diagnostics;
using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Bench;

/// <summary>
/// What a product with ggml's blocks takes beside one with int8's panels: the time of one thread on its core, by turns, so that
/// neighbours disturb both. The matrix stays in the second- or third-level cache, so that what is measured is arithmetic, not memory,
/// unless a larger one is asked for.
/// </summary>
internal static unsafe partial class BlockBench
{
    const int Rounds = 9, MostRows = 512;

    // Weights that a turn multiplies by a row, about.
    const long TurnWeights = 80_000_000;

    public static void Run(int inputs, int outputs)
    {
        using var pool = new WorkerPool(1, KernelSet.For((InstructionSet?)null));
        Console.WriteLine($"{pool.Kernels.Isa}, {outputs} × {inputs}, one thread's processor time");
        WeightFormat[] formats =
            [WeightFormat.Int8, WeightFormat.F32, WeightFormat.Int4Group32, .. CpuDevice.BlockFormats.Select(WeightFormat.Of)];
        var matrices = formats.Select(format => KernelBench.Make(pool, format, outputs, inputs)).ToArray();
        float* x = KernelBench.Allocate(MostRows * inputs), y = KernelBench.Allocate(MostRows * outputs);
        foreach (int rows in (int[])[1, 2, 4, 8, 32, MostRows])
        {
            double[] best = Measure(pool, matrices, rows, x, y);
            for (int m = 0; m < matrices.Length; m++)
            {
                Console.WriteLine(
                    $"{rows,3} rows {formats[m],-6} {best[m] * 1e6,8:F1} µs {best[m] / best[0],5:F2} × int8 " +
                    $"{2.0 * rows * inputs * outputs / best[m] / 1e9,6:F1} GFLOP/s {matrices[m].Bytes / best[m] / 1e9,6:F1} GB/s");
            }
        }
        foreach (var matrix in matrices) matrix.Dispose();
    }

    static double[] Measure(WorkerPool pool, PackedMatrix[] matrices, int rows, float* x, float* y)
    {
        double[] best = [.. Enumerable.Repeat(double.MaxValue, matrices.Length)];
        int inputs = matrices[0].Inputs, outputs = matrices[0].Outputs;
        int repeats = (int)Math.Max(1, TurnWeights / ((long)rows * inputs * outputs));
        for (int turn = 0; turn < 3 * Rounds * matrices.Length; turn++)
        {
            int m = turn / 3 % matrices.Length;
            var call = new LinearCall
            {
                X = x,
                XStride = inputs,
                Rows = rows,
                Precision = rows == MostRows ? RowPrecision.Sequence : RowPrecision.Step,
                Weights = matrices[m],
                Y = y,
                YStride = outputs,
            };
            double start = ThreadSeconds();
            for (int i = 0; i < repeats; i++) MatrixProduct.Run(pool, call);
            best[m] = Math.Min(best[m], (ThreadSeconds() - start) / repeats);
        }
        return best;
    }

    // Elsewhere than on Linux, time by the clock.
    static double ThreadSeconds()
    {
        const int threadTime = 3;
        if (!OperatingSystem.IsLinux()) return (double)Stopwatch.GetTimestamp() / Stopwatch.Frequency;
        var time = default(Time);
        _ = ClockGetTime(threadTime, &time);
        return time.Seconds + time.Nanoseconds * 1e-9;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, Time* time);

    struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
