using System.Diagnostics;
using System.Runtime.InteropServices;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Bench;

/// <summary>Matrix products of Whisper's shapes on every instruction set and format, against this machine's own peak.</summary>
internal static unsafe class KernelBench
{
    const int Positions = 1500;
    const int HeadSize = 64;

    static readonly (int Inputs, int Outputs)[] Shapes =
    [
        (384, 384), (384, 1536), (1536, 384), (512, 512), (512, 2048), (1280, 1280), (1280, 5120), (5120, 1280),
    ];

    // Of language models, whose rows are whole blocks.
    static readonly (int Inputs, int Outputs)[] BlockShapes = [(1536, 1536), (1536, 8960), (8960, 1536)];

    public static void Run(string filter, int threads)
    {
        var isa = Isa.Select(null);
        Console.WriteLine($"{isa}, {threads} threads");
        var machine = new MachinePeaks(new CpuOptions { Threads = threads });
        double bandwidth = machine.ReadGigabytesPerSecond;
        var peaks = new Dictionary<PanelType, double> { [PanelType.F32] = machine.Gigaflops(WeightFormat.F32) };
        if (isa.HasBf16) peaks[PanelType.BF16] = machine.Gigaflops(WeightFormat.BF16);
        if (isa.HasVnni) peaks[PanelType.Int8] = machine.Gigaflops(WeightFormat.Int8);
        double avx2 = new MachinePeaks(new CpuOptions { Threads = threads, InstructionSet = InstructionSet.Avx2 })
            .Gigaflops(WeightFormat.F32);
        Console.WriteLine($"peak F32 of AVX2: {avx2:F0} GFLOP/s");
        foreach (var (type, peak) in peaks) Console.WriteLine($"peak {type}: {peak:F0} GFLOP/s");
        Console.WriteLine($"read bandwidth: {bandwidth:F1} GB/s");
        var ofAvx2 = new Dictionary<PanelType, double> { [PanelType.F32] = avx2 };
        foreach (var set in Enum.GetValues<InstructionSet>().Where(set => set <= isa.Set))
        {
            foreach (var format in CpuDevice.Formats.Concat(CpuDevice.BlockFormats.Select(WeightFormat.Of)))
            {
                if (!$"{set} {format}".Contains(filter, StringComparison.OrdinalIgnoreCase)) continue;
                foreach (int rows in (int[])[1500, 8, 4, 1])
                {
                    foreach (var shape in format.Blocks is null ? Shapes : BlockShapes)
                    {
                        Measure(
                            set, format, rows, shape, threads, set is InstructionSet.Avx2 or InstructionSet.Avx2Vnni ? ofAvx2 : peaks,
                            bandwidth);
                    }
                }
            }
        }
    }

