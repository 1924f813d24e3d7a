namespace Earshot.Decoding.Grammars;

/// <summary>What a walk through all tokens from a state found.</summary>
/// <param name="Farthest">The most bytes from a token's state to the end of the automaton.</param>
/// <param name="Exits">Nodes of the trie at which the automaton may end and tokens go on.</param>
sealed record TokenMask(ulong[] Tokens, int Farthest, int[] Exits)
{
    public int Size => 8 * Tokens.Length + 4 * Exits.Length + 128;
}

/// <summary>Masks by automaton, state and the bytes that may be left to its end; the longest unused go first. Safe for several
/// threads.</summary>
sealed class MaskCache(int capacity)
{
    readonly Dictionary<(Dfa, int, int), LinkedListNode<((Dfa, int, int) Key, TokenMask Mask)>> _byState = [];
    readonly LinkedList<((Dfa, int, int) Key, TokenMask Mask)> _byUse = new();
    readonly Lock _lock = new();
    long _size;

    public TokenMask? Find(Dfa dfa, int state, int limit)
    {
        lock (_lock)
        {
            if (!_byState.TryGetValue((dfa, state, limit), out var found)) return null;
            _byUse.Remove(found);
            _byUse.AddFirst(found);
            return found.Value.Mask;
        }
    }

    public void Add(Dfa dfa, int state, int limit, TokenMask mask)
    {
        lock (_lock)
        {
            if (_byState.ContainsKey((dfa, state, limit))) return;
            _byState[(dfa, state, limit)] = _byUse.AddFirst(((dfa, state, limit), mask));
            _size += mask.Size;
            while (_size > capacity && _byUse.Last is { } oldest)
            {
                _size -= oldest.Value.Mask.Size;
                _byState.Remove(oldest.Value.Key);
                _byUse.RemoveLast();
            }
        }
    }
}
