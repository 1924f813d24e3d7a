using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A checkpoint in several safetensors files, tied together by <c>model.safetensors.index.json</c>.</summary>
public sealed class ShardedSafetensors : ITensorStore, IDisposable
{
    readonly ShardedTensors _shards;

    ShardedSafetensors(string indexPath) => _shards = new ShardedTensors(indexPath, ".safetensors", SafetensorsFile.Open);

    /// <summary>The index file's path.</summary>
    public string Location => _shards.Location;

    public IReadOnlyCollection<string> Names => _shards.Names;

    /// <summary>Opens an index and all files that it names, which must lie beside it.</summary>
    /// <exception cref="CheckpointException">The index or a shard is missing or damaged, or a tensor is not in the shard that should hold
    /// it.</exception>
    public static ShardedSafetensors Open(string indexPath) => new(indexPath);

    public StoredTensor? Find(string name) => _shards.Find(name);

    public void Dispose() => _shards.Dispose();
}
