using System.Runtime.InteropServices;
using Earshot.Checkpoints;
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
        public override void Read(long offset, Span<byte> destination) =>
            MemoryMarshal.AsBytes<float>(values).Slice((int)offset, destination.Length).CopyTo(destination);
    }

    /// <summary>A model that leaves no tensor of its checkpoint aside.</summary>
    public static void AssertAllTouched(string folder, Action<TamperedStore> run)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var store = new TamperedStore(checkpoint);
        run(store);
        Assert.Empty(checkpoint.Names.Except(store.Touched));
    }

    /// <summary>A tensor that is missing, or of another shape, is named.</summary>
    public static void AssertNamed(string folder, string name, Action<TamperedStore> run)
    {
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        foreach (var store in new[]
        {
            new TamperedStore(checkpoint).Without(name),
            new TamperedStore(checkpoint).With(name, new Shape(3), 1, 2, 3),
        })
        {
            Assert.Contains($"'{name}'", Assert.Throws<CheckpointException>(() => run(store)).Message, StringComparison.Ordinal);
        }
    }
}
