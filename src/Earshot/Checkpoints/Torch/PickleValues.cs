using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>A dictionary in the order in which it was filled; of equal names the last one's value counts.</summary>
sealed class PickleDictionary(bool isOrdered)
{
    readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    readonly List<(object? Key, object? Value)> _items = [];

    /// <summary>Whether it is an <c>OrderedDict</c>, which has a state beside its items.</summary>
    public bool IsOrdered => isOrdered;

    public IReadOnlyList<(object? Key, object? Value)> Items => _items;

    public object? this[string key] => _places.TryGetValue(key, out int place) ? _items[place].Value : null;

    public void Set(object? key, object? value)
    {
        if (key is not string name) _items.Add((key, value));
        else if (_places.TryGetValue(name, out int place)) _items[place] = (name, value);
        else
        {
            _places.Add(name, _items.Count);
            _items.Add((name, value));
        }
    }
}

/// <summary>A tuple.</summary>
sealed record PickleTuple(object?[] Items);

/// <summary>Where the elements of tensors lie: an entry of the file, of so many elements.</summary>
sealed record TorchStorage(string Key, DType Type, long Count);

/// <summary>A tensor: some elements of a storage, in row-major order of its own.</summary>
sealed record TorchView(TorchStorage Storage, long Offset, long[] Sizes, long[] Strides);
