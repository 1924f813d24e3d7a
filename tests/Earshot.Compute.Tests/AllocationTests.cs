using Earshot.Compute.Cpu;

namespace Earshot.Compute.Tests;

/// <summary>Tests that count what the whole process allocates: nothing else may run beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public class AllocationTests
{
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
