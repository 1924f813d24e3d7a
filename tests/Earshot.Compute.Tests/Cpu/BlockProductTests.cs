using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>Products with ggml's blocks as they are stored.</summary>
public sealed unsafe class BlockProductTests
{
    public static TheoryData<InstructionSet, string> SetsAndBlocks
    {
        get
        {
            var data = new TheoryData<InstructionSet, string>();
            foreach (var set in Enum.GetValues<InstructionSet>().Where(set => KernelSet.For(set).Isa.Set == set))
            {
                foreach (var format in CpuDevice.BlockFormats) data.Add(set, format.Name);
            }
            return data;
        }
    }

    [Fact]
    public void Every_half_is_read_exactly()
    {
        var halves = new ushort[1 << 16];
        for (int i = 0; i < halves.Length; i++) halves[i] = (ushort)i;
        var values = new float[halves.Length];
        fixed (ushort* source = halves)
        fixed (float* destination = values)
        {
            BlockScales.Halves((byte*)source, sizeof(ushort), halves.Length, destination);
            for (int i = 0; i < halves.Length; i++)
            {
                float expected = (float)BitConverter.UInt16BitsToHalf(halves[i]);
                Assert.Equal(expected, values[i]);
                Assert.Equal(expected, BlockScales.Half((byte*)(source + i)));
                Assert.Equal(float.IsNegative(expected), float.IsNegative(values[i]));
            }
        }
    }

    [Theory, MemberData(nameof(SetsAndBlocks))]
    public void Panels_hold_the_values_that_blocks_are_dequantised_to(InstructionSet set, string name)
    {
        var format = Named(name);
        var rows = stackalloc byte*[32];
        foreach (int inputs in Widths(format))
        {
            using var source = new MemoryBlocks(format, 45, inputs, 1);
            using var weights = PackedMatrix.Borrow(source, source.Shape, KernelSet.For(set));
            weights.Blocks!.Locate(1, rows);
            var shape = weights.Blocks.Inputs;
            using var scales = new NativeFloats(2 * 32 * shape.PaddedGroups);
            using var panel = new NativeFloats(inputs * 32);
            weights.Blocks.Kernel.Scales(rows, shape, scales.Pointer);
            for (int group = 0; group < shape.Groups; group += 4)
            {
                weights.Blocks.Kernel.Unpack(
                    rows, shape, scales.Pointer, group, Math.Min(4, shape.Groups - group), panel.Pointer + group * 32 * 32);
            }
            panel.AssertGuard();
            for (int n = 0; n < 13; n++)
            {
                float[] expected = source.Row(32 + n), actual = [.. Enumerable.Range(0, inputs).Select(k => panel[k * 32 + n])];
                Assert.Equal(expected, actual);
            }
        }
    }

    [Theory, MemberData(nameof(SetsAndBlocks))]
    public void Products_match_float64(InstructionSet set, string name)
    {
        using var pool = new WorkerPool(3, KernelSet.For(set));
        var format = Named(name);
        ReadOnlySpan<(int, int)> shapes = [(1, 33), (2, 1), (3, 32), (4, 31), (5, 65), (6, 7), (7, 5), (8, 33), (9, 34), (70, 3)];
        foreach (int inputs in Widths(format))
        {
            foreach (var (rows, outputs) in shapes)
            {
                Check(pool, format, (rows, inputs, outputs), RowPrecision.Step);
                Check(pool, format, (rows, inputs, outputs), RowPrecision.Sequence);
            }
        }
    }

