using System.Runtime.InteropServices;

namespace Earshot.Compute.Tests;

/// <summary>Tensors in memory, made by hand.</summary>
internal sealed class MemoryStore : ITensorStore
{
    readonly Dictionary<string, StoredTensor> _tensors = [];

    public string Location => "memory";

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    public MemoryStore Add(string name, float[] values, params int[] dimensions)
    {
        _tensors[name] = new MemoryTensor(name, DType.F32, new Shape(dimensions), MemoryMarshal.AsBytes<float>(values).ToArray());
        return this;
    }

    public MemoryStore Add(string name, DType type, byte[] bytes, params int[] dimensions)
    {
        _tensors[name] = new MemoryTensor(name, type, new Shape(dimensions), bytes);
        return this;
    }

    public MemoryStore AddRandom(string name, Random random, params int[] dimensions)
    {
        var values = new float[new Shape(dimensions).Count];
        for (int i = 0; i < values.Length; i++) values[i] = random.NextSingle() * 2 - 1;
        return Add(name, values, dimensions);
    }

    sealed class MemoryTensor(string name, DType type, Shape shape, byte[] bytes) : StoredTensor(name, type, shape)
    {
        public override void Read(long offset, Span<byte> destination) => bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }
}
