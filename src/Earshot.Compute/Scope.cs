using System.Collections.Concurrent;

namespace Earshot.Compute;

/// <summary>
/// A place in a checkpoint's tree of names: <c>w / "layers" / 3 / "fc1"</c>. Asking it for a parameter states the expected
/// shape. Scopes and parameters are made once and found again without allocation; they are safe on several threads.
/// </summary>
public sealed class Scope
{
    readonly ConcurrentDictionary<string, Scope> _children = new();
    readonly ConcurrentDictionary<int, Scope> _numbered = new();
    readonly ConcurrentDictionary<string, Parameter?> _parameters = new();
    readonly ConcurrentDictionary<string, bool> _present = new();
    readonly LiteralNames<Scope> _literalChildren = new();
    readonly LiteralNames<Parameter> _literalParameters = new();
    readonly ConcurrentDictionary<string, Parameter> _all;
    readonly ITensorStore _store;
    readonly Scope? _shared;

    /// <summary>The root of a checkpoint's names.</summary>
    public Scope(ITensorStore store) : this(store, "", new ConcurrentDictionary<string, Parameter>(), null) { }

    /// <summary>
    /// The same names with some tensors of its own: what a store has is read from there, and all else is another root's, whose parameters
    /// keep the forms that were made of them.
    /// </summary>
    public Scope(ITensorStore store, Scope shared) : this(store, "", new ConcurrentDictionary<string, Parameter>(), shared) { }

    Scope(ITensorStore store, string path, ConcurrentDictionary<string, Parameter> all, Scope? shared)
    {
        _store = store;
        _all = all;
        _shared = shared;
        Path = path;
    }

    /// <summary>The names from the root joined by dots; empty at the root.</summary>
    public string Path { get; }

    /// <summary>Every parameter of its own asked for so far, below any scope of the same root.</summary>
    public IEnumerable<Parameter> Parameters => _all.Values;

    /// <summary>The scope of a name below this one.</summary>
    public static Scope operator /(Scope scope, string name)
    {
        if (scope._literalChildren.Find(name) is { } found) return found;
        if (!scope._children.TryGetValue(name, out var child)) child = scope._children.GetOrAdd(name, scope.Child(name));
        scope._literalChildren.Add(name, child);
        return child;
    }

    /// <summary>The scope of a numbered layer below this one.</summary>
    public static Scope operator /(Scope scope, int index) =>
        scope._numbered.TryGetValue(index, out var child)
            ? child
            : scope._numbered.GetOrAdd(index, scope.Child(index.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    /// <summary>The parameter of a name, which must be there and have the expected shape.</summary>
    /// <exception cref="CheckpointException">It is missing, or its shape is another.</exception>
    public Parameter Parameter(string name, Shape expected) =>
        Optional(name, expected)
        ?? throw new CheckpointException(
            $"{_store.Location}: tensor '{FullName(name)}' is missing; expected it with shape {expected}. " +
            "The checkpoint does not fit its config.json, or is incomplete.");

    /// <summary>The parameter of a name, or null where the checkpoint has none.</summary>
    /// <exception cref="CheckpointException">Its shape is not the expected one.</exception>
    public Parameter? Optional(string name, Shape expected)
    {
        var parameter = _literalParameters.Find(name);
        if (parameter is null)
        {
            if (!_parameters.TryGetValue(name, out parameter)) parameter = _parameters.GetOrAdd(name, Load(name, expected));
            if (parameter is not null) _literalParameters.Add(name, parameter);
        }
        if (parameter is not null && parameter.Shape != expected)
        {
            throw new CheckpointException(
                $"{_store.Location}: tensor '{parameter.Name}' has shape {parameter.Shape}, expected {expected}. " +
                "The checkpoint does not fit its config.json.");
        }
        return parameter;
    }

    /// <summary>Whether the checkpoint has a tensor of a name here.</summary>
    public bool Has(string name) =>
        _present.TryGetValue(name, out bool present)
            ? present
            : _present.GetOrAdd(name, _store.Find(FullName(name)) is not null || _shared?.Has(name) == true);

    public override string ToString() => Path;

    Scope Child(string name) => new(_store, FullName(name), _all, _shared is null ? null : _shared / name);

    string FullName(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    Parameter? Load(string name, Shape expected)
    {
        var stored = _store.Find(FullName(name), expected);
        if (stored is null && _shared is not null) return _shared.Optional(name, expected);
        // A store may make what it is asked for: it is there from now on.
        if (stored is not null) _present[name] = true;
        // Two scopes of one path may meet here at once; both must get the same parameter, since backends keep packed weights on it.
        return stored is null ? null : _all.GetOrAdd(stored.Name, _ => new Parameter(stored, _store.Location));
    }
}

/// <summary>
/// What names that a program spells out stand for: such a name is the same object each time, so that nothing is hashed in each layer of
/// each step.
/// </summary>
sealed class LiteralNames<T> where T : class
{
    const int Most = 16;

    volatile (string Name, T Value)[] _entries = [];

    /// <summary>What a name stands for; null where it has not been added, or was another object.</summary>
    public T? Find(string name)
    {
        foreach (ref readonly var entry in _entries.AsSpan())
        {
            if (ReferenceEquals(entry.Name, name)) return entry.Value;
        }
        return null;
    }

    // Of two threads that add at once one is forgotten, and adds again.
    public void Add(string name, T value)
    {
        var entries = _entries;
        if (entries.Length < Most) _entries = [.. entries, (name, value)];
    }
}
