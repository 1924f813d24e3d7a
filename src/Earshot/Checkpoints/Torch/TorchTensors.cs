using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// The tensors of what a pickle holds, by their names: those of its <c>state_dict</c> where it has one, as trainers' checkpoints do, else
/// all in its dictionaries, with the names of the dictionaries around them before theirs.
/// </summary>
sealed class TorchTensors : ITensorStore
{
    const int MaxDepth = 8;

    // A view may repeat elements; no weight repeats more than a mask or a table of positions does.
    const long MaxRepeated = 16 << 20;

    static readonly string[] s_states = ["state_dict", "model_state_dict"];

    readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    readonly Func<TorchStorage, FileExtent> _find;

    // Dictionaries may be shared, and hold themselves.
    readonly HashSet<PickleDictionary> _seen = new(ReferenceEqualityComparer.Instance);

    /// <param name="root">What the pickle ends with.</param>
    /// <param name="location">The file, for messages.</param>
    /// <param name="find">Where a storage's bytes are, as many as it says.</param>
    /// <exception cref="CheckpointException">It holds no tensor, or one that reaches beyond its storage.</exception>
    public TorchTensors(object? root, string location, Func<TorchStorage, FileExtent> find)
    {
        (Location, _find) = (location, find);
        if (root is PickleDictionary dictionary)
        {
            var state = s_states.Select(name => dictionary[name]).OfType<PickleDictionary>().FirstOrDefault();
            Add(state ?? dictionary, "", 0);
        }
        if (_tensors.Count == 0) throw Damaged("it holds no tensor by a name");
    }

    public string Location { get; }

    public IReadOnlyCollection<string> Names => _tensors.Keys;

    public StoredTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    void Add(PickleDictionary dictionary, string prefix, int depth)
    {
        if (depth > MaxDepth) throw Damaged($"its dictionaries are more than {MaxDepth} deep");
        if (!_seen.Add(dictionary)) return;
        foreach (var (key, value) in dictionary.Items)
        {
            if (key is not string name || value is not (TorchView or PickleDictionary)) continue;
            if (value is PickleDictionary inner) Add(inner, $"{prefix}{name}.", depth + 1);
            else if (!_tensors.TryAdd(prefix + name, Open(prefix + name, (TorchView)value)))
                throw Damaged($"it has two tensors '{prefix}{name}'");
        }
    }

    StoredTensor Open(string name, TorchView view)
    {
        var (type, count) = (view.Storage.Type, view.Storage.Count);
        long elements = Elements(name, view), reach = Reach(name, view, elements);
        var storage = _find(view.Storage);
        if (elements > Math.Max(count, MaxRepeated)) throw Damaged($"the tensor '{name}' repeats its {count} elements to {elements}");
        var shape = new Shape([.. view.Sizes.Select(size => (int)size)]);
        var span = storage.Slice(view.Offset * type.Size(), reach * type.Size());
        return elements == 0 || IsPlain(view)
            ? new FileTensor(name, type, shape, new FileRange(span.File, span.Start))
            : new StridedTensor(name, type, shape, view.Strides, span);
    }

    long Elements(string name, TorchView view)
    {
        if (view.Sizes.Length != view.Strides.Length)
            throw Damaged($"the tensor '{name}' has {view.Sizes.Length} sizes and {view.Strides.Length} strides");
        UInt128 elements = 1;
        for (int i = 0; i < view.Sizes.Length; i++)
        {
            if (view.Sizes[i] is < 0 or > int.MaxValue || view.Strides[i] < 0)
                throw Damaged($"the tensor '{name}' has the size {view.Sizes[i]} with the stride {view.Strides[i]}");
            elements *= (UInt128)view.Sizes[i];
        }
        // Six sizes of 31 bits could overflow only what no file holds.
        if (view.Sizes.Contains(0)) return 0;
        return elements <= long.MaxValue / sizeof(long) && view.Sizes.Sum(size => Math.Log2(size)) < 60
            ? (long)elements
            : throw Damaged($"the tensor '{name}' is too large for any memory");
    }

    /// <summary>Elements from the first of a view to its last.</summary>
    long Reach(string name, TorchView view, long elements)
    {
        Int128 reach = 1;
        for (int i = 0; i < view.Sizes.Length; i++) reach += (Int128)(view.Sizes[i] - 1) * view.Strides[i];
        if (elements == 0) reach = 0;
        return view.Offset >= 0 && view.Offset + reach <= view.Storage.Count
            ? (long)reach
            : throw Damaged(
                $"the tensor '{name}' begins at element {view.Offset} and spans {reach}, beyond its storage of {view.Storage.Count}");
    }

    static bool IsPlain(TorchView view)
    {
        long stride = 1;
        for (int i = view.Sizes.Length - 1; i >= 0; i--)
        {
            if (view.Sizes[i] > 1 && view.Strides[i] != stride) return false;
            stride *= view.Sizes[i];
        }
        return true;
    }

    CheckpointException Damaged(string what) => new(
        $"Cannot read '{Location}' as a checkpoint of PyTorch's: {FileCursor.Printable(what)}. " +
        "The file is damaged or incomplete: download or convert it again.");
}
