using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>Loops that do nothing but keep the arithmetic units, or the memory, busy.</summary>
internal static unsafe class PeakLoops
{
    const int Loops = 2_000_000;
    const int Sums = 14;
    const int TileSums = 4;
    const int Int16Sums = 10;

    /// <summary>10⁹ operations a second of all threads running emitted code.</summary>
    public static double Emitted(ExecutableMemory code, PanelType type, bool tiles, int threads)
    {
        return Emitted(code, tiles
            ? TileSums * 16.0 * 16 * 32 * (type == PanelType.BF16 ? 2 : 4) // 16 × 16 sums of 32 or 64 products, two operations each
            : type == PanelType.Int16 ? Int16Sums * 16.0 * 2
            : Sums * 16.0 * 2 * type switch { PanelType.F32 => 1, PanelType.BF16 => 2, _ => 4 }, threads);
    }

    /// <summary>10⁹ operations a second of all threads running emitted code that does so many in each of its loops.</summary>
    public static double Emitted(ExecutableMemory code, double perLoop, int threads) =>
        Best(threads, perLoop * Loops, () => ((delegate* unmanaged[Cdecl]<nint, nint, void>)code.Start)(Loops, Loops));

    /// <summary>10⁹ float32 operations a second of all threads, with the vectors that the runtime has.</summary>
    public static double Vectors(int threads)
    {
        const int loops = Loops / 4;
        int width = Avx2.IsSupported ? Vector256<float>.Count : Vector128<float>.Count;
        return Best(threads, loops * 10.0 * 2 * width, () => MultiplyAdd(loops));
    }

    /// <summary>Bytes that all threads together read in a second, in 10⁹, from a buffer larger than the caches.</summary>
    public static double ReadBandwidth(int threads)
    {
        const int bytes = 256 << 20;
        float* buffer = (float*)LargePages.Allocate(bytes);
        new Span<float>(buffer, bytes / sizeof(float)).Fill(1f);
        long each = bytes / sizeof(float) / threads / 64 * 64;
        double best = 0;
        for (int attempt = 0; attempt < 6; attempt++)
        {
            double seconds = OnThreads(threads, t => Sum(buffer + t * each, each));
            best = Math.Max(best, (double)each * threads * sizeof(float) / seconds / 1e9);
        }
        NativeMemory.AlignedFree(buffer);
        return best;
    }

    /// <summary>Multiply-adds on 512-bit registers.</summary>
    public static ExecutableMemory? EmitVectors(PanelType type)
    {
        var code = Begin();
        for (int i = 16; i < 32; i++) code.ZeroVector(i);
        var loop = new Label();
        code.Align(64);
        code.Place(loop);
        for (int i = 0; i < Sums; i++)
        {
            // Registers 16 and 17 are the inputs, 18 … 31 the sums: none that Windows keeps.
            if (type == PanelType.F32) code.MultiplyAddFloat(18 + i, 16, 17);
            else if (type == PanelType.BF16) code.DotBFloat16(18 + i, 16, 17);
            else code.DotBytes(18 + i, 16, 17);
        }
        End(code, loop);
        code.ZeroUpper();
        code.Return();
        return ExecutableMemory.TryCreate(code.Code);
    }

    /// <summary>Products of int16 in pairs, and their sums, on 256-bit registers.</summary>
    public static ExecutableMemory? EmitInt16()
    {
        var code = Begin();
        var loop = new Label();
        code.Align(64);
        code.Place(loop);
        for (int i = 0; i < Int16Sums; i++)
        {
            // Registers 0 and 1 are the inputs, 2 … 5 take products and sums in turns: none that Windows keeps.
            int sum = 2 + i % 4;
            code.MultiplyPairsHalf(sum, 0, 1);
            code.AddWholeHalf(sum, sum, 0);
        }
        End(code, loop);
        code.ZeroUpper();
        code.Return();
        return ExecutableMemory.TryCreate(code.Code);
    }

    /// <summary>Tile products on four tiles of sums.</summary>
    public static ExecutableMemory? EmitTiles(PanelType type)
    {
        var configuration = new Label();
        var code = new Assembler();
        var entry = new Label();
        code.Jump(entry);
        code.Align(64);
        code.Place(configuration);
        code.Data(TileKernels.Configuration(TileKernels.MaxRows));
        code.Place(entry);
        code.LoadAddress(Gpr.Rcx, configuration);
        code.LoadTileConfiguration(Gpr.Rcx);
        code.Move(Gpr.Rax, Gpr.Rdi);
        for (int tile = 0; tile < 8; tile++) code.ZeroTile(tile);
        var loop = new Label();
        code.Align(64);
        code.Place(loop);
        for (int sum = 0; sum < TileSums; sum++)
        {
            if (type == PanelType.BF16) code.TileDotBFloat16(sum, 4 + sum / 2, 6 + sum % 2);
            else code.TileDotSignedUnsigned(sum, 4 + sum / 2, 6 + sum % 2);
        }
        End(code, loop);
        code.ReleaseTiles();
        code.Return();
        return ExecutableMemory.TryCreate(code.Code);
    }

