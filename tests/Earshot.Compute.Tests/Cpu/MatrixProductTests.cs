using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Cpu;

public sealed unsafe class MatrixProductTests
{
    /// <summary>The instruction sets that this machine has.</summary>
    public static TheoryData<InstructionSet> Sets => [.. Enum.GetValues<InstructionSet>().Where(set => KernelSet.For(set).Isa.Set == set)];

    public static TheoryData<InstructionSet, WeightFormat> SetsAndFormats
    {
        get
        {
            var data = new TheoryData<InstructionSet, WeightFormat>();
            foreach (var set in Enum.GetValues<InstructionSet>().Where(set => KernelSet.For(set).Isa.Set == set))
            {
                foreach (var format in CpuDevice.Formats) data.Add(set, format);
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Small_products_match_float64_at_every_edge(InstructionSet set, WeightFormat format)
    {
        using var pool = new WorkerPool(1, KernelSet.For(set));
        for (int rows = 1; rows <= 17; rows++)
        {
            for (int inputs = 1; inputs <= 9; inputs++)
            {
                foreach (int outputs in (int[])[1, 2, 31, 32, 33]) Check(pool, format, (rows, inputs, outputs));
            }
        }
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Sampled_products_match_float64(InstructionSet set, WeightFormat format)
    {
        using var pool = new WorkerPool(3, KernelSet.For(set));
        var random = new Random(7);
        for (int i = 0; i < 60; i++) Check(pool, format, (random.Next(1, 66), random.Next(1, 66), random.Next(1, 66)));
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Large_products_cross_every_block(InstructionSet set, WeightFormat format)
    {
        using var pool = new WorkerPool(3, KernelSet.For(set));
        Check(pool, format, (201, 130, 70));
        Check(pool, format, (4, 256, 97));
        Check(pool, format, (3, 5200, 45));
        Check(pool, format, (101, 2900, 33));
        Check(pool, format, (CpuDevice.MaxExactRows + 30, 70, 33));
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void A_row_has_the_same_bits_whatever_the_other_rows_and_threads(InstructionSet set, WeightFormat format)
    {
        CheckSameBits(set, format, (120, 1500, 50));
        CheckSameBits(set, format, (99, 1536, 70)); // whole groups of codes, and an odd panel
    }

    static void CheckSameBits(InstructionSet set, WeightFormat format, (int Rows, int Inputs, int Outputs) shape)
    {
        var (rows, inputs, outputs) = shape;
        using var one = new WorkerPool(1, KernelSet.For(set));
        using var three = new WorkerPool(3, KernelSet.For(set));
        using var weights = PackedMatrix.Pack(ArraySource.Random(outputs, inputs, 1), format, one);
        using var x = NativeFloats.Random(rows * inputs, 2);
        using var together = new NativeFloats(rows * outputs);
        using var alone = new NativeFloats(rows * outputs);
        MatrixProduct.Run(three, Call(x, together, weights, rows));
        foreach (int count in (int[])[1, 2, 3, 5, 7, 14, 15, 28, 29])
        {
            alone.Span.Clear();
            for (int first = 0; first < rows; first += count)
            {
                int taken = Math.Min(count, rows - first);
                var call = Call(x, alone, weights, taken);
                call.X += first * inputs;
                call.Y += first * outputs;
                MatrixProduct.Run(one, call);
            }
            Assert.True(together.Span.SequenceEqual(alone.Span), $"{count} rows at a time differ from all {rows} together");
        }
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Threads_change_no_bit(InstructionSet set, WeightFormat format)
    {
        foreach (int rows in (int[])[5, 310])
        {
            const int inputs = 96, outputs = 200;
            using var one = new WorkerPool(1, KernelSet.For(set), CacheSizes.Least);
            using var weights = PackedMatrix.Pack(ArraySource.Random(outputs, inputs, 1), format, one);
            using var x = NativeFloats.Random(rows * inputs, 2);
            using var expected = new NativeFloats(rows * outputs);
            MatrixProduct.Run(one, Call(x, expected, weights, rows));
            foreach (int threads in (int[])[2, 3, 4, 5, 6, 7, 8])
            {
                using var pool = new WorkerPool(threads, KernelSet.For(set), CacheSizes.Least);
                using var packed = PackedMatrix.Pack(ArraySource.Random(outputs, inputs, 1), format, pool);
                using var y = new NativeFloats(rows * outputs);
                MatrixProduct.Run(pool, Call(x, y, packed, rows));
                Assert.True(expected.Span.SequenceEqual(y.Span), $"{rows} rows, {threads} threads");
            }
        }
    }

    [Theory, InlineData(4), InlineData(8), InlineData(16), InlineData(64)]
    public void Work_is_cut_into_parts_for_all_threads(int threads)
    {
        using var pool = new WorkerPool(threads, KernelSet.For(InstructionSet.Portable), CacheSizes.Least);
        var pieces = new List<int>();
        pool.Observer = (parts, _) => pieces.Add(parts);
        using var weights = PackedMatrix.Pack(ArraySource.Random(2048, 64, 1), WeightFormat.F32, pool);
        using var x = NativeFloats.Random(1500 * 64, 2);
        using var y = new NativeFloats(1500 * 2048);
        pieces.Clear();
        MatrixProduct.Run(pool, Call(x, y, weights, 1500));
        // Each thread has more than one, so that one which is slow, or has no core, holds up little.
        Assert.InRange(Assert.Single(pieces), 3 * threads, 40 * threads);
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Caches_change_no_bit(InstructionSet set, WeightFormat format)
    {
        const int rows = 310, inputs = 1500, outputs = 70;
        using var one = new WorkerPool(1, KernelSet.For(set), new CacheSizes(1 << 20, 64 << 20));
        using var weights = PackedMatrix.Pack(ArraySource.Random(outputs, inputs, 1), format, one);
        using var x = NativeFloats.Random(rows * inputs, 2);
        using var expected = new NativeFloats(rows * outputs);
        MatrixProduct.Run(one, Call(x, expected, weights, rows));
        foreach (var caches in (CacheSizes[])[new(8 << 10, 64 << 10), CacheSizes.Least, new(48 << 10, 2 << 20)])
        {
            using var pool = new WorkerPool(2, KernelSet.For(set), caches);
            using var y = new NativeFloats(rows * outputs);
            MatrixProduct.Run(pool, Call(x, y, weights, rows));
            Assert.True(expected.Span.SequenceEqual(y.Span), $"{caches}");
        }
    }

    [Fact]
    public void Caches_of_this_machine_are_those_of_a_processor()
    {
        var caches = CacheSizes.OfThisMachine;
        Assert.InRange(caches.First, 8 << 10, 1 << 20);
        Assert.InRange(caches.Second, caches.First + 1, 256 << 20);
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void A_product_allocates_nothing_after_the_first(InstructionSet set, WeightFormat format)
    {
        const int inputs = 256, outputs = 200;
        using var pool = new WorkerPool(2, KernelSet.For(set));
        using var weights = PackedMatrix.Pack(ArraySource.Random(outputs, inputs, 1), format, pool);
        using var x = NativeFloats.Random(100 * inputs, 2);
        using var y = new NativeFloats(100 * outputs);
        foreach (int rows in (int[])[1, 6, 100])
        {
            var call = Call(x, y, weights, rows);
            for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
            Assert.Equal(0, Allocations.Least(() =>
            {
                for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
            }));
        }
    }

    [Theory, MemberData(nameof(SetsAndFormats))]
    public void Matrices_that_share_rows_give_the_bits_of_each_alone(InstructionSet set, WeightFormat format)
    {
        using var pool = new WorkerPool(2, KernelSet.For(set));
        foreach (var (rows, inputs, outputs) in new[]
        {
            (1, 128, new[] { 96, 33, 64 }),
            (3, 1536, [64, 64, 64]),
            (120, 130, [70, 5, 32]),
            (61, 2900, [40, 1500]),
        })
        {
            var weights = outputs.Select((count, i) => PackedMatrix.Pack(ArraySource.Random(count, inputs, i), format, pool)).ToArray();
            using var x = NativeFloats.Random(rows * inputs, 1);
            var together = outputs.Select(count => new NativeFloats(rows * count)).ToArray();
            using var bias = NativeFloats.Random(outputs.Max(), 2);
            var call = Call(x, together[0], weights[0], rows);
            call.Bias = bias.Pointer;
            call.Others = outputs.Length - 1;
            call.Second = new LinearTarget { Weights = weights[1], Y = together[1].Pointer, YStride = outputs[1] };
            if (outputs.Length > 2)
                call.Third = new LinearTarget { Weights = weights[2], Bias = bias.Pointer, Y = together[2].Pointer, YStride = outputs[2] };
            MatrixProduct.Run(pool, call);
            for (int i = 0; i < outputs.Length; i++)
            {
                using var alone = new NativeFloats(rows * outputs[i]);
                var one = Call(x, alone, weights[i], rows);
                one.Bias = i == 1 ? null : bias.Pointer;
                MatrixProduct.Run(pool, one);
                together[i].AssertGuard();
                Assert.True(alone.Span.SequenceEqual(together[i].Span), $"matrix {i} of {rows} × {inputs}");
                together[i].Dispose();
                weights[i].Dispose();
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Rows_may_overlap_and_outputs_may_be_apart(InstructionSet set)
    {
        const int rows = 40, inputs = 24, outputs = 35, step = 8, apart = 50;
        using var pool = new WorkerPool(2, KernelSet.For(set));
        var source = ArraySource.Random(outputs, inputs, 3);
        using var weights = PackedMatrix.Pack(source, WeightFormat.F32, pool);
        using var x = NativeFloats.Random((rows - 1) * step + inputs, 4);
        using var y = new NativeFloats(rows * apart);
        y.Span.Fill(7);
        MatrixProduct.Run(
            pool, new LinearCall { X = x.Pointer, XStride = step, Rows = rows, Weights = weights, Y = y.Pointer, YStride = apart });
        for (int r = 0; r < rows; r++)
        {
            for (int n = 0; n < apart; n++)
            {
                double expected = 7;
                if (n < outputs)
                {
                    expected = 0;
                    for (int k = 0; k < inputs; k++) expected += (double)x[r * step + k] * source[n, k];
                }
                Assert.Equal(expected, y[r * apart + n], 1e-5);
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Bias_activation_and_residual_are_applied_in_that_order(InstructionSet set)
    {
        const int rows = 5, inputs = 20, outputs = 37;
        using var pool = new WorkerPool(1, KernelSet.For(set));
        var source = ArraySource.Random(outputs, inputs, 5);
        using var weights = PackedMatrix.Pack(source, WeightFormat.F32, pool);
        using var x = NativeFloats.Random(rows * inputs, 6);
        using var bias = NativeFloats.Random(outputs, 7);
        using var residual = NativeFloats.Random(rows * outputs, 8);
        using var y = new NativeFloats(rows * outputs);
        foreach (var activation in Enum.GetValues<Activation>())
        {
            var call = Call(x, y, weights, rows);
            call.Bias = bias.Pointer;
            call.Activation = activation;
            call.Residual = residual.Pointer;
            call.ResidualStride = outputs;
            MatrixProduct.Run(pool, call);
            for (int i = 0; i < rows * outputs; i++)
            {
                double sum = bias[i % outputs];
                for (int k = 0; k < inputs; k++) sum += (double)x[i / outputs * inputs + k] * source[i % outputs, k];
                Assert.Equal(Reference.Apply(activation, sum) + residual[i], y[i], 5e-6);
            }
        }
        y.AssertGuard();
    }

    static LinearCall Call(NativeFloats x, NativeFloats y, PackedMatrix weights, int rows) => new()
    {
        X = x.Pointer,
        XStride = weights.Inputs,
        Rows = rows,
        Weights = weights,
        Y = y.Pointer,
        YStride = weights.Outputs,
    };

    internal static void Check(WorkerPool pool, WeightFormat format, (int Rows, int Inputs, int Outputs) shape)
    {
        var (rows, inputs, outputs) = shape;
        var source = ArraySource.Random(outputs, inputs, inputs);
        using var weights = PackedMatrix.Pack(source, format, pool);
        using var x = NativeFloats.Random(rows * inputs, rows);
        using var y = new NativeFloats(rows * outputs);
        MatrixProduct.Run(pool, Call(x, y, weights, rows));
        y.AssertGuard();
        var held = Reference.Quantized(source, format);
        for (int r = 0; r < rows; r++)
        {
            for (int n = 0; n < outputs; n++)
            {
                var (expected, tolerance) = Reference.Dot(x.Span.Slice(r * inputs, inputs), held, n, weights, rows);
                double error = Math.Abs(expected - y[r * outputs + n]);
                if (!(error <= tolerance))
                {
                    Assert.Fail(
                        $"{pool.Kernels.Isa.Set} {format} {shape}: y[{r}, {n}] is {y[r * outputs + n]}, " +
                        $"expected {expected} ± {tolerance:E2}");
                }
            }
        }
    }
}
