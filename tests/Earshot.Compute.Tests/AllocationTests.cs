using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests;

/// <summary>Tests that count what the whole process allocates: nothing else may run beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public class AllocationTests
{
    [Fact]
    public void A_step_of_a_language_model_allocates_nothing()
    {
        const int width = 64, tokens = 3;
        var random = new Random(3);
        var root = new Scope(new MemoryStore().AddRandom("q.weight", random, width, width).AddRandom("q.bias", random, width)
            .AddRandom("k.weight", random, width / 2, width).AddRandom("v.weight", random, width / 2, width)
            .AddRandom("norm.weight", random, width).AddRandom("gate.weight", random, 96, width).AddRandom("up.weight", random, 96, width)
            .AddRandom("down.weight", random, width, 96));
        Scope q = root / "q", k = root / "k", v = root / "v", norm = root / "norm", gate = root / "gate", up = root / "up",
            down = root / "down";
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var backend = new CpuBackend(device);
        var rotary = Rotary.Plain(16, 10_000);
        var heads = new Heads(4, 2, Causal: true);
        var pages = new PageTable(tokens * PageTable.PagesFor(300));
        for (int row = 0; row < tokens; row++) pages.Grow(pages.AddRow(), 300);
        using var cache = backend.CreateCache(pages, width / 2, heads);
        var layout = new BatchLayout();
        var x = new float[tokens * width];
        int[] positions = new int[tokens];
        int position = 0;
        for (int i = 0; i < 50; i++) Step();
        Assert.Equal(0, Allocations.LeastOfProcess(() =>
        {
            for (int i = 0; i < 40; i++) Step();
        }));

        void Step()
        {
            backend.FreeTemporaries();
            layout.Clear();
            position = (position + 1) % 300;
            for (int t = 0; t < tokens; t++) layout.Add(t, position, 0);
            Array.Fill(positions, position);
            var hidden = backend.Input(x, new Shape(tokens, width));
            var table = backend.RotaryTable(backend.Indices(positions, new Shape(tokens)), rotary);
            var (query, key, value) = hidden.RmsNorm(norm, 1e-6f)
                .Linear(new LinearLayer(q, width), new LinearLayer(k, width / 2, Bias: false), new LinearLayer(v, width / 2, Bias: false));
            hidden += backend.AttentionWithCache(query.Rotate(table, 4), key.Rotate(table, 2), value, cache, layout, heads);
            var inner = hidden.Linear(gate, 96, bias: false).GatedMultiply(hidden.Linear(up, 96, bias: false), Activation.Silu);
            hidden = (hidden + inner.Linear(down, width, bias: false)) * 0.5f - hidden;
            hidden.Slice(0, ^1..).Reshape(width, 1).Transpose(1, 0).Softmax();
        }
    }

    [Fact]
    public void Repeated_steps_allocate_nothing()
    {
        var random = new Random(3);
        var scope = new Scope(new MemoryStore().AddRandom("fc.weight", random, 256, 256).AddRandom("fc.bias", random, 256)) / "fc";
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var backend = new CpuBackend(device);
        var x = new float[256];
        for (int i = 0; i < 50; i++) Step();
        Assert.Equal(0, Allocations.LeastOfProcess(() =>
        {
            for (int i = 0; i < 100; i++) Step();
        }));

        void Step()
        {
            backend.FreeTemporaries();
            backend.Input(x, new Shape(1, 256)).Linear(scope, 256, Activation.Gelu);
        }
    }
}