    /// <summary>Attention within 1500 positions, and of one and five tokens over a memory of as many.</summary>
    public static void RunAttention(string filter, int threads)
    {
        foreach (var set in Enum.GetValues<InstructionSet>().Where(set => set <= Isa.Select(null).Set))
        {
            foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8])
            {
                var options = new CpuOptions { InstructionSet = set, Weights = format, Threads = threads };
                using var device = new CpuDevice(options);
                string name = $"{set,-9} {format,-5}";
                foreach (int heads in (int[])[6, 8, 20])
                {
                    if (Fits("within")) MeasureAttention(device, name, heads, new MachinePeaks(options).Gigaflops(format));
                    if (Fits("memory")) MeasureMemory(device, name, heads);
                }

                bool Fits(string what) => $"{set} {format} {what}".Contains(filter, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    /// <summary>How fast weights are packed, which is what loading a model waits for.</summary>
    public static void RunPacking()
    {
        using var pool = new WorkerPool(Environment.ProcessorCount, KernelSet.For(null));
        var source = new ZeroSource(1280, 5120);
        foreach (var format in CpuDevice.Formats)
        {
            double seconds = Best(() => PackedMatrix.Pack(source, format, pool).Dispose());
            Console.WriteLine($"packing {format,-12} {1280 * 5120 / seconds / 1e6,6:F0} million weights a second");
        }
    }

    sealed class ZeroSource(int rows, int columns) : MatrixSource
    {
        public override int Rows => rows;

        public override int Columns => columns;

        // Cheap to make, so that what is timed is the packing.
        public override void ReadRow(int row, Span<float> destination)
        {
            destination.Fill(row + 1);
            destination[0] = -2 * row;
        }
    }

    static void MeasureAttention(CpuDevice device, string name, int heads, double peak)
    {
        int width = heads * HeadSize;
        float* q = Allocate(Positions * width), output = Allocate(Positions * width);
        double seconds = Best(() => Attention.Run(device.Workers, new AttentionCall
        {
            Q = q,
            K = q,
            V = q,
            Output = output,
            Batch = 1,
            Time = Positions,
            HeadSize = HeadSize,
            Heads = new Heads(heads),
            Kernel = device.AttentionKernel,
            KeyKernel = device.KeyKernel,
        }));
        double gigaflops = 4.0 * Positions * Positions * width / seconds / 1e9;
        Console.WriteLine(
            $"{name} attention within {Positions}, {heads,2} heads: {seconds * 1e6,9:F0} µs " +
            $"{gigaflops,6:F0} GFLOP/s {gigaflops / peak,5:P0}");
        NativeMemory.AlignedFree(q);
        NativeMemory.AlignedFree(output);
    }

    static void MeasureMemory(CpuDevice device, string name, int heads)
    {
        const int copies = 8;
        int width = heads * HeadSize;
        float* q = Allocate(Positions * width), output = Allocate(Positions * width);
        using var memory = new CpuCrossAttentionMemory(copies, Positions, width, new Heads(heads), device);
        for (int slot = 0; slot < copies; slot++) memory.Store(slot, Positions, q, q);
        foreach (int tokens in (int[])[1, 5])
        {
            var layouts = Enumerable.Range(0, copies).Select(slot =>
            {
                var layout = new BatchLayout();
                for (int t = 0; t < tokens; t++) layout.Add(t, 0, slot);
                return layout;
            }).ToArray();
            double seconds = Best(() =>
            {
                foreach (var layout in layouts)
                {
                    Attention.Run(device.Workers, new MemoryAttentionCall
                    {
                        Q = q,
                        Output = output,
                        HeadSize = HeadSize,
                        Heads = new Heads(heads),
                        Layout = layout,
                        Memory = memory,
                    });
                }
            }) / copies;
            Console.WriteLine(
                $"{name} memory of {Positions}, {heads,2} heads, {tokens} tokens: " +
                $"{seconds * 1e6,9:F1} µs {heads * (double)memory.Layout.Bytes / seconds / 1e9,6:F1} GB/s");
        }
        NativeMemory.AlignedFree(q);
        NativeMemory.AlignedFree(output);
    }

    static double Best(Action action)
    {
        double best = double.MaxValue;
        var watch = Stopwatch.StartNew();
        for (int attempt = 0; attempt < 5 || watch.ElapsedMilliseconds < 150; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    static void Measure(
        InstructionSet set, WeightFormat format, int rows, (int Inputs, int Outputs) shape, int threads,
        Dictionary<PanelType, double> peaks, double bandwidth)
    {
        using var pool = new WorkerPool(threads, KernelSet.For(set));
        var (inputs, outputs) = shape;
        // Decoding meets each layer's weights cold: as many copies as the caches cannot hold.
        int copies = rows > 100 ? 1 : Math.Max(2, (int)(200_000_000L / ((long)inputs * outputs * 4)));
        var matrices = Enumerable.Range(0, Math.Min(copies, 64)).Select(_ => Make(pool, format, outputs, inputs)).ToArray();
        var precision = rows > 100 ? RowPrecision.Sequence : RowPrecision.Step;
        float* x = Allocate(rows * inputs), y = Allocate(rows * outputs), bias = Allocate(outputs);
        double best = double.MaxValue;
        var watch = Stopwatch.StartNew();
        for (int attempt = 0; attempt < 3 || watch.ElapsedMilliseconds < 150; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            foreach (var matrix in matrices)
            {
                MatrixProduct.Run(
                    pool, new LinearCall
                    {
                        X = x,
                        XStride = inputs,
                        Rows = rows,
                        Precision = precision,
                        Weights = matrix,
                        Bias = bias,
                        Y = y,
                        YStride = outputs,
                    });
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / matrices.Length);
        }
        double operations = 2.0 * rows * inputs * outputs / best / 1e9, bytes = matrices[0].Bytes / best / 1e9;
        string ofPeak = peaks.TryGetValue(matrices[0].Kernel.Type, out double peak) ? $"{operations / peak,5:P0}" : "";
        Console.WriteLine(
            $"{set,-9} {format,-12} {rows,5} × {inputs,4} → {outputs,4}: {best * 1e6,9:F1} µs {operations,7:F0} GFLOP/s {ofPeak} " +
            $"{bytes,6:F1} GB/s {bytes / bandwidth,5:P0}");
        foreach (var matrix in matrices) matrix.Dispose();
        NativeMemory.AlignedFree(x);
        NativeMemory.AlignedFree(y);
        NativeMemory.AlignedFree(bias);
    }

    internal static PackedMatrix Make(WorkerPool pool, WeightFormat format, int outputs, int inputs)
    {
        if (format.Blocks is null) return PackedMatrix.Pack(new RandomSource(outputs, inputs), format, pool);
        var blocks = new MemoryBlocks(format.Blocks, outputs, inputs, 1);
        return PackedMatrix.Borrow(blocks, blocks.Shape, pool.Kernels);
    }

    internal static float* Allocate(int count)
    {
        float* start = (float*)LargePages.Allocate(count * (long)sizeof(float));
        var random = new Random(1);
        for (int i = 0; i < count; i++) start[i] = random.NextSingle() - 0.5f;
        return start;
    }

    sealed class RandomSource(int rows, int columns) : MatrixSource
    {
        public override int Rows => rows;

        public override int Columns => columns;

        public override void ReadRow(int row, Span<float> destination)
        {
            uint state = (uint)row * 2654435761u + 1;
            for (int i = 0; i < destination.Length; i++)
            {
                state = state * 1664525 + 1013904223;
                destination[i] = (state >> 8) / 16777216f - 0.5f;
            }
        }
    }
}
