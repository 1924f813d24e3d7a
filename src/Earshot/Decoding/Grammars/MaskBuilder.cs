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
            int first = _exits.Count;
            // An accepting state's end is here, before any token's first byte.
            if (thread.IsAccepting) _exits.Add(node);
            Add(thread, node, limit, mask);
            int count = _exits.Count;
            if (count == first) continue;
            var after = thread.After;
            for (int i = first; i < count; i++) Add(after, _exits[i], limit, mask);
            _exits.RemoveRange(first, count - first);
        }
    }

    void Add(GrammarThread thread, int node, int limit, Span<ulong> mask)
    {
        int left = limit == int.MaxValue ? limit : limit - thread.Rest;
        if (node == TokenTrie.Root)
        {
            var known = vocabulary.MaskOf(thread.Dfa, thread.State, _states);
            if (known.Farthest <= left)
            {
                TensorPrimitives.BitwiseOr(mask, known.Tokens, mask);
                _exits.AddRange(known.Exits);
                return;
            }
        }
        vocabulary.Trie.Walk(node, thread.Dfa, thread.State, left, mask, _exits, _states);
    }
}
