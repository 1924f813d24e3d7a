using System.Runtime.InteropServices;
using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>The AMX kernels' code, executed on an emulation of the tile registers; on a processor with AMX, by itself.</summary>
public sealed unsafe class TileKernelTests
{
    [Theory, InlineData(1, 16), InlineData(2, 32), InlineData(15, 16), InlineData(16, 48), InlineData(17, 16), InlineData(23, 64), InlineData(32, 32)]
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

    [Fact]
    public void Tiles_run_on_this_processor()
    {
        Assert.SkipUnless(KernelSet.For(InstructionSet.Amx).Isa.Set == InstructionSet.Amx, "This processor or system has no AMX; the tile kernels' code was only emulated.");
        var kernels = KernelSet.For(InstructionSet.Amx);
        using var pool = new WorkerPool(2, kernels);
        foreach (var format in (WeightFormat[])[WeightFormat.BF16, WeightFormat.Int8])
        {
            using var weights = PackedMatrix.Pack(ArraySource.Random(70, 130, 1), format, pool);
            Assert.Equal(TileKernels.MaxRows, weights.Kernel.MaxRows);
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
            foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(_rowBytes.AsSpan())) value = BFloat16.Round(2 * random.NextSingle() - 1);
            foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(_panel.AsSpan())) value = BFloat16.Round(2 * random.NextSingle() - 1);
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
            var code = new Assembler();
            int entry = TileKernels.Emit(code, _type, _rows);
            fixed (byte* start = code.Code)
            fixed (byte* rows = _rowBytes)
            fixed (byte* panel = _panel)
            fixed (float* sums = _sums)
            {
                var arguments = new MicroArguments { Rows = rows, RowStride = Stride, Panel = panel, Steps = _steps, Sums = sums, SumStride = SumStride, Accumulate = accumulate ? 1 : 0 };
                new TileMachine(start).Run(entry, &arguments);
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
