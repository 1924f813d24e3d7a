using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A checkpoint in several safetensors files, tied together by <c>model.safetensors.index.json</c>.</summary>
public sealed class ShardedSafetensors : ITensorStore, IDisposable
{
    readonly Dictionary<string, SafetensorsFile> _fileOfTensor = new(StringComparer.Ordinal);
    readonly Dictionary<string, SafetensorsFile> _shards = new(StringComparer.Ordinal);

    ShardedSafetensors(string indexPath)
    {
        Location = indexPath;
    }

    /// <summary>The index file's path.</summary>
    public string Location { get; }

    public IReadOnlyCollection<string> Names => _fileOfTensor.Keys;

    /// <summary>Opens an index and all files that it names, which must lie beside it.</summary>
    /// <exception cref="CheckpointException">The index or a shard is missing or damaged, or a tensor is not in the shard that should hold
    /// it.</exception>
    public static ShardedSafetensors Open(string indexPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        var store = new ShardedSafetensors(indexPath);
        try
        {
            store.OpenShards();
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public StoredTensor? Find(string name) => _fileOfTensor.GetValueOrDefault(name)?.Find(name);

    public void Dispose()
    {
        foreach (var shard in _shards.Values) shard.Dispose();
    }

    void OpenShards()
    {
        using var settings = SettingsFile.Open(Location, "says which file holds which tensor");
        if (!settings.Root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
            throw new CheckpointException(
                $"'{Location}' has no 'weight_map' object, which says which file holds which tensor. Download the index again.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(Location))!;
        foreach (var property in map.EnumerateObject())
        {
            var fileName = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : "";
            var shard = OpenShard(folder, fileName, property.Name);
            if (shard.Find(property.Name) is null)
                throw new CheckpointException(
                    $"'{Location}' places tensor '{property.Name}' in '{fileName}', which does not have it. " +
                    "The files belong to different versions: download all of them again.");
            _fileOfTensor.Add(property.Name, shard);
        }
    }

    SafetensorsFile OpenShard(string folder, string fileName, string tensor)
    {
        if (_shards.TryGetValue(fileName, out var shard)) return shard;
        if (!IsPlainName(fileName))
            throw new CheckpointException(
                $"'{Location}' places tensor '{tensor}' in '{fileName}'; expected the plain name of a .safetensors file in the same " +
                "folder. Do not trust this checkpoint.");
        shard = SafetensorsFile.Open(Path.Combine(folder, fileName));
        _shards.Add(fileName, shard);
        return shard;
    }

    /// <summary>Separators of every system are refused, so that a name that is harmless here is harmless elsewhere.</summary>
    static bool IsPlainName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && name[0] != '.' && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
