using System.Diagnostics;
using System.Numerics;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Bench;

/// <summary>What this machine can do at most, measured in this process: arithmetic on registers only, and streaming memory.</summary>
internal static unsafe class Peaks
{
    /// <summary>10⁹ operations a second (a multiplication and an addition are two) of all threads together, by emitted code that touches no memory.</summary>
    public static double Operations(PanelType type, int threads)
    {
        const int loops = 4_000_000, sums = 24;
        using var code = Emit(type, sums) ?? throw new InvalidOperationException("The system forbids making code.");
        int perInstruction = 16 * 2 * type switch { PanelType.F32 => 1, PanelType.BF16 => 2, _ => 4 };
        double best = 0;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            double seconds = OnThreads(threads, _ => ((delegate* unmanaged[Cdecl]<nint, nint, void>)code.Start)(loops, loops));
            best = Math.Max(best, (double)loops * sums * perInstruction * threads / seconds / 1e9);
        }
        return best;
    }

    /// <summary>Bytes that all threads together read in a second, in 10⁹, from a buffer larger than the caches.</summary>
    public static double ReadBandwidth(int threads)
    {
        const int bytes = 256 << 20;
        var buffer = GC.AllocateUninitializedArray<float>(bytes / sizeof(float), pinned: true);
        Array.Fill(buffer, 1f);
        double best = 0;
        for (int attempt = 0; attempt < 4; attempt++)
        {
            double seconds = OnThreads(threads, t => Sum(buffer.AsSpan(buffer.Length / threads * t, buffer.Length / threads)));
            best = Math.Max(best, bytes / seconds / 1e9);
        }
        return best;
    }

    static double OnThreads(int threads, Action<int> action)
    {
        using var barrier = new Barrier(threads + 1);
        var workers = Enumerable.Range(0, threads).Select(t => new Thread(() =>
        {
            barrier.SignalAndWait();
            action(t);
            barrier.SignalAndWait();
        })).ToArray();
        foreach (var worker in workers) worker.Start();
        barrier.SignalAndWait();
        long start = Stopwatch.GetTimestamp();
        barrier.SignalAndWait();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (var worker in workers) worker.Join();
        return seconds;
    }

    static float Sum(ReadOnlySpan<float> values)
    {
        Vector<float> a = default, b = default, c = default, d = default;
        int width = Vector<float>.Count;
        for (int i = 0; i <= values.Length - 4 * width; i += 4 * width)
        {
            a += new Vector<float>(values[i..]);
            b += new Vector<float>(values[(i + width)..]);
            c += new Vector<float>(values[(i + 2 * width)..]);
            d += new Vector<float>(values[(i + 3 * width)..]);
        }
        return Vector.Sum(a + b + c + d);
    }

    static ExecutableMemory? Emit(PanelType type, int sums)
    {
        var code = new Assembler();
        // The count comes first and second, so one of these registers has it in either calling convention, and rdx on Windows too.
        code.Move(Gpr.Rax, OperatingSystem.IsWindows() ? Gpr.Rcx : Gpr.Rdi);
        for (int i = 16; i < 32; i++) code.ZeroVector(i);
        for (int i = 0; i < 6; i++) code.ZeroVector(i);
        var loop = new Label();
        code.Align(64);
        code.Place(loop);
        for (int i = 0; i < sums; i++)
        {
            // Not registers 6 … 15, which Windows keeps; the two inputs are registers 16 and 17.
            int sum = i % 14 + 18;
            if (type == PanelType.F32) code.MultiplyAddFloat(sum, 16, 17);
            else if (type == PanelType.BF16) code.DotBFloat16(sum, 16, 17);
            else code.DotBytes(sum, 16, 17);
        }
        code.Subtract(Gpr.Rax, 1);
        code.Jump(Condition.NotZero, loop);
        code.ZeroUpper();
        code.Return();
        return ExecutableMemory.TryCreate(code.Code);
    }
}
