using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests;

/// <summary>Each operation against plain double precision on random values.</summary>
public sealed class CpuBackendTests : IDisposable
{
    readonly CpuDevice _device = new();
    readonly CpuBackend _backend;
    readonly Random _random = new(7);

    public CpuBackendTests() => _backend = new CpuBackend(_device);

    public void Dispose()
    {
        _backend.Dispose();
        _device.Dispose();
    }

    [Theory]
    [InlineData(1, 5, 3)]
    [InlineData(4, 64, 96)]
    [InlineData(19, 33, 65)]
    public void Linear_with_everything_fused(int rows, int inputs, int outputs)
    {
        var store = new MemoryStore().AddRandom("fc.weight", _random, outputs, inputs).AddRandom("fc.bias", _random, outputs);
        float[] x = Values(rows * inputs), residual = Values(rows * outputs), w = store.Find("fc.weight")!.ToFloats(),
            b = store.Find("fc.bias")!.ToFloats();
        var input = _backend.Input(x, new Shape(1, rows, inputs));
        var y = CpuBackend.Read(
            input.Linear(new Scope(store) / "fc", outputs, Activation.Gelu, _backend.Input(residual, new Shape(1, rows, outputs))));
        for (int r = 0; r < rows; r++)
        {
            for (int o = 0; o < outputs; o++)
            {
                double sum = b[o];
                for (int i = 0; i < inputs; i++) sum += (double)x[r * inputs + i] * w[o * inputs + i];
                Assert.Equal(Gelu(sum) + residual[r * outputs + o], y[r * outputs + o], 1e-4);
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1, false)]
    [InlineData(2, 1, 1, false)]
    [InlineData(1, 0, 2, true)]
    public void Convolution_over_time(int stride, int left, int right, bool reflect)
    {
        const int batch = 2, time = 9, inputs = 5, outputs = 7, kernel = 3;
        var store = new MemoryStore().AddRandom("conv.weight", _random, outputs, inputs, kernel).AddRandom("conv.bias", _random, outputs);
        float[] x = Values(batch * time * inputs), w = store.Find("conv.weight")!.ToFloats(), b = store.Find("conv.bias")!.ToFloats();
        var y = _backend.Input(x, new Shape(batch, time, inputs))
            .Convolve(new Scope(store) / "conv", outputs, kernel, new Convolution(stride, left, right, reflect));
        int steps = (time + left + right - kernel) / stride + 1;
        Assert.Equal(new Shape(batch, steps, outputs), y.Shape);
        var values = CpuBackend.Read(y);
        for (int n = 0; n < batch; n++)
        {
            for (int t = 0; t < steps; t++)
            {
                for (int o = 0; o < outputs; o++)
                {
                    double sum = b[o];
                    for (int k = 0; k < kernel; k++)
                    {
                        int at = t * stride + k - left;
                        if (reflect) at = at < 0 ? -at : at >= time ? 2 * time - 2 - at : at;
                        if (at < 0 || at >= time) continue;
                        for (int i = 0; i < inputs; i++) sum += (double)x[(n * time + at) * inputs + i] * w[(o * inputs + i) * kernel + k];
                    }
                    Assert.Equal(sum, values[(n * steps + t) * outputs + o], 1e-4);
                }
            }
        }
    }

    [Theory]
    [InlineData(false, 4, 4)]
    [InlineData(true, 4, 4)]
    [InlineData(false, 4, 2)]
    public void Attention_within_sequences(bool causal, int heads, int kvHeads)
    {
        const int batch = 2, time = 37, size = 8;
        float[] q = Values(batch * time * heads * size), k = Values(batch * time * kvHeads * size),
            v = Values(batch * time * kvHeads * size);
        var y = CpuBackend.Read(_backend.Attention(
            _backend.Input(q, new Shape(batch, time, heads * size)),
            _backend.Input(k, new Shape(batch, time, kvHeads * size)),
            _backend.Input(v, new Shape(batch, time, kvHeads * size)),
            new Heads(heads, kvHeads, causal)));
        for (int n = 0; n < batch; n++)
        {
            for (int t = 0; t < time; t++)
            {
                for (int h = 0; h < heads; h++)
                {
                    int kv = h / (heads / kvHeads);
                    var expected = Attend(
                        q.AsSpan(((n * time + t) * heads + h) * size, size),
                        causal ? t + 1 : time,
                        (p, d) => k[((n * time + p) * kvHeads + kv) * size + d],
                        (p, d) => v[((n * time + p) * kvHeads + kv) * size + d]);
                    for (int d = 0; d < size; d++) Assert.Equal(expected[d], y[((n * time + t) * heads + h) * size + d], 1e-4);
                }
            }
        }
    }

    [Fact]
    public void Cached_attention_follows_reordered_rows()
    {
        const int heads = 2, size = 4, width = heads * size;
        var pages = new PageTable(3);
        for (int row = 0; row < 3; row++) pages.Grow(pages.AddRow(), 1);
        using var cache = _backend.CreateCache(pages, width, new Heads(heads));
        var layout = new BatchLayout();
        float[] k = Values(3 * width), v = Values(3 * width);
        Attend(layout, cache, [0, 1, 2], 0, k, v);
        pages.Reorder([0, 1, 2], [2, 0, 0], 1);
        for (int row = 0; row < 3; row++)
        {
            if (pages.Grow(row, 2) is { } copy) cache.CopyPage(copy);
        }
        float[] k2 = Values(3 * width), v2 = Values(3 * width), q = Values(3 * width);
        var y = Attend(layout, cache, [0, 1, 2], 1, k2, v2, q);
        int[] parents = [2, 0, 0];
        for (int row = 0; row < 3; row++)
        {
            for (int h = 0; h < heads; h++)
            {
                int parent = parents[row], own = row;
                var expected = Attend(q.AsSpan(row * width + h * size, size), 2,
                    (p, d) => p == 0 ? k[parent * width + h * size + d] : k2[own * width + h * size + d],
                    (p, d) => p == 0 ? v[parent * width + h * size + d] : v2[own * width + h * size + d]);
                for (int d = 0; d < size; d++) Assert.Equal(expected[d], y[row * width + h * size + d], 1e-4);
            }
        }
    }

    [Fact]
    public void Memory_attention_and_its_weights()
    {
        const int heads = 3, size = 8, width = heads * size, positions = 41;
        using var memory = _backend.CreateMemory(2, 64, width, new Heads(heads));
        float[] k = Values(positions * width), v = Values(positions * width), q = Values(2 * width);
        _backend.StoreMemory(
            _backend.Input(k, new Shape(1, positions, width)), _backend.Input(v, new Shape(1, positions, width)), memory, 1);
        var layout = new BatchLayout();
        layout.Add(0, 0, 1);
        layout.Add(1, 0, 1);
        var query = _backend.Input(q, new Shape(2, width));
        var y = CpuBackend.Read(_backend.CrossAttention(query, memory, layout, new Heads(heads))).ToArray();
        var weights = _backend.CrossAttentionWeights(query, memory, layout, new Heads(heads), [2, 0]);
        Assert.Equal(new Shape(2, 2, positions), weights.Shape);
        for (int t = 0; t < 2; t++)
        {
            for (int h = 0; h < heads; h++)
            {
                var expected = Attend(
                    q.AsSpan(t * width + h * size, size), positions, (p, d) => k[p * width + h * size + d],
                    (p, d) => v[p * width + h * size + d]);
                for (int d = 0; d < size; d++) Assert.Equal(expected[d], y[t * width + h * size + d], 1e-4);
            }
        }
        for (int i = 0; i < 4; i++) Assert.Equal(1, CpuBackend.Read(weights).Slice(i * positions, positions).ToArray().Sum(), 1e-4);
    }

    [Fact]
    public void Layer_norm_has_mean_zero_and_variance_one_before_its_weights()
    {
        const int size = 100;
        var store = new MemoryStore()
            .Add("n.weight", [.. Enumerable.Repeat(2f, size)], size)
            .Add("n.bias", [.. Enumerable.Repeat(3f, size)], size);
        float[] x = [.. Values(2 * size).Select(value => value * 50 + 1000)];
        var y = CpuBackend.Read(_backend.Input(x, new Shape(2, size)).LayerNorm(new Scope(store) / "n")).ToArray();
        for (int r = 0; r < 2; r++)
        {
            var row = x.Skip(r * size).Take(size).Select(value => (double)value).ToArray();
            double mean = row.Average(), variance = row.Average(value => (value - mean) * (value - mean));
            for (int i = 0; i < size; i++) Assert.Equal((row[i] - mean) / Math.Sqrt(variance + 1e-5) * 2 + 3, y[r * size + i], 1e-3);
        }
    }

    [Fact]
    public void Embedding_outside_the_table_is_refused()
    {
        var table = new Scope(new MemoryStore().AddRandom("t", _random, 4, 3)).Parameter("t", new Shape(4, 3));
        var rows = CpuBackend.Read(_backend.Embed(_backend.Indices([3, 0], new Shape(2)), table));
        Assert.Equal(table.Stored.ToFloats()[9..], rows[..3].ToArray());
        Assert.Throws<ModelException>(() => _backend.Embed(_backend.Indices([4], new Shape(1)), table));
    }

    [Fact]
    public void Layers_take_the_place_of_their_input()
    {
        var x = _backend.Input(Values(12), new Shape(3, 4));
        var mark = _backend.Mark();
        var sum = x + x;
        var expected = CpuBackend.Read(sum).ToArray();
        var y = _backend.KeepOnly(x, sum + _backend.Input(new float[12], new Shape(3, 4)), mark);
        Assert.Same(x, y);
        Assert.Equal(expected, CpuBackend.Read(y).ToArray());
    }

    ReadOnlySpan<float> Attend(BatchLayout layout, KeyValueCache cache, int[] rows, int position, float[] k, float[] v, float[]? q = null)
    {
        layout.Clear();
        foreach (int row in rows) layout.Add(row, position, 0);
        var shape = new Shape(rows.Length, k.Length / rows.Length);
        return CpuBackend.Read(_backend.AttentionWithCache(
            _backend.Input(q ?? k, shape), _backend.Input(k, shape), _backend.Input(v, shape), cache, layout, new Heads(2)));
    }

    static double[] Attend(ReadOnlySpan<float> q, int keys, Func<int, int, float> key, Func<int, int, float> value)
    {
        var query = q.ToArray();
        var scores =
            Enumerable.Range(0, keys).Select(p => query.Select((x, d) => (double)x * key(p, d)).Sum() / Math.Sqrt(query.Length)).ToArray();
        double top = scores.Max(), total = scores.Sum(score => Math.Exp(score - top));
        return [
            .. Enumerable.Range(0, query.Length).Select(d => scores.Select((score, p) => Math.Exp(score - top) / total * value(p, d)).Sum())
        ];
    }

    // By integrating the normal density: nothing shared with the backend's error function.
    static double Gelu(double x)
    {
        const int steps = 2000;
        double sum = 0, width = x / steps;
        for (int i = 0; i < steps; i++)
        {
            double at = (i + 0.5) * width;
            sum += Math.Exp(-at * at / 2) * width;
        }
        return x * (0.5 + sum / Math.Sqrt(2 * Math.PI));
    }

    float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.NextSingle() * 2 - 1)];
}
