using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Tests.Cpu;

namespace Earshot.Compute.Tests;

/// <summary>Attention over what a query sees, against plain loops in float64 and against its parts, on every instruction set.</summary>
public sealed class AttentionSpanTests
{
    public static TheoryData<InstructionSet> Sets => MatrixProductTests.Sets;

    static readonly AttentionSpan[] s_spans =
    [
        AttentionSpan.Everything, AttentionSpan.Causal, AttentionSpan.Window(3, 0), AttentionSpan.Window(2, 5),
        AttentionSpan.Window(100, 30), AttentionSpan.Chunks(4), AttentionSpan.Chunks(16, 1), AttentionSpan.Chunks(7, 0),
        AttentionSpan.Chunks(70, 2), AttentionSpan.Chunks(8, 3) with { Left = 13 }, new() { Right = 1 }, new() { Left = 0 },
    ];

    [Theory, MemberData(nameof(Sets))]
    public void Queries_see_what_they_should(InstructionSet set)
    {
        foreach (var (time, keys, size, heads) in new[]
        {
            (9, 9, 8, new Heads(2)),
            (70, 70, 20, new Heads(4, 2)),
            (300, 600, 64, new Heads(1)),
            (5, 40, 33, new Heads(2, 1)),
        })
        {
            foreach (var span in s_spans) Check(set, (2, time, keys), size, heads, span);
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Padding_is_not_seen(InstructionSet set)
    {
        foreach (var span in new[]
        {
            AttentionSpan.Everything,
            AttentionSpan.Causal,
            AttentionSpan.Window(6, 2),
            AttentionSpan.Chunks(5, 1),
        })
        {
            foreach (int[] lengths in new int[][] { [40, 17], [1, 39], [0, 40] })
                Check(set, (2, 40, 40), 16, new Heads(4, 2), span, lengths);
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void A_bias_is_added_to_the_scores(InstructionSet set)
    {
        foreach (var (batch, heads) in new[] { (1, 1), (1, 4), (2, 1), (2, 4) })
        {
            Check(set, (2, 37, 50), 16, new Heads(4, 2), AttentionSpan.Everything, bias: (batch, heads));
            Check(set, (2, 37, 50), 16, new Heads(4, 2), AttentionSpan.Window(9, 3), [44, 50], (batch, heads));
        }
    }

    [Theory, MemberData(nameof(Sets))]
    public void Scores_by_distance(InstructionSet set)
    {
        const int batch = 2, heads = 3, size = 10, width = heads * size;
        foreach (var (time, keys, span) in new[]
        {
            (13, 13, AttentionSpan.Everything),
            (40, 40, AttentionSpan.Window(8, 4)),
            (6, 20, AttentionSpan.Causal),
        })
        {
            using var bed = new Bed(set);
            Sample q = bed.Random(new Shape(batch, time, width)), k = bed.Random(new Shape(batch, keys, width)),
                v = bed.Random(new Shape(batch, keys, width)), p = bed.Random(new Shape(time + keys - 1, width));
            bed.Add("u", heads, size).Add("v", heads, size);
            float[] content = bed.Read("u"), position = bed.Read("v");
            var biases = new RelativeBiases(
                bed.Root.Parameter("u", new Shape(heads, size)), bed.Root.Parameter("v", new Shape(heads, size)));
            var y = bed.Backend.RelativeAttention(
                new RelativeInputs(q.Tensor, k.Tensor, v.Tensor), p.Tensor, biases, new Heads(heads), span);
            double Score(int n, int h, int i, int j)
            {
                double score = 0;
                for (int e = 0; e < size; e++)
                {
                    int at = h * size + e, distance = keys - time + i - j;
                    double query = q.Values[(n * time + i) * width + at];
                    score += (query + content[at]) * k.Values[(n * keys + j) * width + at]
                        + (query + position[at]) * p.Values[(keys - 1 - distance) * width + at];
                }
                return score / Math.Sqrt(size);
            }
            var expected = Attended(
                (batch, time, keys), size, new Heads(heads), Score, (i, j) => Sees(span, keys - time + i, j), v.Values, [keys, keys]);
            Bed.Check(y, 5e-6, i => expected[i]);
        }
    }

    [Fact]
    public void Keys_that_are_hidden_whole_are_not_read()
    {
        using var bed = new Bed(InstructionSet.Amx);
        const int time = 1200;
        Sample q = bed.Random(new Shape(1, time, 8)), k = bed.Random(new Shape(1, time, 8));
        var lengths = bed.Backend.Indices([time - 500], new Shape(1));
        // What is not a number would show wherever it is read.
        float[] values = [.. k.Values.Select((value, i) => i / 8 >= time - 500 ? float.NaN : value)];
        var spoiled = bed.Backend.Input(values, new Shape(1, time, 8));
        var y = bed.Backend.Attention(q.Tensor, spoiled, k.Tensor, new Heads(1), AttentionSpan.Everything with { Lengths = lengths });
        Assert.DoesNotContain(CpuBackend.Read(y).ToArray(), float.IsNaN);
    }

    [Fact]
    public void Without_a_span_results_are_those_to_the_bit()
    {
        using var bed = new Bed(InstructionSet.Amx);
        var x = bed.Random(new Shape(2, 300, 64)).Tensor;
        var all = CpuBackend.Read(bed.Backend.Attention(x, x, x, new Heads(2))).ToArray();
        var lengths = bed.Backend.Indices([300, 300], new Shape(2));
        Assert.Equal(
            all,
            CpuBackend.Read(bed.Backend.Attention(x, x, x, new Heads(2), AttentionSpan.Everything with { Lengths = lengths })).ToArray());
        var causal = CpuBackend.Read(bed.Backend.Attention(x, x, x, new Heads(2, 2, Causal: true))).ToArray();
        Assert.Equal(causal, CpuBackend.Read(bed.Backend.Attention(x, x, x, new Heads(2), AttentionSpan.Causal)).ToArray());
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_what_is_seen_is_measured()
    {
        using var bed = new Bed(InstructionSet.Portable);
        var x = bed.Random(new Shape(2, 6, 8)).Tensor;
        Assert.Throws<ModelException>(() => bed.Backend.Attention(x, x, x, new Heads(3)));
        Assert.Throws<ModelException>(() => bed.Backend.Attention(x, x.Slice(1, 2..), x, new Heads(2)));
        Assert.Throws<ModelException>(() => bed.Backend.Attention(x, x, x, new Heads(2), new AttentionSpan { Lengths = x }));
        Assert.Throws<ModelException>(
            () => bed.Backend.Attention(x, x, x, new Heads(2), new AttentionSpan { Bias = bed.Random(new Shape(1, 3, 6, 6)).Tensor }));
        var measuring = new MeasuringBackend();
        var y = measuring.Input(new Shape(2, 6, 8));
        Assert.Equal(y.Shape, measuring.Attention(y, y, y, new Heads(2), AttentionSpan.Window(1, 0)).Shape);
        Assert.Equal(4.0 * 2 * 8 * 11, measuring.Total.Flops);
    }

    static void Check(
        InstructionSet set, (int Batch, int Time, int Keys) count, int size, Heads heads, AttentionSpan span, int[]? lengths = null,
        (int Batch, int Heads)? bias = null)
    {
        using var bed = new Bed(set);
        var (batch, time, keys) = count;
        int width = heads.Query * size, keyWidth = heads.KeyValue * size, group = heads.Query / heads.KeyValue;
        Sample q = bed.Random(new Shape(batch, time, width)), k = bed.Random(new Shape(batch, keys, keyWidth)),
            v = bed.Random(new Shape(batch, keys, keyWidth));
        var added = bias is { } each ? bed.Random(new Shape(each.Batch, each.Heads, time, keys)) : null;
        double Score(int n, int h, int i, int j)
        {
            double score = 0;
            for (int e = 0; e < size; e++)
            {
                score += (double)q.Values[(n * time + i) * width + h * size + e]
                    * k.Values[(n * keys + j) * keyWidth + h / group * size + e];
            }
            return score / Math.Sqrt(size) + (added is null ? 0 : added.Values[(((bias!.Value.Batch == 1 ? 0 : n) * bias.Value.Heads
                + (bias.Value.Heads == 1 ? 0 : h)) * time + i) * keys + j]);
        }
        Tensor Attend(Backend backend, Func<Tensor, Tensor> wrap)
        {
            var full = span with
            {
                Lengths = lengths is null ? null : wrap(bed.Backend.Indices(lengths, new Shape(batch))),
                Bias = added is null ? null : wrap(added.Tensor),
            };
            return backend.Attention(wrap(q.Tensor), wrap(k.Tensor), wrap(v.Tensor), heads, full);
        }
        var expected = Attended(count, size, heads, Score, (i, j) => Sees(span, keys - time + i, j), v.Values, lengths ?? [keys, keys]);
        Bed.Check(Attend(bed.Backend, x => x), 5e-6, i => expected[i]);
        var parts = new PrimitiveBackend(bed.Backend);
        Bed.Check(PrimitiveBackend.Unwrap(Attend(parts, parts.Wrap)), 5e-6, i => expected[i]);
    }

    static bool Sees(AttentionSpan span, int i, int j)
    {
        if (j < i - (long)(span.Left ?? int.MaxValue) || j > i + (long)(span.Right ?? int.MaxValue)) return false;
        return span.Chunk == 0
            || (j / span.Chunk <= i / span.Chunk && j / span.Chunk >= i / span.Chunk - (long)(span.LeftChunks ?? int.MaxValue));
    }

    static double[] Attended(
        (int Batch, int Time, int Keys) count, int size, Heads heads, Func<int, int, int, int, double> score, Func<int, int, bool> sees,
        float[] values, int[] lengths)
    {
        var (batch, time, keys) = count;
        int width = heads.Query * size, keyWidth = heads.KeyValue * size, group = heads.Query / heads.KeyValue;
        var result = new double[batch * time * width];
        for (int row = 0; row < batch * heads.Query * time; row++)
        {
            int i = row % time, h = row / time % heads.Query, n = row / time / heads.Query;
            int[] seen = [.. Enumerable.Range(0, lengths[n]).Where(j => sees(i, j))];
            double[] weights = [.. seen.Select(j => Math.Exp(score(n, h, i, j)))];
            double total = weights.Sum();
            for (int e = 0; e < size; e++)
            {
                double sum = 0;
                for (int s = 0; s < seen.Length; s++) sum += weights[s] * values[(n * keys + seen[s]) * keyWidth + h / group * size + e];
                result[(n * time + i) * width + h * size + e] = seen.Length == 0 ? 0 : sum / total;
            }
        }
        return result;
    }
}