    [Theory, MemberData(nameof(SetsAndBlocks))]
    public void A_row_has_the_same_bits_whatever_the_other_rows_and_threads(InstructionSet set, string name)
    {
        const int rows = 70, outputs = 70;
        using var one = new WorkerPool(1, KernelSet.For(set));
        using var three = new WorkerPool(3, KernelSet.For(set), CacheSizes.Least);
        var format = Named(name);
        int inputs = Widths(format)[^1];
        using var source = new MemoryBlocks(format, outputs, inputs, 1);
        using var weights = PackedMatrix.Borrow(source, source.Shape, one.Kernels);
        using var x = NativeFloats.Random(rows * inputs, 2);
        using var together = new NativeFloats(rows * outputs);
        using var alone = new NativeFloats(rows * outputs);
        foreach (var precision in (RowPrecision[])[RowPrecision.Step, RowPrecision.Sequence])
        {
            MatrixProduct.Run(three, Call(x, together, weights, rows, precision));
            foreach (int count in (int[])[1, 2, 3, 4, 5, 6, 7, 8, 66])
            {
                alone.Span.Clear();
                for (int first = 0; first < rows; first += count)
                {
                    var call = Call(x, alone, weights, Math.Min(count, rows - first), precision);
                    call.X += first * inputs;
                    call.Y += first * outputs;
                    MatrixProduct.Run(one, call);
                }
                Assert.True(together.Span.SequenceEqual(alone.Span), $"{precision}: {count} rows at a time differ from {rows} together");
            }
        }
    }

    [Theory, MemberData(nameof(SetsAndBlocks))]
    public void Rows_in_another_order_and_matrices_that_share_inputs_change_no_bit(InstructionSet set, string name)
    {
        const int outputs = 66;
        using var pool = new WorkerPool(2, KernelSet.For(set));
        var format = Named(name);
        int inputs = Widths(format)[^1];
        int[] order = [.. Enumerable.Range(0, outputs).Select(row => row % 2 * 33 + row / 2)];
        using var source = new MemoryBlocks(format, outputs, inputs, 1);
        using var turned = new MemoryBlocks(format, outputs, inputs, 1) { RowOrder = order };
        using var weights = PackedMatrix.Borrow(source, source.Shape, pool.Kernels);
        using var others = PackedMatrix.Borrow(turned, turned.Shape, pool.Kernels);
        using var x = NativeFloats.Random(3 * inputs, 2);
        using var alone = new NativeFloats(3 * outputs);
        using var first = new NativeFloats(3 * outputs);
        using var second = new NativeFloats(3 * outputs);
        foreach (var precision in (RowPrecision[])[RowPrecision.Step, RowPrecision.Sequence])
        {
            MatrixProduct.Run(pool, Call(x, alone, weights, 3, precision));
            var call = Call(x, first, weights, 3, precision);
            call.Add(new LinearTarget { Weights = others, Y = second.Pointer, YStride = outputs });
            MatrixProduct.Run(pool, call);
            Assert.True(alone.Span.SequenceEqual(first.Span));
            for (int i = 0; i < 3 * outputs; i++) Assert.Equal(alone[i / outputs * outputs + order[i % outputs]], second[i]);
        }
    }

    [Fact]
    public void A_file_that_was_changed_is_noticed_before_it_is_touched()
    {
        using var pool = new WorkerPool(1, KernelSet.For(null));
        using var source = new MemoryBlocks(BlockFormat.Q4_0, 3, 64, 1);
        using var weights = PackedMatrix.Borrow(source, source.Shape, pool.Kernels);
        using var x = NativeFloats.Random(64, 2);
        using var y = new NativeFloats(3);
        source.IsChanged = true;
        foreach (var precision in (RowPrecision[])[RowPrecision.Step, RowPrecision.Sequence])
            Assert.Throws<CheckpointException>(() => MatrixProduct.Run(pool, Call(x, y, weights, 1, precision)));
    }

    [Fact]
    public void Blocks_outlive_the_file_that_is_closed()
    {
        using var pool = new WorkerPool(1, KernelSet.For(null));
        var source = new MemoryBlocks(BlockFormat.Q8_0, 40, 64, 1);
        using var weights = PackedMatrix.Borrow(source, source.Shape, pool.Kernels);
        using var x = NativeFloats.Random(64, 2);
        using var before = new NativeFloats(40);
        using var after = new NativeFloats(40);
        MatrixProduct.Run(pool, Call(x, before, weights, 1, RowPrecision.Step));
        var (memory, _) = source.Mapped;
        source.Dispose();
        Assert.False(memory.IsClosed);
        MatrixProduct.Run(pool, Call(x, after, weights, 1, RowPrecision.Step));
        Assert.True(before.Span.SequenceEqual(after.Span));
        weights.Dispose();
        Assert.True(memory.IsClosed);
    }

