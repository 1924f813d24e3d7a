using System.Numerics.Tensors;

namespace Earshot.Decoding.Grammars;

/// <summary>Collects the tokens that may follow a state. Keeps its buffers; not for several threads at once.</summary>
sealed class MaskBuilder(GrammarVocabulary vocabulary)
{
    readonly int[] _states = new int[vocabulary.Trie.MaxDepth + 1];
    readonly HashSet<(GrammarState, int)> _seen = [];
    readonly List<int> _exits = [];

    /// <summary>Sets the bits of all tokens after which the text's end is at most so many bytes away.</summary>
    public void Fill(GrammarState state, int limit, Span<ulong> mask)
    {
        mask.Clear();
        _seen.Clear();
        _exits.Clear();
        Add(state, TokenTrie.Root, limit, mask);
    }

    void Add(GrammarState state, int node, int limit, Span<ulong> mask)
    {
        if (!_seen.Add((state, node))) return;
        foreach (var thread in state.Threads)
        {
            int first = _exits.Count, left = limit == int.MaxValue ? limit : limit - thread.Rest;
            // Behind the match's end a token may go on for some of the rest.
            if (left < -vocabulary.Trie.MaxDepth) continue;
            Add(thread, node, Math.Max(left, -1), mask);
            int count = _exits.Count;
            if (count == first) continue;
            var after = thread.After;
            for (int i = first; i < count; i++) Add(after, _exits[i], limit, mask);
            _exits.RemoveRange(first, count - first);
        }
        // What may begin here begins before any token's first byte.
        if (state.After is { } next) Add(next, node, limit, mask);
    }

    void Add(GrammarThread thread, int node, int limit, Span<ulong> mask)
    {
        if (node != TokenTrie.Root)
        {
            vocabulary.Trie.Walk(node, thread.Dfa, thread.State, limit, mask, _exits, _states);
            return;
        }
        var known = vocabulary.MaskOf(thread.Dfa, thread.State, limit, _states);
        TensorPrimitives.BitwiseOr(mask, known.Tokens, mask);
        _exits.AddRange(known.Exits);
    }
}
