using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>The weights in a model folder: one safetensors file, or several with their index.</summary>
public sealed class SafetensorsCheckpoint : ITensorStore, IDisposable
{
    /// <summary>The name of a checkpoint in one file.</summary>
    public const string FileName = "model.safetensors";

    /// <summary>The name of the index of a checkpoint in several files.</summary>
    public const string IndexName = "model.safetensors.index.json";

    readonly ITensorStore _store;

    SafetensorsCheckpoint(ITensorStore store)
    {
        _store = store;
    }

    public string Location => _store.Location;

    public IReadOnlyCollection<string> Names => _store.Names;

    /// <summary>
    /// Opens <c>model.safetensors</c> of a folder or, where that is absent, the files of <c>model.safetensors.index.json</c>.
    /// </summary>
    /// <exception cref="CheckpointException">The folder has no safetensors weights, or they are damaged.</exception>
    public static SafetensorsCheckpoint Open(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new CheckpointException($"There is no folder '{folder}', which should hold a model. Check the path.");
        var file = Path.Combine(folder, FileName);
        if (File.Exists(file)) return new(SafetensorsFile.Open(file));
        var index = Path.Combine(folder, IndexName);
        if (File.Exists(index)) return new(ShardedSafetensors.Open(index));
        throw NoWeights(folder);
    }

    public StoredTensor? Find(string name) => _store.Find(name);

    public void Dispose() => ((IDisposable)_store).Dispose();

    static CheckpointException NoWeights(string folder) => ForeignWeights.InFolder(folder) ?? new CheckpointException(
        $"'{folder}' holds neither '{FileName}' nor '{IndexName}'. " +
        "Point to a model's folder in Hugging Face format, with its weights as safetensors.");
}
