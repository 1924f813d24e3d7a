using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Tests;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Recording;

/// <summary>Attention in all its forms recorded at one size and run at others, beside the CPU backend.</summary>
public sealed class AttentionGraphTests
{
    const int Width = 24;

    static readonly Heads s_shared = new(6, 2);

    static readonly Dictionary<string, (Heads Heads, AttentionSpan Span)> s_cases = new()
    {
        ["Everything"] = (new(3), AttentionSpan.Everything),
        ["Shared keys"] = (s_shared, AttentionSpan.Everything),
        ["Causal, shared keys"] = (s_shared with { Causal = true }, AttentionSpan.Everything),
        ["Causal span"] = (new(3), AttentionSpan.Causal),
        ["Window"] = (s_shared, AttentionSpan.Window(3, 1)),
        ["Chunks"] = (new(3), AttentionSpan.Chunks(4, 1)),
        ["All chunks before"] = (new(3), AttentionSpan.Chunks(4)),
    };

    public static TheoryData<GraphTarget, string, bool, bool> Cases()
    {
        var cases = new TheoryData<GraphTarget, string, bool, bool>();
        foreach (var target in Enum.GetValues<GraphTarget>())
        {
            foreach (var name in s_cases.Keys)
            {
                cases.Add(target, name, false, false);
                cases.Add(target, name, true, true);
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Queries_see_what_they_see_on_the_cpu(GraphTarget target, string name, bool padded, bool biased)
    {
        NativeRuntime.Require();
        var (heads, span) = s_cases[name];
        int size = Width / heads.Query, keyWidth = size * heads.KeyValue;
        Tensor Attend(Tensor x, Tensor? lengths)
        {
            Tensor k = x.Slice(^1, ..keyWidth).Activate(Activation.Tanh), v = x.Slice(^1, ^keyWidth..);
            var bias = biased ? (x * x).MatMul(x, transposed: true).Reshape(x.Shape[0], 1, x.Shape[1], x.Shape[1]) : null;
            return x.Backend.Attention(x, k, v, heads, span with { Lengths = lengths, Bias = bias });
        }
        var backend = new OnnxBackend("attention", new GraphOptions { Target = target });
        var recorded = padded ? backend.Indices("lengths", new Shape(2), "batch") : null;
        backend.Output("y", Attend(backend.Input("x", new Shape(2, 9, Width), "batch", "time", Width), recorded));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        foreach (var (shape, lengths) in new[]
        {
            (new Shape(2, 9, Width), new[] { 9, 5 }),
            (new Shape(3, 14, Width), [1, 14, 0]),
            (new Shape(1, 5, Width), [3]),
        })
        {
            float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(i => MathF.Sin(i * i))];
            var expected = Attend(cpu.Input(values, shape), padded ? cpu.Indices(lengths, new Shape(lengths.Length)) : null);
            using var x = OnnxValue.FromMemory<float>(values, shape[0], shape[1], Width);
            using var length = OnnxValue.FromMemory<long>(Array.ConvertAll(lengths, value => (long)value), lengths.Length);
            using var outputs = session.Run(padded ? [("x", x), ("lengths", length)] : [("x", x)]);
            Closeness.Check(CpuBackend.Read(expected), outputs["y"].Span<float>(), 1e-5f, $"{name} {shape}");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Scores_by_distance(GraphTarget target)
    {
        NativeRuntime.Require();
        var random = new Random(5);
        var w = new Scope(new MemoryStore().AddRandom("u", random, 3, 8).AddRandom("v", random, 3, 8));
        var biases = new RelativeBiases(w.Parameter("u", new Shape(3, 8)), w.Parameter("v", new Shape(3, 8)));
        Tensor Attend(Tensor x, Tensor positions) =>
            x.Backend.RelativeAttention(
                new RelativeInputs(x, x.Activate(Activation.Tanh), x), positions, biases, new Heads(3), AttentionSpan.Chunks(4, 1));
        var backend = new OnnxBackend("attention", new GraphOptions { Target = target });
        var embedded = backend.Input("p", new Shape(17, Width), "distances", Width);
        backend.Output("y", Attend(backend.Input("x", new Shape(2, 9, Width), "batch", "time", Width), embedded));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        foreach (var shape in new[] { new Shape(2, 9, Width), new Shape(1, 13, Width) })
        {
            int distances = 2 * shape[1] - 1;
            float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(i => MathF.Sin(i * i))],
                positions = [.. Enumerable.Range(0, distances * Width).Select(i => MathF.Cos(i * i))];
            var expected = Attend(cpu.Input(values, shape), cpu.Input(positions, new Shape(distances, Width)));
            using var x = OnnxValue.FromMemory<float>(values, shape[0], shape[1], Width);
            using var p = OnnxValue.FromMemory<float>(positions, distances, Width);
            using var outputs = session.Run([("x", x), ("p", p)]);
            Closeness.Check(CpuBackend.Read(expected), outputs["y"].Span<float>(), 1e-5f, $"{shape}");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable, 2, 0)]
    [InlineData(GraphTarget.OnnxRuntime, 2, 0)]
    [InlineData(GraphTarget.Portable, 2, 4)]
    [InlineData(GraphTarget.OnnxRuntime, 2, 4)]
    [InlineData(GraphTarget.OnnxRuntime, 6, 4)]
    [InlineData(GraphTarget.OnnxRuntime, 6, 0)]
    public void Query_heads_share_the_keys_of_a_cache_within_a_window(GraphTarget target, int keyHeads, int window)
    {
        NativeRuntime.Require();
        const int past = 5, time = 3, size = 4;
        var heads = new Heads(6, keyHeads, Causal: true, window);
        int keyWidth = size * keyHeads;
        Tensor Attend(Tensor x, KeyValueCache cache, BatchLayout layout) =>
            x.Backend.AttentionWithCache(
                x, x.Slice(^1, ..keyWidth).Activate(Activation.Tanh), x.Slice(^1, ^keyWidth..), cache, layout, heads);
        float[] values = [.. Enumerable.Range(0, (past + time) * Width).Select(i => MathF.Sin(i * i))];
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        var pages = new PageTable(1);
        pages.Grow(pages.AddRow(), past + time);
        using var cache = cpu.CreateCache(pages, keyWidth, heads);
        var layout = new BatchLayout();
        for (int t = 0; t < past + time; t++) layout.Add(0, t, 0);
        var expected = CpuBackend.Read(Attend(cpu.Input(values, new Shape(past + time, Width)), cache, layout))[(past * Width)..].ToArray();

        var backend = new OnnxBackend("cache", new GraphOptions { Target = target });
        backend.Output("y", Attend(
            backend.Input("x", new Shape(1, 2, Width), "batch", "time", Width), backend.CreateCache(pages, keyWidth, heads), layout));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        float[] Past(Func<int, float> of) =>
        [
            .. Enumerable.Range(0, keyHeads * past * size).Select(i => of(i / size % past * Width + i / size / past * size + i % size))
        ];
        using var x = OnnxValue.FromMemory<float>(values.AsMemory(past * Width).ToArray(), 1, time, Width);
        using var key = OnnxValue.FromMemory<float>(Past(i => MathF.Tanh(values[i])), 1, keyHeads, past, size);
        using var value = OnnxValue.FromMemory<float>(Past(i => values[i + Width - keyWidth]), 1, keyHeads, past, size);
        using var outputs = session.Run([("x", x), ("past.cache.0.key", key), ("past.cache.0.value", value)]);
        Closeness.Check(expected, outputs["y"].Span<float>(), 1e-5f);
        Assert.Equal(
            [1, keyHeads, past + time, size], outputs["present.cache.0.key"].Shape.ToArray().Select(dimension => (int)dimension));
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Query_heads_share_the_keys_of_a_memory(GraphTarget target)
    {
        NativeRuntime.Require();
        const int time = 4, positions = 7, size = 4;
        int keyWidth = size * s_shared.KeyValue;
        Tensor Attend(Tensor x, Tensor encoded, BatchLayout layout, bool weights)
        {
            var memory = x.Backend.CreateMemory(1, positions, keyWidth, s_shared);
            x.Backend.StoreMemory(encoded, encoded.Activate(Activation.Tanh), memory, 0);
            return weights
                ? x.Backend.CrossAttentionWeights(x, memory, layout, s_shared, [4, 1])
                : x.Backend.CrossAttention(x, memory, layout, s_shared);
        }
        float[] values = [.. Enumerable.Range(0, time * Width).Select(i => MathF.Sin(i * i))],
            encodings = [.. Enumerable.Range(0, positions * keyWidth).Select(i => MathF.Cos(i * i))];
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        var layout = new BatchLayout();
        for (int t = 0; t < time; t++) layout.Add(0, t, 0);
        var backend = new OnnxBackend("memory", new GraphOptions { Target = target });
        var (recorded, recordedMemory) = (backend.Input("x", new Shape(1, 3, Width), "batch", "time", Width), backend.Input(
            "encoded", new Shape(1, positions, keyWidth), "batch", positions, keyWidth));
        backend.Output("y", Attend(recorded, recordedMemory, layout, weights: false));
        backend.Output("weights", Attend(recorded, recordedMemory, layout, weights: true));
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        using var x = OnnxValue.FromMemory<float>(values, 1, time, Width);
        using var encoded = OnnxValue.FromMemory<float>(encodings, 1, positions, keyWidth);
        using var outputs = session.Run([("x", x), ("encoded", encoded)]);
        foreach (var (name, weights) in new[] { ("y", false), ("weights", true) })
        {
            var expected = Attend(
                cpu.Input(values, new Shape(1, time, Width)), cpu.Input(encodings, new Shape(1, positions, keyWidth)), layout, weights);
            Closeness.Check(CpuBackend.Read(expected), outputs[name].Span<float>(), 1e-5f, name);
        }
    }
}
