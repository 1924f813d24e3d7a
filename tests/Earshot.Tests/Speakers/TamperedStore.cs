using System.Runtime.InteropServices;
using Earshot.Compute;

namespace Earshot.Tests.Speakers;

/// <summary>A checkpoint that notes which of its tensors were read, and of which some are missing or others than they should be.</summary>
internal sealed class TamperedStore(ITensorStore source) : ITensorStore
{
    readonly Dictionary<string, StoredTensor?> _replaced = [];

    public HashSet<string> Touched { get; } = [];

    public string Location => "tampered";

    public IReadOnlyCollection<string> Names => source.Names;

    public StoredTensor? Find(string name)
    {
        Touched.Add(name);
        return _replaced.TryGetValue(name, out var replaced) ? replaced : source.Find(name);
    }

    public TamperedStore Without(string name)
    {
        _replaced[name] = null;
        return this;
    }

    public TamperedStore With(string name, Shape shape, params float[] values)
    {
        _replaced[name] = new Replaced(name, shape, values);
        return this;
    }

    sealed class Replaced(string name, Shape shape, float[] values) : StoredTensor(name, DType.F32, shape)
    {
        public override void Read(long offset, Span<byte> destination) => MemoryMarshal.AsBytes<float>(values).Slice((int)offset, destination.Length).CopyTo(destination);
    }
}
