using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

public sealed unsafe class ElementwiseTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void Exponentials_are_within_two_units_in_the_last_place(InstructionSet set)
    {
        using var values = new NativeFloats(100_000);
        for (int i = 0; i < values.Length; i++) values.Span[i] = -87.3f + 175.3f * i / values.Length;
        var x = values.Span.ToArray();
        var isa = KernelSet.For(set).Isa;
        if (isa.Wide) Softmax<Lanes512>.Exponentials(values.Pointer, values.Length, 0);
        else if (isa.Set >= InstructionSet.Avx2) Softmax<Lanes256>.Exponentials(values.Pointer, values.Length, 0);
        else Softmax<Lanes128>.Exponentials(values.Pointer, values.Length, 0);
        for (int i = 0; i < x.Length; i++)
        {
            double expected = Math.Exp(x[i]);
            Assert.Equal(expected, values[i], 2 * (MathF.BitIncrement((float)expected) - (float)expected));
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Extreme_scores_give_zeros_and_not_a_number_stays(InstructionSet set)
    {
        using var values = new NativeFloats(16);
        float[] x = [-88, -1000, float.NegativeInfinity, float.NaN, 0];
        x.CopyTo(values.Span);
        var isa = KernelSet.For(set).Isa;
        if (isa.Wide) Softmax<Lanes512>.Exponentials(values.Pointer, 16, 0);
        else if (isa.Set >= InstructionSet.Avx2) Softmax<Lanes256>.Exponentials(values.Pointer, 16, 0);
        else Softmax<Lanes128>.Exponentials(values.Pointer, 16, 0);
        Assert.Equal([0, 0, 0, float.NaN, 1], values.Span[..5].ToArray());
    }

    [Theory, MemberData(nameof(Sets))]
    public void Activations_match_float64(InstructionSet set)
    {
        using var pool = new WorkerPool(2, KernelSet.For(set));
        using var x = new NativeFloats(70_001);
        using var y = new NativeFloats(x.Length);
        for (int i = 0; i < x.Length; i++) x.Span[i] = -30 + 60f * i / x.Length;
        foreach (var activation in Enum.GetValues<Activation>())
        {
            Elementwise.Apply(pool, activation, x.Span, y.Span);
            for (int i = 0; i < x.Length; i++)
            {
                double expected = Reference.Apply(activation, x[i]);
                // The polynomial's 1.5e-7 of erfc times |x| / 2, where that is not yet negligible, and float32's own steps.
                Assert.Equal(expected, y[i], 1e-6 + 4e-7 * Math.Abs(expected));
            }
        }
        y.AssertGuard();
    }

    [Theory, MemberData(nameof(Sets))]
    public void Layer_norm_matches_float64_even_about_a_large_mean(InstructionSet set)
    {
        using var pool = new WorkerPool(3, KernelSet.For(set));
        foreach (var (rows, size, mean) in new[] { (1, 1, 0f), (3, 7, 0f), (2, 33, 100f), (200, 384, 0f), (5, 1280, 1000f) })
        {
            using var x = NativeFloats.Random(rows * size, size);
            using var weight = NativeFloats.Random(size, 1);
            using var bias = NativeFloats.Random(size, 2);
            using var y = new NativeFloats(rows * size);
            foreach (ref float value in x.Span) value += mean;
            Elementwise.LayerNorm(pool, new LayerNormCall
            {
                X = x.Pointer,
                Y = y.Pointer,
                Rows = rows,
                Size = size,
                Weight = weight.Pointer,
                Bias = bias.Pointer,
                Epsilon = 1e-5f,
            });
            for (int r = 0; r < rows; r++)
            {
                var row = x.Span.Slice(r * size, size).ToArray();
                double average = row.Average(v => (double)v), variance = row.Average(v => (v - average) * (v - average));
                for (int i = 0; i < size; i++)
                {
                    double expected = (row[i] - average) / Math.Sqrt(variance + 1e-5) * weight[i] + bias[i];
                    // The mean is off by some steps of its own size, which the deviation then divides.
                    double tolerance = (2e-6 + 4 * mean / 16777216) / Math.Sqrt(variance + 1e-5) + 2e-6;
                    Assert.Equal(expected, y[r * size + i], tolerance);
                }
            }
            y.AssertGuard();
        }
    }
}