    // The count comes in the first register of either calling convention.
    static Assembler Begin()
    {
        var code = new Assembler();
        code.Move(Gpr.Rax, OperatingSystem.IsWindows() ? Gpr.Rcx : Gpr.Rdi);
        return code;
    }

    static void End(Assembler code, Label loop)
    {
        code.Subtract(Gpr.Rax, 1);
        code.Jump(Condition.NotZero, loop);
    }

    static double Best(int threads, double operations, Action loop)
    {
        double best = 0;
        for (int attempt = 0; attempt < 10; attempt++) best = Math.Max(best, operations * threads / OnThreads(threads, _ => loop()) / 1e9);
        return best;
    }

    // From the first thread's start to the last one's end, by their own clocks: the caller's begins before they are ready.
    static double OnThreads(int threads, Action<int> action)
    {
        int ready = 0;
        var times = new (long Start, long End)[threads];
        var workers = Enumerable.Range(0, threads).Select(t => new Thread(() =>
        {
            // New threads may begin on one processor: only while all are busy does the system spread them.
            action(t);
            Interlocked.Increment(ref ready);
            while (Volatile.Read(ref ready) < threads) Thread.SpinWait(20);
            long start = Stopwatch.GetTimestamp();
            action(t);
            times[t] = (start, Stopwatch.GetTimestamp());
        })).ToArray();
        foreach (var worker in workers) worker.Start();
        foreach (var worker in workers) worker.Join();
        return Stopwatch.GetElapsedTime(times.Min(time => time.Start), times.Max(time => time.End)).TotalSeconds;
    }

    static void MultiplyAdd(int loops)
    {
        if (Avx2.IsSupported) Wide(loops);
        else Narrow(loops);
    }

    // Ten sums: latency times throughput of what has been built so far, with registers to spare.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Wide(int loops)
    {
        Vector256<float> x = Vector256.Create(1f), y = Vector256.Create(1e-9f);
        Vector256<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int n = 0; n < loops; n++)
        {
            a = Vector256.FusedMultiplyAdd(x, y, a);
            b = Vector256.FusedMultiplyAdd(x, y, b);
            c = Vector256.FusedMultiplyAdd(x, y, c);
            d = Vector256.FusedMultiplyAdd(x, y, d);
            e = Vector256.FusedMultiplyAdd(x, y, e);
            f = Vector256.FusedMultiplyAdd(x, y, f);
            g = Vector256.FusedMultiplyAdd(x, y, g);
            h = Vector256.FusedMultiplyAdd(x, y, h);
            i = Vector256.FusedMultiplyAdd(x, y, i);
            j = Vector256.FusedMultiplyAdd(x, y, j);
        }
        GC.KeepAlive(Vector256.Sum(a + b + c + d + e + f + g + h + i + j));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Narrow(int loops)
    {
        Vector128<float> x = Vector128.Create(1f), y = Vector128.Create(1e-9f);
        Vector128<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
        for (int n = 0; n < loops; n++)
        {
            a = Vector128.FusedMultiplyAdd(x, y, a);
            b = Vector128.FusedMultiplyAdd(x, y, b);
            c = Vector128.FusedMultiplyAdd(x, y, c);
            d = Vector128.FusedMultiplyAdd(x, y, d);
            e = Vector128.FusedMultiplyAdd(x, y, e);
            f = Vector128.FusedMultiplyAdd(x, y, f);
            g = Vector128.FusedMultiplyAdd(x, y, g);
            h = Vector128.FusedMultiplyAdd(x, y, h);
            i = Vector128.FusedMultiplyAdd(x, y, i);
            j = Vector128.FusedMultiplyAdd(x, y, j);
        }
        GC.KeepAlive(Vector128.Sum(a + b + c + d + e + f + g + h + i + j));
    }

    // Four sums, so that no addition waits for another; the processor is asked for lines well ahead.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Sum(float* values, long count)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        for (float* end = values + count; values < end; values += 32)
        {
            a += Vector256.Load(values);
            b += Vector256.Load(values + 8);
            c += Vector256.Load(values + 16);
            d += Vector256.Load(values + 24);
            if (!Sse.IsSupported) continue;
            Sse.Prefetch0(values + 1024);
            Sse.Prefetch0(values + 1040);
        }
        GC.KeepAlive(Vector256.Sum(a + b + c + d));
    }
}
