using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Tests.Cpu;
using static Earshot.Compute.Tests.Bed;

namespace Earshot.Compute.Tests;

/// <summary>Products of activations, and what depends on positions, against plain loops in float64, on every instruction set.</summary>
public sealed class PositionOperationTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    [Theory, MemberData(nameof(Sets))]
    public void Products_of_activations(InstructionSet set)
    {
        foreach (var (left, right) in new (int[], int[])[]
        {
            ([5, 7], [7, 3]), ([2, 3, 37, 20], [2, 3, 20, 33]), ([2, 3, 9, 8], [1, 3, 8, 64]), ([2, 3, 9, 8], [2, 1, 8, 65]),
            ([4, 9, 8], [8, 40]), ([1, 1, 1], [1, 1, 1]), ([3, 1, 130], [3, 130, 32]), ([230, 1500], [1500, 97]), ([2, 3, 4], [4, 5]),
            ([3, 2, 5, 6], [2, 6, 31]),
        })
        {
            foreach (bool transposed in new[] { false, true })
            {
                using var bed = new Bed(set);
                int m = left[^2], k = left[^1], n = right[^1];
                var a = bed.Random(new Shape(left));
                var b = bed.Random(new Shape(transposed ? [.. right[..^2], n, k] : right));
                var y = a.Tensor.MatMul(b.Tensor, transposed);
                Assert.Equal(new Shape([.. left[..^1], n]), y.Shape);
                Check(y, 1e-6 * k, i =>
                {
                    int batch = i / n / m, other = 0, stride = 1;
                    for (int d = right.Length - 3, rest = batch; d >= 0; d--)
                    {
                        int size = left[d + left.Length - right.Length];
                        if (right[d] > 1) other += rest % size * stride;
                        stride *= right[d];
                        rest /= size;
                    }
                    double sum = 0;
                    for (int j = 0; j < k; j++)
                    {
                        sum += (double)a.Values[(batch * m + i / n % m) * k + j]
                            * b.Values[other * k * n + (transposed ? i % n * k + j : j * n + i % n)];
                    }
                    return sum;
                }, every: Math.Max(1, (int)y.Shape.Count / 500));
            }
        }
        using var small = new Bed(set);
        Assert.Throws<ModelException>(() => small.Random(new Shape(2, 3)).Tensor.MatMul(small.Random(new Shape(2, 3)).Tensor));
        Assert.Throws<ModelException>(() => small.Random(new Shape(2, 3, 4)).Tensor.MatMul(small.Random(new Shape(3, 4, 5)).Tensor));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Rotary_embedding(InstructionSet set)
    {
        foreach (var (batch, time, heads, size, turned, ownPositions) in new[]
        {
            (1, 5, 1, 8, 8, true),
            (2, 7, 3, 64, 64, false),
            (2, 3, 2, 20, 14, true),
            (3, 4, 5, 37, 36, false),
            (1, 1, 2, 128, 32, true),
        })
        {
            using var bed = new Bed(set);
            var rotary = new Rotary(Rotary.Plain(turned, 10000).InverseFrequencies, 1.25f);
            var x = bed.Random(new Shape(batch, time, heads * size));
            int[] positions = [.. Enumerable.Range(0, ownPositions ? batch * time : time).Select(i => i * 37 % 1500)];
            var y = x.Tensor.Rotary(bed.Backend.Indices(positions, ownPositions ? new Shape(batch, time) : new Shape(time)), rotary, heads);
            Assert.Equal(x.Tensor.Shape, y.Shape);
            Check(y, 2e-6, i =>
            {
                int at = i % size, pair = at % (turned / 2), start = i - at;
                if (at >= turned) return x.Values[i];
                double angle = positions[i / (heads * size) % positions.Length] * (float)Math.Pow(10000, -2.0 * pair / turned);
                double first = x.Values[start + pair], second = x.Values[start + turned / 2 + pair];
                return 1.25 * (at < turned / 2
                    ? first * Math.Cos((float)angle) - second * Math.Sin((float)angle)
                    : second * Math.Cos((float)angle) + first * Math.Sin((float)angle));
            });
        }
        using var small = new Bed(set);
        Assert.Throws<ModelException>(
            () => small.Random(new Shape(1, 2, 8)).Tensor.Rotary(small.Backend.Indices([0, 1], new Shape(2)), Rotary.Plain(8, 10000), 2));
        Assert.Throws<ModelException>(
            () => small.Random(new Shape(1, 2, 8)).Tensor.Rotary(small.Random(new Shape(2)).Tensor, Rotary.Plain(8, 10000), 1));
    }

    [Theory, MemberData(nameof(Sets))]
    public void Tokens_of_a_step_are_turned_too(InstructionSet set)
    {
        using var bed = new Bed(set);
        var x = bed.Random(new Shape(3, 16));
        int[] positions = [4, 9, 1];
        var table = bed.Backend.RotaryTable(bed.Backend.Indices(positions, new Shape(3)), Rotary.Plain(8, 100));
        var turned = CpuBackend.Read(x.Tensor.Rotate(table, 2)).ToArray();
        // Turned back, they are what they were.
        var back = bed.Backend.RotaryTable(
            bed.Backend.Indices([.. positions.Select(position => -position)], new Shape(3)), Rotary.Plain(8, 100));
        Check(bed.Backend.Input(turned, new Shape(3, 16)).Rotate(back, 2), 1e-6, i => x.Values[i]);
        Assert.Contains(Enumerable.Range(0, 48), i => Math.Abs(turned[i] - x.Values[i]) > 0.1);
    }

    [Theory, MemberData(nameof(Sets))]
    public void Scores_by_distance_become_scores_by_key(InstructionSet set)
    {
        foreach (var (rows, keys) in new[] { (1, 1), (5, 5), (4, 9), (37, 40) })
        {
            using var bed = new Bed(set);
            int distances = rows + keys - 1;
            var x = bed.Random(new Shape(2, 3, rows, distances));
            var y = x.Tensor.Backend.ShiftByRow(x.Tensor);
            Assert.Equal(new Shape(2, 3, rows, keys), y.Shape);
            Check(y, 0, i => x.Values[i / keys * distances + rows - 1 - i / keys % rows + i % keys]);
        }
    }

    [Fact]
    public void Positions_and_numbers()
    {
        using var bed = new Bed(InstructionSet.Portable);
        Assert.Equal([0f, 1f, 2f, 3f], CpuBackend.Read(bed.Backend.Positions(bed.Random(new Shape(2, 4, 3)).Tensor, 1)).ToArray());
        Assert.Equal([7f, -2f], CpuBackend.Read(bed.Backend.Numbers(bed.Backend.Indices([7, -2], new Shape(2)))).ToArray());
        var w = bed.Add("p.weight", 3, 2).Root / "p";
        Assert.Equal(bed.Read("p.weight"), CpuBackend.Read(bed.Backend.Value(w.Parameter("weight", new Shape(3, 2)))).ToArray());
    }

    [Fact]
    public void Products_are_measured()
    {
        var backend = new MeasuringBackend();
        Assert.Equal(
            new Shape(2, 3, 5, 9),
            backend.Input(new Shape(2, 3, 5, 7)).MatMul(backend.Input(new Shape(1, 3, 9, 7)), transposed: true).Shape);
        Assert.Equal(2.0 * 2 * 3 * 5 * 7 * 9, backend.Total.Flops);
        Assert.Equal(
            new Shape(2, 5, 24),
            backend.Input(new Shape(2, 5, 24)).Rotary(backend.Input(new Shape(5), DType.I32), Rotary.Plain(8, 10000), 3).Shape);
        Assert.Equal(new Shape(2, 5, 6), backend.ShiftByRow(backend.Input(new Shape(2, 5, 10))).Shape);
    }
}
