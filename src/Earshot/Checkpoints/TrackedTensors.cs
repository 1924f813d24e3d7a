using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// A checkpoint's tensors that remember which of them were asked for, by a model's parts or by what prepares its weights. For one thread.
/// </summary>
public sealed class TrackedTensors(ITensorStore source) : ITensorStore
{
    readonly Dictionary<string, StoredTensor?> _asked = new(StringComparer.Ordinal);
    readonly List<StoredTensor> _found = [];

    /// <summary>The tensors themselves, of which nothing is remembered.</summary>
    public ITensorStore Source => source;

    public string Location => source.Location;

    public IReadOnlyCollection<string> Names => source.Names;

    /// <summary>The tensors that were asked for and are there, in the order in which they were first asked for.</summary>
    public IReadOnlyList<StoredTensor> Found => _found;

    public StoredTensor? Find(string name) => StoreMemory(name, source.Find(name));

    public StoredTensor? Find(string name, Shape expected) => StoreMemory(name, source.Find(name, expected));

    /// <summary>Whether a tensor was asked for.</summary>
    public bool IsUsed(string name) => _asked.GetValueOrDefault(name) is not null;

    /// <summary>Whether a parameter is a tensor of the checkpoint as it is, and not one that was computed from others.</summary>
    public bool IsAsStored(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return _asked.TryGetValue(parameter.Name, out var stored) && ReferenceEquals(stored, parameter.Stored);
    }

    // The first instance of a tensor stands for it: files make a new one for each request.
    StoredTensor? StoreMemory(string name, StoredTensor? tensor)
    {
        if (_asked.TryGetValue(name, out var known) && known is not null) return known;
        _asked[name] = tensor;
        if (tensor is not null) _found.Add(tensor);
        return tensor;
    }
}
