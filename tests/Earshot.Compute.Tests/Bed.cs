using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests;

/// <summary>A tensor, and what it holds.</summary>
internal sealed record Sample(Tensor Tensor, float[] Values);

/// <summary>A backend, and random weights and inputs for it.</summary>
internal sealed class Bed : IDisposable
{
    readonly Random _random = new(11);
    readonly CpuDevice _device;
    readonly MemoryStore _store = new();

    public Bed(InstructionSet set, WeightFormat? format = null, int threads = 2)
    {
        _device = new CpuDevice(new CpuOptions { InstructionSet = set, Threads = threads, Weights = format ?? WeightFormat.F32 });
        Backend = new CpuBackend(_device);
        Root = new Scope(_store);
    }

    public CpuBackend Backend { get; }

    public Scope Root { get; }

    public Sample Random(Shape shape, float mean = 0)
    {
        float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(_ => mean + _random.NextSingle() * 2 - 1)];
        return new(Backend.Input(values, shape), values);
    }

    public Bed Add(string name, params int[] shape)
    {
        _store.AddRandom(name, _random, shape);
        return this;
    }

    /// <summary>Weights below 1 / √size, as layers begin their training with: larger ones make a chaos of rounding errors.</summary>
    public void AddLstm(string way, int inputs, int size)
    {
        foreach (var (name, shape) in new (string, int[])[]
        {
            ("weight_ih", [4 * size, inputs]),
            ("weight_hh", [4 * size, size]),
            ("bias_ih", [4 * size]),
            ("bias_hh", [4 * size]),
        })
        {
            float[] values =
            [
                .. Enumerable.Range(0, (int)new Shape(shape).Count).Select(_ => (_random.NextSingle() * 2 - 1) / MathF.Sqrt(size))
            ];
            _store.Add($"r.{name}_{way}", values, shape);
        }
    }

    public Scope Weights(string scope, int[] weight, int[] bias)
    {
        Add($"{scope}.weight", weight).Add($"{scope}.bias", bias);
        return Root / scope;
    }

    public void Weights(string scope, string first, string second, int size) =>
        Add($"{scope}.{first}", size).Add($"{scope}.{second}", size);

    public float[] Read(string name) => _store.Find(name)!.ToFloats();

    /// <summary>Compares a tensor with what each element should be.</summary>
    public static void Check(Tensor y, double tolerance, Func<int, double> expected, int every = 1)
    {
        var values = CpuBackend.Read(y);
        for (int i = 0; i < values.Length; i += every) Assert.Equal(expected(i), values[i], tolerance + 1e-300);
    }

    public void Dispose()
    {
        Backend.Dispose();
        _device.Dispose();
    }
}