    [Theory, MemberData(nameof(SetsAndBlocks))]
    public void A_product_allocates_nothing_after_the_first(InstructionSet set, string name)
    {
        using var pool = new WorkerPool(2, KernelSet.For(set));
        using var source = new MemoryBlocks(Named(name), 64, 256, 1);
        using var weights = PackedMatrix.Borrow(source, source.Shape, pool.Kernels);
        using var x = NativeFloats.Random(6 * 256, 2);
        using var y = new NativeFloats(6 * 64);
        foreach (var precision in (RowPrecision[])[RowPrecision.Step, RowPrecision.Sequence])
        {
            var call = Call(x, y, weights, 6, precision);
            for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
            Assert.Equal(0, Allocations.Least(() =>
            {
                for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
            }));
        }
    }

    static BlockFormat Named(string name) => CpuDevice.BlockFormats.Single(format => format.Name == name);

    // Whole vectors of groups and not, an odd number of groups, rows that end in the first half of a unit of 256 and in the second, more
    // than one block of steps.
    static int[] Widths(BlockFormat format) => format.Length == 256 ? [256, 512, 2816] : [32, 64, 96, 224, 256, 576, 672, 2720];

    static LinearCall Call(NativeFloats x, NativeFloats y, PackedMatrix weights, int rows, RowPrecision precision) => new()
    {
        X = x.Pointer,
        XStride = weights.Inputs,
        Rows = rows,
        Precision = precision,
        Weights = weights,
        Y = y.Pointer,
        YStride = weights.Outputs,
    };

    static void Check(WorkerPool pool, BlockFormat format, (int Rows, int Inputs, int Outputs) shape, RowPrecision precision)
    {
        var (rows, inputs, outputs) = shape;
        using var source = new MemoryBlocks(format, outputs, inputs, inputs);
        using var weights = PackedMatrix.Borrow(source, source.Shape, pool.Kernels);
        using var x = NativeFloats.Random(rows * inputs, rows);
        using var y = new NativeFloats(rows * outputs);
        var call = Call(x, y, weights, rows, precision);
        MatrixProduct.Run(pool, call);
        y.AssertGuard();
        bool rounds = !call.IsStep && call.Kernel.RowType == PanelType.BF16;
        if (call.IsStep) Quantize(x.Span);
        for (int n = 0; n < outputs; n++)
        {
            float[] values = source.Row(n);
            for (int r = 0; r < rows; r++)
            {
                double expected = 0, magnitude = 0;
                for (int k = 0; k < inputs; k++)
                {
                    double product = (double)x[r * inputs + k] * values[k];
                    expected += product;
                    magnitude += Math.Abs(product);
                }
                double tolerance = magnitude * (rounds ? 8e-3 : 4e-6) + 1e-9;
                if (!(Math.Abs(expected - y[r * outputs + n]) <= tolerance))
                {
                    Assert.Fail(
                        $"{pool.Kernels.Isa.Set} {format} {shape} {precision}: y[{r}, {n}] is {y[r * outputs + n]}, " +
                        $"expected {expected} ± {tolerance:E2}");
                }
            }
        }
    }

    // As a step's rows are: int8 in groups of 32.
    static void Quantize(Span<float> row)
    {
        for (; !row.IsEmpty; row = row[32..])
        {
            float largest = 0;
            foreach (float value in row[..32]) largest = MathF.Max(largest, MathF.Abs(value));
            float scale = largest / 127, inverse = scale == 0 ? 0 : 1 / scale;
            foreach (ref float value in row[..32]) value = MathF.Round(value * inverse) * scale;
        }
    }
}
