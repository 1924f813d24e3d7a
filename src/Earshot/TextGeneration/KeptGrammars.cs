using Earshot.Decoding.Grammars;

namespace Earshot.TextGeneration;

/// <summary>
/// Grammars that were compiled for a model, for the next request with the same tools or schema: what was found out of which tokens may
/// follow is kept with a grammar. Safe on several threads at once.
/// </summary>
sealed class KeptGrammars
{
    const int MostKept = 64;

    readonly Lock _gate = new();
    readonly Dictionary<string, Grammar> _kept = [];
    readonly Queue<string> _order = new();

    /// <param name="key">Tells all that the grammar is made of.</param>
    /// <exception cref="GrammarException">It cannot be compiled.</exception>
    public Grammar Get(string key, Func<Grammar> make)
    {
        lock (_gate)
        {
            if (_kept.TryGetValue(key, out var kept)) return kept;
        }
        var made = make();
        lock (_gate)
        {
            if (!_kept.TryAdd(key, made)) return _kept[key];
            _order.Enqueue(key);
            if (_order.Count > MostKept) _kept.Remove(_order.Dequeue());
        }
        return made;
    }
}
