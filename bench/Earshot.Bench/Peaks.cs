using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Earshot.Compute.Cpu;
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
        float* buffer = (float*)LargePages.Allocate(bytes);
        new Span<float>(buffer, bytes / sizeof(float)).Fill(1f);
        double best = 0;
        for (int attempt = 0; attempt < 6; attempt++)
        {
            long each = bytes / sizeof(float) / threads / 64 * 64;
            double seconds = OnThreads(threads, t => Sum(buffer + t * each, each));
            best = Math.Max(best, bytes / seconds / 1e9);
        }
        NativeMemory.AlignedFree(buffer);
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

    /// <summary>The same with 256-bit vectors: what AVX2 code can reach in float32.</summary>
    public static double Avx2Operations(int threads)
    {
        const int loops = 2_000_000;
        double best = 0;
        for (int attempt = 0; attempt < 4; attempt++)
        {
            double seconds = OnThreads(threads, _ => MultiplyAdd(loops));
            best = Math.Max(best, (double)loops * 12 * 8 * 2 * threads / seconds / 1e9);
        }
        return best;
    }

    static float MultiplyAdd(int loops)
    {
        Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default, i = default, j = default, k = default, l = default;
        var x = Vector256.Create(1.0001f);
        for (int n = 0; n < loops; n++)
        {
            a = Fma.MultiplyAdd(x, x, a);
            b = Fma.MultiplyAdd(x, x, b);
            c = Fma.MultiplyAdd(x, x, c);
            d = Fma.MultiplyAdd(x, x, d);
            e = Fma.MultiplyAdd(x, x, e);
            f = Fma.MultiplyAdd(x, x, f);
            g = Fma.MultiplyAdd(x, x, g);
            h = Fma.MultiplyAdd(x, x, h);
            i = Fma.MultiplyAdd(x, x, i);
            j = Fma.MultiplyAdd(x, x, j);
            k = Fma.MultiplyAdd(x, x, k);
            l = Fma.MultiplyAdd(x, x, l);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    // Eight streams of additions, so that no sum waits for another.
    static float Sum(float* values, long count)
    {
        Vector256<float> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        for (float* end = values + count; values < end; values += 64)
        {
            a += Vector256.Load(values);
            b += Vector256.Load(values + 8);
            c += Vector256.Load(values + 16);
            d += Vector256.Load(values + 24);
            e += Vector256.Load(values + 32);
            f += Vector256.Load(values + 40);
            g += Vector256.Load(values + 48);
            h += Vector256.Load(values + 56);
            Sse.Prefetch0(values + 1024);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h);
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
