using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>The AMX kernels' code, executed on an emulation of the tile registers; on a processor with AMX, by itself.</summary>
public sealed unsafe class TileKernelTests
{
    [Theory, InlineData(1, 16), InlineData(2, 32), InlineData(15, 16), InlineData(16, 48), InlineData(17, 16), InlineData(23, 64),
        InlineData(32, 32)]
    public void Emulated_bfloat16_tiles_match_float64(int rows, int steps)
    {
        foreach (bool accumulate in (bool[])[false, true])
        {
            var problem = new Problem(PanelType.BF16, rows, steps);
            problem.Run(accumulate);
            for (int r = 0; r < rows; r++)
            {
                for (int n = 0; n < 32; n++)
                {
                    double expected = accumulate ? Problem.Initial(r, n) : 0, magnitude = Math.Abs(expected);
                    for (int k = 0; k < steps * 2; k++)
                    {
                        double product = (double)BFloat16.ToSingle(problem.RowBF16(r, k)) * BFloat16.ToSingle(problem.PanelBF16(n, k));
                        expected += product;
                        magnitude += Math.Abs(product);
                    }
                    Assert.Equal(expected, problem.Sum(r, n), (2 * steps + 1) / 16777216.0 * magnitude);
                }
            }
            problem.AssertNothingElseWritten();
        }
    }

    [Theory, InlineData(1, 16), InlineData(5, 32), InlineData(16, 16), InlineData(17, 48), InlineData(31, 16), InlineData(32, 80)]
    public void Emulated_int8_tiles_are_exact(int rows, int steps)
    {
        foreach (bool accumulate in (bool[])[false, true])
        {
            var problem = new Problem(PanelType.Int8, rows, steps);
            problem.Run(accumulate);
            for (int r = 0; r < rows; r++)
            {
                for (int n = 0; n < 32; n++)
                {
                    int expected = accumulate ? BitConverter.SingleToInt32Bits(Problem.Initial(r, n)) : 0;
                    for (int k = 0; k < steps * 4; k++) expected += (sbyte)problem.RowByte(r, k) * problem.PanelByte(n, k);
                    Assert.Equal(expected, BitConverter.SingleToInt32Bits(problem.Sum(r, n)));
                }
            }
            problem.AssertNothingElseWritten();
        }
    }

