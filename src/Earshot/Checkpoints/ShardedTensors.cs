using System.Text.Json;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>A checkpoint in several files, tied together by an index that says which file holds which tensor.</summary>
sealed class ShardedTensors : ITensorStore, IDisposable
{
    readonly Dictionary<string, ITensorStore> _fileOfTensor = new(StringComparer.Ordinal);
    readonly Dictionary<string, ITensorStore> _shards = new(StringComparer.Ordinal);
    readonly string _extension;
    readonly Func<string, ITensorStore> _open;

    /// <param name="indexPath">The index.</param>
    /// <param name="extension">What the files' names end with.</param>
    /// <param name="open">Opens one of them; it is disposed of with this.</param>
    /// <exception cref="CheckpointException">The index or a shard is missing or damaged, or a tensor is not in the shard that should hold
    /// it.</exception>
    public ShardedTensors(string indexPath, string extension, Func<string, ITensorStore> open)
    {
        ArgumentException.ThrowIfNullOrEmpty(indexPath);
        (Location, _extension, _open) = (indexPath, extension, open);
        try
        {
            OpenShards();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Location { get; }

    public IReadOnlyCollection<string> Names => _fileOfTensor.Keys;

    public StoredTensor? Find(string name) => _fileOfTensor.GetValueOrDefault(name)?.Find(name);

    public void Dispose()
    {
        foreach (var shard in _shards.Values) (shard as IDisposable)?.Dispose();
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

    ITensorStore OpenShard(string folder, string fileName, string tensor)
    {
        if (_shards.TryGetValue(fileName, out var shard)) return shard;
        if (!IsPlainName(fileName))
            throw new CheckpointException(
                $"'{Location}' places tensor '{tensor}' in '{fileName}'; expected the plain name of a {_extension} file in the same " +
                "folder. Do not trust this checkpoint.");
        shard = _open(Path.Combine(folder, fileName));
        _shards.Add(fileName, shard);
        return shard;
    }

    /// <summary>Separators of every system are refused, so that a name that is harmless here is harmless elsewhere.</summary>
    bool IsPlainName(string name) =>
        name.EndsWith(_extension, StringComparison.Ordinal) && name[0] != '.' && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
