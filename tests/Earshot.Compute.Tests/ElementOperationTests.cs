using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Tests.Cpu;
using static Earshot.Compute.Tests.Bed;

namespace Earshot.Compute.Tests;

/// <summary>Operations on elements, and what moves them, against plain loops in float64, on every instruction set.</summary>
public sealed class ElementOperationTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void Two_tensors_element_by_element(InstructionSet set)
    {
        int[][] lefts = [[2, 3, 5, 7], [2, 1, 5, 1], [1, 40, 33], [9]];
        foreach (var dimensions in lefts)
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(dimensions));
            // Every dimension the same or one, outermost ones left out.
            for (int rank = 0; rank <= dimensions.Length; rank++)
            {
                for (int ones = 0; ones < 1 << rank; ones++)
                {
                    int[] right = [.. dimensions[^rank..].Select((size, i) => (ones >> i & 1) != 0 ? 1 : size)];
                    var y = bed.Random(new Shape(right), 3);
                    double Other(int i)
                    {
                        int at = 0, stride = 1;
                        for (int d = rank - 1; d >= 0; d--)
                        {
                            int size = dimensions[d + dimensions.Length - rank];
                            if (right[d] > 1) at += i % size * stride;
                            stride *= right[d];
                            i /= size;
                        }
                        return y.Values[at];
                    }
                    Check(x.Tensor + y.Tensor, 1e-6, i => x.Values[i] + Other(i));
                    Check(x.Tensor - y.Tensor, 1e-6, i => x.Values[i] - Other(i));
                    Check(x.Tensor * y.Tensor, 1e-6, i => x.Values[i] * Other(i));
                    Check(x.Tensor / y.Tensor, 1e-6, i => x.Values[i] / Other(i));
                }
            }
            Check(x.Tensor * 3 + 0.5f, 1e-6, i => x.Values[i] * 3.0 + 0.5);
            Assert.Throws<ModelException>(() => x.Tensor + bed.Random(new Shape([.. dimensions[..^1], dimensions[^1] + 1])).Tensor);
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Leaky_rectifiers_of_any_slope(InstructionSet set)
    {
        using var bed = new Bed(set);
        foreach (int size in new[] { 1, 15, 16, 33, 40_007 })
        {
            var x = bed.Random(new Shape(2, size));
            foreach (float slope in new[] { 0, 0.1f, 1, 1.5f, -2 })
            {
                Check(
                    x.Tensor.LeakyRelu(slope), 1e-6, i => x.Values[i] > 0 ? x.Values[i] : (double)x.Values[i] * slope,
                    every: size > 100 ? 13 : 1);
            }
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Long_runs_are_cut(InstructionSet set)
    {
        using var bed = new Bed(set);
        Sample x = bed.Random(new Shape(2, 3, 33001)), one = bed.Random(new Shape(2, 1, 33001)), row = bed.Random(new Shape(33001));
        Check(
            x.Tensor.Backend.Add(x.Tensor, one.Tensor, Activation.Relu), 1e-6,
            i => Math.Max(0, (double)x.Values[i] + one.Values[i / 99003 * 33001 + i % 33001]), every: 97);
        Check(x.Tensor * row.Tensor, 1e-6, i => (double)x.Values[i] * row.Values[i % 33001], every: 97);
        Check(x.Tensor * x.Tensor, 1e-6, i => (double)x.Values[i] * x.Values[i], every: 97);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Functions_of_elements(InstructionSet set)
    {
        using var bed = new Bed(set);
        var x = bed.Random(new Shape(3, 37), 2.5f);
        var functions = new (Function Function, Func<double, double> Expected)[]
        {
            (Function.Exp, Math.Exp),
            (Function.Log, Math.Log),
            (Function.Sqrt, Math.Sqrt),
            (Function.Sin, Math.Sin),
            (Function.Cos, Math.Cos),
            (Function.Floor, Math.Floor),
        };
        foreach (var (function, expected) in functions) Check(x.Tensor.Apply(function), 5e-6, i => expected(x.Values[i]));
        var y = (bed.Random(new Shape(3, 37)).Tensor * 9).Reshape(111);
        var values = CpuBackend.Read(y).ToArray();
        foreach (var activation in Enum.GetValues<Activation>())
            Check(y.Activate(activation), 3e-6, i => Reference.Apply(activation, values[i]));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Activations_after_products(InstructionSet set)
    {
        foreach (var activation in Enum.GetValues<Activation>())
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(3, 20));
            var w = bed.Weights("fc", [37, 20], [37]);
            var plain = CpuBackend.Read(x.Tensor.Linear(w, 37)).ToArray();
            Check(x.Tensor.Linear(w, 37, activation), 2e-6, i => Reference.Apply(activation, plain[i]));
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Reductions_along_each_dimension(InstructionSet set)
    {
        using var bed = new Bed(set);
        int[] shape = [2, 700, 3, 13];
        var x = bed.Random(new Shape(shape));
        for (int d = 0; d < shape.Length; d++)
        {
            int inner = shape[(d + 1)..].Aggregate(1, (a, b) => a * b), size = shape[d];
            IEnumerable<double> Along(int i) =>
                Enumerable.Range(0, size).Select(t => (double)x.Values[(i / inner * size + t) * inner + i % inner]);
            Assert.Equal(new Shape(shape).With(d, 1), x.Tensor.Reduce(Reduction.Sum, d).Shape);
            Check(x.Tensor.Reduce(Reduction.Sum, d), 2e-5, i => Along(i).Sum(), every: 7);
            Check(x.Tensor.Reduce(Reduction.Mean, d), 1e-6, i => Along(i).Average(), every: 7);
            Check(x.Tensor.Reduce(Reduction.Max, ^(shape.Length - d)), 0, i => Along(i).Max(), every: 7);
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Parts_of_a_dimension_and_parts_side_by_side(InstructionSet set)
    {
        using var bed = new Bed(set);
        int[] shape = [3, 5, 4, 7];
        var x = bed.Random(new Shape(shape));
        for (int d = 0; d < shape.Length; d++)
        {
            foreach (var range in new[] { 1.., ..2, ..^1, 1..^1, ^1.. })
            {
                var (start, length) = range.GetOffsetAndLength(shape[d]);
                var part = x.Tensor.Slice(d, range);
                Assert.Equal(new Shape(shape).With(d, length), part.Shape);
                int inner = shape[(d + 1)..].Aggregate(1, (a, b) => a * b);
                Check(part, 0, i => x.Values[(i / inner / length * shape[d] + start + i / inner % length) * inner + i % inner]);
            }
            var parts = new Tensor[shape[d]];
            for (int i = 0; i < parts.Length; i++) parts[i] = x.Tensor.Slice(d, i..(i + 1));
            Check(bed.Backend.Concat(parts, d), 0, i => x.Values[i]);
        }
        Assert.Throws<ModelException>(() => x.Tensor.Slice(1, 2..9));
        Assert.Throws<ModelException>(() => bed.Backend.Concat([x.Tensor, x.Tensor.Slice(1, 1..)], 0));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Dimensions_in_another_order(InstructionSet set)
    {
        using var bed = new Bed(set);
        int[] shape = [3, 5, 2, 7];
        var x = bed.Random(new Shape(shape));
        int[][] orders = [[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0], [1, 3, 0, 2], [0, 1, 3, 2]];
        foreach (var order in orders)
        {
            int[] sizes = [.. order.Select(d => shape[d])];
            var y = x.Tensor.Transpose(order);
            Assert.Equal(new Shape(sizes), y.Shape);
            Check(y, 0, i =>
            {
                var at = new int[4];
                for (int d = 3; d >= 0; d--)
                {
                    at[order[d]] = i % sizes[d];
                    i /= sizes[d];
                }
                return x.Values[((at[0] * 5 + at[1]) * 2 + at[2]) * 7 + at[3]];
            });
        }
        Assert.Throws<ModelException>(() => x.Tensor.Transpose(0, 1, 2, 2));
        Assert.Throws<ModelException>(() => x.Tensor.Transpose(0, 1, 2));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Gates_and_lengths(InstructionSet set)
    {
        using var bed = new Bed(set);
        Sample x = bed.Random(new Shape(2, 3, 26)), up = bed.Random(new Shape(2, 3, 26));
        Check(
            x.Tensor.Glu(), 1e-6,
            i => x.Values[i / 13 * 26 + i % 13] * Reference.Apply(Activation.Sigmoid, x.Values[i / 13 * 26 + 13 + i % 13]));
        foreach (var activation in new[] { Activation.Silu, Activation.Gelu })
            Check(x.Tensor.GatedMultiply(up.Tensor, activation), 1e-6, i => Reference.Apply(activation, x.Values[i]) * up.Values[i]);
        double Length(int row) => Math.Sqrt(x.Values.Skip(row * 26).Take(26).Sum(value => (double)value * value));
        Check(x.Tensor.L2Normalize(), 1e-6, i => x.Values[i] / Length(i / 26));
        Check(x.Tensor.L2Normalize(3), 1e-6, i => x.Values[i] / Math.Max(3, Length(i / 26)));
        Check(x.Tensor.Softmax(), 1e-6, i => Math.Exp(x.Values[i]) / x.Values.Skip(i / 26 * 26).Take(26).Sum(value => Math.Exp(value)));
        Assert.Throws<ModelException>(() => bed.Random(new Shape(2, 3)).Tensor.Glu());
    }

    [Theory, MemberData(nameof(Sets))]
    public void Root_mean_square(InstructionSet set)
    {
        foreach (int size in new[] { 1, 7, 8, 37, 256, 1029 })
        {
            using var bed = new Bed(set);
            var x = bed.Random(new Shape(2, 3, size), 4);
            var weight = bed.Add("n.weight", size).Read("n.weight");
            double Mean(int row) => x.Values.Skip(row * size).Take(size).Average(value => (double)value * value);
            Check(x.Tensor.RmsNorm(bed.Root / "n", 1e-6f), 1e-6, i => x.Values[i] / Math.Sqrt(Mean(i / size) + 1e-6) * weight[i % size]);
        }
    }

    [Fact]
    public void What_has_no_bias_is_not_asked_for_one()
    {
        using var bed = new Bed(InstructionSet.Portable);
        bed.Add("q.weight", 8, 8).Add("q.bias", 8).Add("k.weight", 4, 8).Add("k.bias", 4).Add("v.weight", 4, 8).Add("v.bias", 4);
        var x = bed.Random(new Shape(2, 8)).Tensor;
        var (q, k, v) = x.Linear(
            new LinearLayer(bed.Root / "q", 8), new LinearLayer(bed.Root / "k", 4, Bias: false), new LinearLayer(bed.Root / "v", 4));
        double Product(string name, int row, int o) =>
            Enumerable.Range(0, 8).Sum(i => (double)CpuBackend.Read(x)[row * 8 + i] * bed.Read($"{name}.weight")[o * 8 + i]);
        Check(q, 1e-6, i => Product("q", i / 8, i % 8) + bed.Read("q.bias")[i % 8]);
        Check(k, 1e-6, i => Product("k", i / 4, i % 4));
        Check(v, 1e-6, i => Product("v", i / 4, i % 4) + bed.Read("v.bias")[i % 4]);
        Assert.DoesNotContain(bed.Root.Parameters, parameter => parameter.Name == "k.bias");
        Check(x.Linear(bed.Root / "k", 4, bias: false), 1e-6, i => Product("k", i / 4, i % 4));
    }

    [Fact]
    public void Shapes_are_measured()
    {
        using var bed = new Bed(InstructionSet.Portable);
        var backend = new MeasuringBackend();
        var x = backend.Input(new Shape(2, 5, 8));
        Assert.Equal(new Shape(2, 5, 4), x.Glu().Shape);
        Assert.Equal(new Shape(8, 5, 2), x.Transpose(2, 1, 0).Shape);
        Assert.Equal(new Shape(2, 3, 8), x.Slice(1, 1..^1).Shape);
        Assert.Equal(new Shape(2, 10, 8), backend.Concat([x, x], 1).Shape);
        Assert.Equal(new Shape(2, 1, 8), x.Reduce(Reduction.Max, 1).Shape);
        Assert.Equal(x.Shape, x.RmsNorm(bed.Add("n.weight", 8).Root / "n", 1e-6f).Shape);
        backend.Clear();
        Assert.Equal(x.Shape, (x * x).Shape);
        Assert.Equal(80, backend.Total.Flops);
        Assert.Throws<ModelException>(() => x * backend.Input(new Shape(2, 4, 8)));
    }
}
