using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests.Quantization;

/// <summary>Columns that stand out are found, kept beside int8 codes, and computed with.</summary>
public sealed unsafe class OutlierColumnsTests
{
    static readonly int[] s_planted = [3, 17, 40];

    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Fact]
    public void Columns_that_were_made_large_are_found_and_no_others()
    {
        var source = Planted(90, 65, size: 8);
        Assert.Equal(s_planted, OutlierColumns.Find(90, 65, source.ReadRow)!.Columns.ToArray());
        Assert.Null(OutlierColumns.Find(90, 65, Planted(90, 65, size: 4).ReadRow));
        Assert.Equal(s_planted, OutlierColumns.Find(90, 65, Planted(90, 65, size: 4).ReadRow, threshold: 3)!.Columns.ToArray());
    }

    [Fact]
    public void Columns_of_zeros_are_not_what_others_are_measured_by()
    {
        // Three of four columns are zero.
        float[] values = [.. Enumerable.Range(0, 20 * 64).Select(i => i % 64 % 4 == 0 ? (i % 64 == 8 ? 10f : 1f) : 0f)];
        Assert.Equal([8], OutlierColumns.Find(20, 64, new ArraySource(values, 20, 64).ReadRow)!.Columns.ToArray());
        Assert.Null(OutlierColumns.Find(20, 64, new ArraySource(new float[20 * 64], 20, 64).ReadRow));
    }

    [Fact]
    public void Where_too_many_stand_out_those_that_do_most_are_kept()
    {
        // Columns 20 to 39 are large, by their number.
        float[] values = [.. Enumerable.Range(0, 5 * 64).Select(i => i % 64 is >= 20 and < 40 ? i % 64 : 1f)];
        Assert.Equal(Enumerable.Range(32, 8), OutlierColumns.Find(5, 64, new ArraySource(values, 5, 64).ReadRow)!.Columns.ToArray());
    }

    [Fact]
    public void Values_that_are_no_numbers_stay_with_the_codes()
    {
        var values = Enumerable.Repeat(1f, 4 * 64).ToArray();
        values[5] = float.NaN;
        values[70] = float.PositiveInfinity;
        values[9] = 100;
        Assert.Equal([9], OutlierColumns.Find(4, 64, new ArraySource(values, 4, 64).ReadRow)!.Columns.ToArray());
    }

    [Theory]
    [InlineData(new int[0], "0 columns")]
    [InlineData(new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, "9 columns of 64 are kept; expected 1 to 8")]
    [InlineData(new[] { -1 }, "column -1")]
    [InlineData(new[] { 64 }, "column 64")]
    [InlineData(new[] { 4, 4 }, "column 4 is kept after column 4")]
    [InlineData(new[] { 9, 4 }, "expected rising numbers")]
    public void Columns_that_cannot_be_are_refused(int[] columns, string because) =>
        Assert.Contains(because, Assert.Throws<ArgumentException>(() => new OutlierColumns(columns, 64)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(1)]
    [InlineData(double.NaN)]
    [InlineData(-6)]
    [InlineData(double.PositiveInfinity)]
    public void A_threshold_is_a_number_above_one(double threshold) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => OutlierColumns.Find(1, 64, (_, _) => { }, threshold));

    [Fact]
    public void Rows_come_back_with_what_is_kept_exact_and_the_rest_finer()
    {
        var source = Planted(40, 72, size: 20);
        var outliers = OutlierColumns.Find(40, 72, source.ReadRow)!;
        QuantizedRow kept = new(WeightFormat.Int8Outliers, 72, outliers), plain = new(WeightFormat.Int8, 72);
        float[] values = new float[72], back = new float[72], without = new float[72];
        double error = 0, errorWithout = 0;
        for (int row = 0; row < 40; row++)
        {
            source.ReadRow(row, values);
            kept.Quantize(values);
            kept.Dequantize(back);
            plain.Quantize(values);
            plain.Dequantize(without);
            foreach (int column in s_planted) Assert.Equal(values[column], back[column]);
            Assert.All(s_planted, column => Assert.Equal(0, kept.Codes[column]));
            for (int i = 0; i < 72; i++) Assert.InRange(MathF.Abs(values[i] - back[i]), 0, 0.51f / 127);
            error += values.Zip(back, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
            errorWithout += values.Zip(without, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
        }
        Assert.True(error < errorWithout / 20);
        Assert.Throws<ArgumentException>(() => new QuantizedRow(WeightFormat.Int8Outliers, 72));
        Assert.Throws<ArgumentException>(() => new QuantizedRow(WeightFormat.Int8, 72, outliers));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Products_with_kept_columns_match_float64_and_are_closer_than_int8(InstructionSet set)
    {
        using var pool = new WorkerPool(2, KernelSet.For(set));
        foreach (var (rows, inputs, outputs) in ((int, int, int)[])[
            (1, 64, 32), (3, 65, 33), (7, 130, 70), (120, 200, 45), (CpuDevice.MaxExactRows + 9, 128, 40), (2, 5200, 31),
        ])
        {
            var source = Planted(outputs, inputs, size: 20);
            using var weights = PackedMatrix.Pack(source, WeightFormat.Int8Outliers, pool);
            using var plain = PackedMatrix.Pack(source, WeightFormat.Int8, pool);
            Assert.Equal(s_planted, weights.Outliers!.Source.Columns.ToArray());
            Assert.True(weights.Bytes > plain.Bytes);
            float[] y = Product(pool, weights, rows), without = Product(pool, plain, rows);
            var held = Reference.Quantized(source, WeightFormat.Int8Outliers);
            using var x = NativeFloats.Random(rows * inputs, 5);
            double error = 0, errorWithout = 0;
            for (int i = 0; i < y.Length; i++)
            {
                var row = x.Span.Slice(i / outputs * inputs, inputs);
                var (expected, tolerance) = Reference.Dot(row, held, i % outputs, weights, rows);
                Assert.Equal(expected, y[i], tolerance);
                double exact = 0;
                for (int k = 0; k < inputs; k++) exact += (double)row[k] * source[i % outputs, k];
                error += (y[i] - exact) * (y[i] - exact);
                errorWithout += (without[i] - exact) * (without[i] - exact);
            }
            // Where rows are one int8 each, their own rounding is left.
            Assert.True(
                error < errorWithout / (rows > CpuDevice.MaxExactRows ? 2 : 20), $"{set} {rows} × {inputs}: {error} of {errorWithout}");
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void A_row_with_kept_columns_has_the_same_bits_whatever_the_other_rows_and_threads(InstructionSet set)
    {
        const int rows = 60, inputs = 1500, outputs = 50;
        using var one = new WorkerPool(1, KernelSet.For(set));
        using var three = new WorkerPool(3, KernelSet.For(set));
        using var weights = PackedMatrix.Pack(Planted(outputs, inputs, size: 20), WeightFormat.Int8Outliers, one);
        var together = Product(three, weights, rows);
        foreach (int count in (int[])[1, 2, 5, 14, 29])
        {
            for (int first = 0; first < rows; first += count)
            {
                var alone = Product(one, weights, Math.Min(count, rows - first), first, rows);
                Assert.True(
                    together.AsSpan(first * outputs, alone.Length).SequenceEqual(alone),
                    $"{count} rows at a time differ from all {rows} together");
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Matrices_share_rows_whichever_of_them_keep_columns(InstructionSet set)
    {
        const int rows = 5, inputs = 128;
        using var pool = new WorkerPool(2, KernelSet.For(set));
        using var keeps = PackedMatrix.Pack(Planted(40, inputs, size: 20), WeightFormat.Int8Outliers, pool);
        using var none = PackedMatrix.Pack(ArraySource.Random(33, inputs, 2), WeightFormat.Int8Outliers, pool);
        using var plain = PackedMatrix.Pack(ArraySource.Random(33, inputs, 2), WeightFormat.Int8, pool);
        Assert.Null(none.Outliers);
        Assert.Equal(plain.Bytes, none.Bytes);
        using var x = NativeFloats.Random(rows * inputs, 5);
        using var first = new NativeFloats(rows * 40);
        using var second = new NativeFloats(rows * 33);
        using var bias = NativeFloats.Random(40, 3);
        using var residual = NativeFloats.Random(rows * 40, 4);
        var call = new LinearCall { X = x.Pointer, XStride = inputs, Rows = rows };
        call.Add(new LinearTarget { Weights = keeps, Y = first.Pointer, YStride = 40 });
        var other = new LinearTarget { Weights = none, Y = second.Pointer, YStride = 33 };
        Assert.True(call.Takes(other));
        call.Add(other);
        MatrixProduct.Run(pool, call);
        first.AssertGuard();
        second.AssertGuard();
        Assert.Equal(Product(pool, keeps, rows), first.Span.ToArray());
        Assert.Equal(Product(pool, plain, rows), second.Span.ToArray());

        // Bias, activation and residual have their places beside the kept columns.
        float[] sums = first.Span.ToArray();
        MatrixProduct.Run(pool, new LinearCall
        {
            X = x.Pointer,
            XStride = inputs,
            Rows = rows,
            Weights = keeps,
            Bias = bias.Pointer,
            Y = first.Pointer,
            YStride = 40,
            Activation = Activation.Relu,
            Residual = residual.Pointer,
            ResidualStride = 40,
        });
        for (int i = 0; i < rows * 40; i++) Assert.Equal(Math.Max(0, sums[i] + bias[i % 40]) + residual[i], first[i], 1e-4);
    }

    [Fact]
    public void Products_with_kept_columns_allocate_nothing()
    {
        using var pool = new WorkerPool(2, KernelSet.For(null));
        using var weights = PackedMatrix.Pack(Planted(40, 128, size: 20), WeightFormat.Int8Outliers, pool);
        using var x = NativeFloats.Random(3 * 128, 5);
        using var y = new NativeFloats(3 * 40);
        var call = new LinearCall { X = x.Pointer, XStride = 128, Rows = 3, Weights = weights, Y = y.Pointer, YStride = 40 };
        for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 20; i++) MatrixProduct.Run(pool, call);
        }));
    }

    /// <summary>Values within ±1, but for some columns that are so many times larger.</summary>
    static ArraySource Planted(int rows, int columns, float size)
    {
        var source = ArraySource.Random(rows, columns, rows + columns);
        var values = new float[rows * columns];
        for (int i = 0; i < values.Length; i++) values[i] = source[i / columns, i % columns] * (s_planted.Contains(i % columns) ? size : 1);
        return new ArraySource(values, rows, columns);
    }

    static float[] Product(WorkerPool pool, PackedMatrix weights, int rows, int first = 0, int all = 0)
    {
        using var x = NativeFloats.Random(Math.Max(all, rows) * weights.Inputs, 5);
        using var y = new NativeFloats(rows * weights.Outputs);
        MatrixProduct.Run(pool, new LinearCall
        {
            X = x.Pointer + first * weights.Inputs,
            XStride = weights.Inputs,
            Rows = rows,
            Weights = weights,
            Y = y.Pointer,
            YStride = weights.Outputs,
        });
        y.AssertGuard();
        return y.Span.ToArray();
    }
}