    [Theory, InlineData("bf16"), InlineData("int8")]
    public void Emulated_tiles_give_whole_products(string name)
    {
        var format = WeightFormat.Parse(name);
        using var pool = new WorkerPool(1, EmulatedSet.Kernels);
        foreach (var (rows, inputs, outputs) in new[]
        {
            (1, 1, 1),
            (1, 70, 33),
            (40, 33, 5),
            (130, 65, 40),
            (3, 200, 64),
            (CpuDevice.MaxExactRows + 1, 65, 33),
        })
        {
            var source = ArraySource.Random(outputs, inputs, inputs);
            using var weights = PackedMatrix.Pack(source, format, pool);
            Assert.Equal(0, weights.Steps % TileKernels.StepMultiple);
            using var x = NativeFloats.Random(rows * inputs, rows);
            using var y = new NativeFloats(rows * outputs);
            MatrixProduct.Run(
                pool, new LinearCall { X = x.Pointer, XStride = inputs, Rows = rows, Weights = weights, Y = y.Pointer, YStride = outputs });
            y.AssertGuard();
            var held = Reference.Quantized(source, format);
            for (int i = 0; i < rows * outputs; i++)
            {
                var (expected, tolerance) = Reference.Dot(x.Span.Slice(i / outputs * inputs, inputs), held, i % outputs, weights, rows);
                Assert.Equal(expected, y[i], tolerance);
            }
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Emulated_tiles_attend_as_vectors_do(bool causal)
    {
        const int time = 75, size = 40;
        using var emulated = new WorkerPool(1, EmulatedSet.Kernels);
        using var portable = new WorkerPool(1, KernelSet.For(InstructionSet.Portable));
        using var q = NativeFloats.Random(time * size, 1);
        using var k = NativeFloats.Random(time * size, 2);
        using var v = NativeFloats.Random(time * size, 3);
        using var expected = new NativeFloats(time * size);
        using var output = new NativeFloats(time * size);
        var call = new AttentionCall
        {
            Q = q.Pointer,
            K = k.Pointer,
            V = v.Pointer,
            Batch = 1,
            Time = time,
            HeadSize = size,
            Heads = new Heads(1, 1, causal),
        };
        Attention.Run(portable, call with { Kernel = portable.Kernels.F32, Output = expected.Pointer });
        Attention.Run(emulated, call with { Kernel = emulated.Kernels.BF16, Output = output.Pointer });
        output.AssertGuard();
        // bfloat16 operands: 2⁻⁸ of scores about 2, and of probabilities and values below 1.
        for (int i = 0; i < time * size; i++) Assert.Equal(expected[i], output[i], 0.04);
    }

    [Fact]
    public void Tiles_run_on_this_processor()
    {
        Assert.SkipUnless(
            KernelSet.For(InstructionSet.Amx).Isa.Set == InstructionSet.Amx,
            "This processor or system has no AMX; the tile kernels' code was only emulated.");
        using var tiles = new WorkerPool(2, KernelSet.For(InstructionSet.Amx));
        using var emulated = new WorkerPool(1, EmulatedSet.Kernels);
        using var x = NativeFloats.Random(50 * 130, 2);
        using var y = new NativeFloats(50 * 70);
        using var expected = new NativeFloats(50 * 70);
        foreach (var format in (WeightFormat[])[WeightFormat.BF16, WeightFormat.Int8])
        {
            using var weights = PackedMatrix.Pack(ArraySource.Random(70, 130, 1), format, tiles);
            using var same = PackedMatrix.Pack(ArraySource.Random(70, 130, 1), format, emulated);
            Assert.Equal(TileKernels.MaxRows, weights.Kernel.MaxRows);
            MatrixProduct.Run(
                tiles, new LinearCall { X = x.Pointer, XStride = 130, Rows = 50, Weights = weights, Y = y.Pointer, YStride = 70 });
            MatrixProduct.Run(
                emulated, new LinearCall { X = x.Pointer, XStride = 130, Rows = 50, Weights = same, Y = expected.Pointer, YStride = 70 });
            for (int i = 0; i < y.Length; i++) Assert.Equal(expected[i], y[i], 1e-4);
        }
    }

    /// <summary>What shapes the tiles, a kernel, and what gives the tiles back.</summary>
    static (byte[] Code, int[] Entries) Emit(PanelType type, int rows)
    {
        var code = new Assembler();
        int[] entries =
        [
            TileKernels.EmitConfigure(code, rows), TileKernels.Emit(code, type, rows > TileKernels.TileRows), TileKernels.EmitRelease(code),
        ];
        return (code.Code.ToArray(), entries);
    }

    /// <summary>Kernels as a processor with AMX gets them, with the tiles' code emulated.</summary>
    static class EmulatedSet
    {
        static readonly Dictionary<(PanelType Type, int Rows), (byte[] Code, int[] Entries)> Codes = [];

        public static KernelSet Kernels { get; } = new(
            KernelSet.For(InstructionSet.Portable).Isa,
            KernelSet.For(InstructionSet.Portable).F32,
            new MicroKernel(PanelType.BF16, TileKernels.MaxRows, &RunBF16)
            {
                RowType = PanelType.BF16,
                StepMultiple = TileKernels.StepMultiple,
            },
            new MicroKernel(PanelType.Int8, TileKernels.MaxRows, &RunInt8)
            {
                RowType = PanelType.Int8,
                StepMultiple = TileKernels.StepMultiple,
            });

        static void RunBF16(MicroArguments* arguments, int rows) => Run(PanelType.BF16, arguments, rows);

        static void RunInt8(MicroArguments* arguments, int rows) => Run(PanelType.Int8, arguments, rows);

        static void Run(PanelType type, MicroArguments* arguments, int rows)
        {
            (byte[] Code, int[] Entries) found;
            lock (Codes)
            {
                if (!Codes.TryGetValue((type, rows), out found)) Codes[(type, rows)] = found = Emit(type, rows);
            }
            fixed (byte* start = found.Code) new TileMachine(start).Run(arguments, found.Entries);
        }
    }

    /// <summary>Random rows and panel in memory laid out as kernels get them.</summary>
    sealed class Problem
    {
        const int RowPadding = 192;
        const int SumStride = 160;
        const float Untouched = -3;

        readonly PanelType _type;
        readonly int _rows;
        readonly int _steps;
        readonly byte[] _rowBytes;
        readonly byte[] _panel;
        readonly float[] _sums;

        public Problem(PanelType type, int rows, int steps)
        {
            (_type, _rows, _steps) = (type, rows, steps);
            _rowBytes = new byte[rows * Stride];
            _panel = new byte[steps * 128];
            _sums = new float[rows * SumStride / 4 + 64];
            var random = new Random(rows * 1000 + steps);
            random.NextBytes(_rowBytes);
            random.NextBytes(_panel);
            if (type == PanelType.Int8) return;
            foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(_rowBytes.AsSpan()))
                value = BFloat16.Round(2 * random.NextSingle() - 1);
            foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(_panel.AsSpan()))
                value = BFloat16.Round(2 * random.NextSingle() - 1);
        }

        int Stride => _steps * 4 + RowPadding;

        public static float Initial(int row, int column) => row - 0.25f * column;

        public byte RowByte(int row, int k) => _rowBytes[row * Stride + k];

        public ushort RowBF16(int row, int k) => BitConverter.ToUInt16(_rowBytes, row * Stride + 2 * k);

        public byte PanelByte(int column, int k) => _panel[k / 4 * 128 + column * 4 + k % 4];

        public ushort PanelBF16(int column, int k) => BitConverter.ToUInt16(_panel, k / 2 * 128 + column * 4 + k % 2 * 2);

        public float Sum(int row, int column) => _sums[row * SumStride / 4 + column];

        public void Run(bool accumulate)
        {
            Array.Fill(_sums, Untouched);
            for (int r = 0; r < _rows; r++)
            {
                for (int n = 0; n < 32; n++) _sums[r * SumStride / 4 + n] = Initial(r, n);
            }
            var (code, entries) = Emit(_type, _rows);
            fixed (byte* start = code)
            fixed (byte* rows = _rowBytes)
            fixed (byte* panel = _panel)
            fixed (float* sums = _sums)
            {
                var arguments = new MicroArguments
                {
                    Rows = rows,
                    RowStride = Stride,
                    Panel = panel,
                    Steps = _steps,
                    Sums = sums,
                    SumStride = SumStride,
                    Accumulate = accumulate ? 1 : 0,
                };
                new TileMachine(start).Run(&arguments, entries);
            }
        }

        public void AssertNothingElseWritten()
        {
            for (int i = 0; i < _sums.Length; i++)
            {
                if (i >= _rows * SumStride / 4 || i % (SumStride / 4) >= 32) Assert.Equal(Untouched, _sums[i]);
            }
        }
    }
}
