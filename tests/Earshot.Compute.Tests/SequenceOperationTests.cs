using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Quantization;
using Earshot.Compute.Tests.Cpu;
using static Earshot.Compute.Tests.Bed;

namespace Earshot.Compute.Tests;

/// <summary>Operations of convolutional and recurrent networks against plain loops in float64, on every instruction set.</summary>
public sealed class SequenceOperationTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void Convolution_over_images(InstructionSet set)
    {
        foreach (var (height, width, inputs, outputs, kh, kw, c) in new[]
        {
            (5, 4, 1, 3, 3, 3, new Convolution2d(1, 1, 1, 1)),
            (9, 8, 3, 33, 3, 3, new Convolution2d(1, 2, 1, 1, Activation.Relu)),
            (7, 10, 5, 4, 1, 1, new Convolution2d(1, 2)),
            (6, 6, 2, 5, 2, 4, new Convolution2d(2, 1, 0, 3)),
            (120, 7, 2, 8, 3, 3, new Convolution2d(1, 1, 1, 1)),
        })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, height, width, inputs));
            var y = x.Tensor.Convolve2d(bed.Weights("c", [outputs, inputs, kh, kw], [outputs]), outputs, (kh, kw), c);
            float[] w = bed.Read("c.weight"), b = bed.Read("c.bias");
            int oh = (height + 2 * c.PadHeight - kh) / c.StrideHeight + 1, ow = (width + 2 * c.PadWidth - kw) / c.StrideWidth + 1;
            Assert.Equal(new Shape(2, oh, ow, outputs), y.Shape);
            Check(y, 1e-4, i =>
            {
                int o = i % outputs, left = i / outputs % ow * c.StrideWidth - c.PadWidth,
                    top = i / outputs / ow % oh * c.StrideHeight - c.PadHeight, n = i / outputs / ow / oh;
                double sum = b[o];
                for (int k = 0; k < inputs * kh * kw; k++)
                {
                    int input = k / (kh * kw), row = top + k / kw % kh, column = left + k % kw;
                    if (row >= 0 && row < height && column >= 0 && column < width)
                        sum += (double)w[o * inputs * kh * kw + k] * x.Values[((n * height + row) * width + column) * inputs + input];
                }
                return Reference.Apply(c.Activation, sum);
            });
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Convolution_with_gaps(InstructionSet set)
    {
        const int time = 23, inputs = 6, outputs = 9, kernel = 3;
        foreach (var c in new[]
        {
            new Convolution(1, 2, 2, Dilation: 2),
            new Convolution(2, 3, 0, Dilation: 3),
            new Convolution(1, Dilation: 5, Activation: Activation.LeakyRelu),
        })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, time, inputs));
            var y = x.Tensor.Convolve(bed.Weights("c", [outputs, inputs, kernel], [outputs]), outputs, kernel, c);
            float[] w = bed.Read("c.weight"), b = bed.Read("c.bias");
            int steps = (time + c.PadLeft + c.PadRight - (kernel - 1) * c.Dilation - 1) / c.Stride + 1;
            Assert.Equal(new Shape(2, steps, outputs), y.Shape);
            Check(y, 1e-4, i =>
            {
                int o = i % outputs, t = i / outputs % steps, n = i / outputs / steps;
                double sum = b[o];
                for (int k = 0; k < inputs * kernel; k++)
                {
                    int at = t * c.Stride + k % kernel * c.Dilation - c.PadLeft;
                    if (at >= 0 && at < time) sum += (double)w[o * inputs * kernel + k] * x.Values[(n * time + at) * inputs + k / kernel];
                }
                return Reference.Apply(c.Activation, sum);
            });
        }
    }

    [Theory]
    [InlineData("bf16", 2e-2)]
    [InlineData("int8", 2e-2)]
    public void Gathered_rows_suit_reduced_weights(string name, double tolerance)
    {
        var format = WeightFormat.Parse(name);
        using var exact = new Bed(InstructionSet.Amx);
        using var reduced = new Bed(InstructionSet.Amx, format);
        var shape = new Shape(1, 40, 9, 16);
        var c = new Convolution2d(1, 1, 1, 1);
        var expected = CpuBackend.Read(exact.Random(shape).Tensor.Convolve2d(exact.Weights("c", [40, 16, 3, 3], [40]), 40, (3, 3), c))
            .ToArray();
        var actual = CpuBackend.Read(reduced.Random(shape).Tensor.Convolve2d(reduced.Weights("c", [40, 16, 3, 3], [40]), 40, (3, 3), c))
            .ToArray();
        double scale = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance * scale);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Parts_side_by_side_and_an_affine_map(InstructionSet set)
    {
        using var bed = new Bed(set);
        Sample a = bed.Random(new Shape(2, 5, 3)), b = bed.Random(new Shape(2, 5, 33)), c = bed.Random(new Shape(2, 5, 8));
        float Side(int row, int i) => i < 3 ? a.Values[row * 3 + i] : i < 36 ? b.Values[row * 33 + i - 3] : c.Values[row * 8 + i - 36];
        var backend = a.Tensor.Backend;
        Check(backend.Concat([a.Tensor, b.Tensor, c.Tensor]), 0, i => Side(i / 44, i % 44));
        bed.Weights("n", "scale", "shift", 44);
        float[] scale = bed.Read("n.scale"), shift = bed.Read("n.shift");
        foreach (var activation in Enum.GetValues<Activation>())
        {
            var y = TensorOperations.ConcatAffine([a.Tensor, b.Tensor, c.Tensor], bed.Root / "n", activation);
            Check(y, 1e-6, i => Reference.Apply(activation, (double)Side(i / 44, i % 44) * scale[i % 44] + shift[i % 44]));
            var whole = backend.Concat([a.Tensor, b.Tensor, c.Tensor]).Affine(bed.Root / "n", activation);
            Assert.Equal(CpuBackend.Read(whole).ToArray(), CpuBackend.Read(y).ToArray());
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Normalisation_over_time(InstructionSet set)
    {
        foreach (var (time, size, mean) in new[] { (6, 3, 0f), (7, 1, 0f), (5001, 1, 3f), (700, 13, 20f), (8, 40, 0f) })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, time, size), mean);
            bed.Weights("n", "weight", "bias", size);
            float[] weight = bed.Read("n.weight"), bias = bed.Read("n.bias");
            foreach (var activation in new[] { Activation.None, Activation.LeakyRelu })
            {
                Check(x.Tensor.InstanceNorm(bed.Root / "n", 1e-5f, activation), 2e-6 * (1 + mean) + 3e-6, i =>
                {
                    var own =
                        Enumerable.Range(0, time).Select(t => (double)x.Values[(i / (time * size) * time + t) * size + i % size]).ToArray();
                    double average = own.Average(), variance = own.Average(value => (value - average) * (value - average));
                    return Reference.Apply(
                        activation, (x.Values[i] - average) / Math.Sqrt(variance + 1e-5) * weight[i % size] + bias[i % size]);
                }, every: Math.Max(1, time * size / 40));
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Pooling_over_time(InstructionSet set)
    {
        const int size = 11;
        foreach (var (time, pool) in new[] { (10, 3), (9, 3), (4, 4), (301, 100), (5, 100), (1000, 300) })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, time, size));
            double At(int n, int t, int i) => x.Values[(n * time + t) * size + i];
            int outputs = (time + pool - 1) / pool;
            var averages = x.Tensor.AveragePool(pool);
            Assert.Equal(new Shape(2, outputs, size), averages.Shape);
            Check(averages, 1e-6, i => Run(i, outputs).Average(t => At(i / size / outputs, t, i % size)));
            Check(x.Tensor.Mean(), 1e-6, i => Enumerable.Range(0, time).Average(t => At(i / size, t, i % size)));
            var repeated = averages.RepeatFrames(pool, x.Tensor);
            Assert.Equal(x.Tensor.Shape, repeated.Shape);
            var values = CpuBackend.Read(averages).ToArray();
            Check(repeated, 0, i => values[(i / size / time * outputs + i / size % time / pool) * size + i % size]);
            if (time < pool)
            {
                Assert.Throws<ModelException>(() => x.Tensor.MaxPool(pool));
                continue;
            }
            int whole = time / pool;
            Check(x.Tensor.MaxPool(pool), 0, i => Enumerable.Range(i / size % whole * pool, pool)
                .Max(t => At(i / size / whole, t, i % size)));

            IEnumerable<int> Run(int i, int runs) =>
                Enumerable.Range(i / size % runs * pool, Math.Min(pool, time - i / size % runs * pool));
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Mean_and_deviation(InstructionSet set)
    {
        const int time = 777, size = 13;
        using var bed = new Bed(set);
        var x = bed.Random(new Shape(2, time, size), 5);
        Check(x.Tensor.MeanAndDeviation(), 1e-5, i =>
        {
            var own = Enumerable.Range(0, time).Select(t => (double)x.Values[(i / (2 * size) * time + t) * size + i % size]).ToArray();
            double mean = own.Average();
            return i / size % 2 == 0 ? mean : Math.Sqrt(own.Sum(value => (value - mean) * (value - mean)) / (time - 1));
        });
        Assert.Throws<ModelException>(() => bed.Random(new Shape(1, 1, 4)).Tensor.MeanAndDeviation());
    }

    [Theory, MemberData(nameof(Sets))]
    public void One_frame_serves_for_all(InstructionSet set)
    {
        using var bed = new Bed(set);
        Sample x = bed.Random(new Shape(2, 5, 19)), same = bed.Random(new Shape(2, 5, 19)), one = bed.Random(new Shape(2, 1, 19));
        Check(x.Tensor.Multiply(same.Tensor), 1e-7, i => (double)x.Values[i] * same.Values[i]);
        Check(x.Tensor.Multiply(one.Tensor), 1e-7, i => (double)x.Values[i] * one.Values[i / 95 * 19 + i % 19]);
        Check(x.Tensor + one.Tensor, 1e-7, i => (double)x.Values[i] + one.Values[i / 95 * 19 + i % 19]);
        Check(x.Tensor.Backend.Add(x.Tensor, same.Tensor, Activation.Relu), 1e-7, i => Math.Max(0, (double)x.Values[i] + same.Values[i]));
        Assert.Throws<ModelException>(() => x.Tensor + bed.Random(new Shape(2, 2, 19)).Tensor);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Logarithms_of_probabilities(InstructionSet set)
    {
        using var bed = new Bed(set);
        var x = bed.Random(new Shape(3, 5, 7), 300);
        Check(
            x.Tensor.LogSoftmax(), 1e-4,
            i => x.Values[i] - 300 - Math.Log(Enumerable.Range(i / 7 * 7, 7).Sum(k => Math.Exp(x.Values[k] - 300.0))));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Lstm_over_sequences_both_ways(InstructionSet set)
    {
        foreach (var (batch, time, inputs, size) in new[] { (1, 1, 3, 8), (2, 9, 5, 13), (31, 4, 7, 32), (3, 20, 60, 128) })
        {
            foreach (bool both in new[] { false, true })
            {
                using var bed = new Bed(set);
                var x = bed.Random(new Shape(batch, time, inputs));
                foreach (var way in both ? ["l2", "l2_reverse"] : (string[])["l2"])
                {
                    bed.AddLstm(way, inputs, size);
                }
                var y = x.Tensor.Lstm(bed.Root / "r", 2, size, both);
                int ways = both ? 2 : 1;
                Assert.Equal(new Shape(batch, time, ways * size), y.Shape);
                var expected = new double[batch * time * ways * size];
                for (int n = 0; n < batch; n++)
                {
                    for (int way = 0; way < ways; way++)
                    {
                        var hidden = PlainLstm(bed, way == 0 ? "l2" : "l2_reverse", [.. Enumerable.Range(0, time)
                            .Select(t => x.Values.AsSpan((n * time + (way == 0 ? t : time - 1 - t)) * inputs, inputs).ToArray())], size);
                        for (int t = 0; t < time; t++)
                            hidden[way == 0 ? t : time - 1 - t].CopyTo(expected.AsSpan(((n * time + t) * ways + way) * size));
                    }
                }
                Check(y, 2e-6, i => expected[i]);
            }
        }
    }

    [Fact]
    public void A_sequence_gets_the_same_bits_in_any_batch_and_on_any_number_of_threads()
    {
        const int batch = 27, time = 14, inputs = 9, size = 40;
        float[][] Compute(int threads, int first, int count)
        {
            using var bed = new Bed(InstructionSet.Amx, threads: threads);
            var all = bed.Random(new Shape(batch, time, inputs)).Values;
            bed.AddLstm("l0", inputs, size);
            bed.Weights("n", "weight", "bias", inputs);
            var c = bed.Weights("c", [7, inputs, 3], [7]);
            var x = bed.Backend.Input(all.AsSpan(first * time * inputs, count * time * inputs), new Shape(count, time, inputs));
            Tensor[] results =
            [
                x.Lstm(bed.Root / "r", 0, size, false), x.InstanceNorm(bed.Root / "n"),
                x.Convolve(c, 7, 3, new Convolution(1, 2, 2, Dilation: 2)), x.AveragePool(5), x.MeanAndDeviation(),
            ];
            return [.. results.Select(result => CpuBackend.Read(result).ToArray())];
        }

        var together = Compute(2, 0, batch);
        foreach (var (threads, first, count) in new[] { (1, 0, batch), (3, 0, batch), (2, 0, 1), (1, 26, 1), (2, 5, 7) })
        {
            var alone = Compute(threads, first, count);
            for (int i = 0; i < alone.Length; i++)
                Assert.Equal(together[i].AsSpan(first * (alone[i].Length / count), alone[i].Length).ToArray(), alone[i]);
        }
    }

    [Fact]
    public void What_is_kept_outlives_the_temporaries_around_it()
    {
        using var bed = new Bed(InstructionSet.Amx);
        var x = bed.Random(new Shape(1, 100, 7));
        var mark = bed.Backend.Mark();
        var sum = x.Tensor + x.Tensor;
        sum += sum;
        var expected = CpuBackend.Read(sum).ToArray();
        var kept = bed.Backend.Keep(sum, mark);
        var other = bed.Backend.Input(new float[5000], new Shape(5000));
        Assert.Equal(expected, CpuBackend.Read(kept).ToArray());
        Assert.Equal(x.Values, CpuBackend.Read(x.Tensor).ToArray());
        Assert.Equal(5000, other.Shape.Count);
    }

    [Fact]
    public void Operations_are_measured_by_their_shapes()
    {
        using var bed = new Bed(InstructionSet.Portable);
        var backend = new MeasuringBackend();
        var image = backend.Input(new Shape(2, 10, 8, 3))
            .Convolve2d(bed.Weights("c", [5, 3, 3, 3], [5]), 5, (3, 3), new Convolution2d(1, 2, 1, 1));
        Assert.Equal(new Shape(2, 10, 4, 5), image.Shape);
        Assert.Equal(2.0 * 2 * 10 * 4 * 5 * 27, backend.Total.Flops);
        backend.Clear();
        bed.AddLstm("l0", 7, 16);
        var x = backend.Input(new Shape(3, 11, 7));
        Assert.Equal(new Shape(3, 11, 16), x.Lstm(bed.Root / "r", 0, 16, false).Shape);
        Assert.Equal(2.0 * 33 * 64 * (7 + 16), backend.Total.Flops);
        Assert.Equal(new Shape(3, 3, 7), x.MaxPool(3).Shape);
        Assert.Equal(new Shape(3, 4, 7), x.AveragePool(3).Shape);
        Assert.Equal(new Shape(3, 1, 7), x.Mean().Shape);
        Assert.Equal(new Shape(3, 14), x.MeanAndDeviation().Shape);
        Assert.Equal(new Shape(3, 11, 14), backend.Concat([x, x]).Shape);
    }

    static double[][] PlainLstm(Bed bed, string way, float[][] x, int size)
    {
        float[] wi = bed.Read($"r.weight_ih_{way}"), wh = bed.Read($"r.weight_hh_{way}"), bi = bed.Read($"r.bias_ih_{way}"),
            bh = bed.Read($"r.bias_hh_{way}");
        var (hidden, cell, result) = (new double[size], new double[size], new List<double[]>());
        foreach (var input in x)
        {
            double Gate(int g) => bi[g] + (double)bh[g] + input.Select((value, i) => (double)value * wi[g * input.Length + i]).Sum()
                + hidden.Select((value, i) => value * wh[g * size + i]).Sum();
            double Sigmoid(double value) => 1 / (1 + Math.Exp(-value));
            double[] gates = [.. Enumerable.Range(0, 4 * size).Select(Gate)];
            for (int i = 0; i < size; i++)
                cell[i] = Sigmoid(gates[size + i]) * cell[i] + Sigmoid(gates[i]) * Math.Tanh(gates[2 * size + i]);
            hidden = [.. Enumerable.Range(0, size).Select(i => Sigmoid(gates[3 * size + i]) * Math.Tanh(cell[i]))];
            result.Add(hidden);
        }
        return [.. result];
    }
}
