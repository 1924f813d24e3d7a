namespace Earshot.Decoding.Grammars;

/// <summary>
/// The bytes of all tokens as a tree, written down with every node before those below it, so that walking it is one pass over arrays in
/// which what is below a refused byte is jumped over.
/// </summary>
sealed class TokenTrie
{
    // Longer ones are no text that anybody writes.
    const int MaxTokenBytes = 1024;

    readonly byte[] _byte;
    readonly ushort[] _depth;
    readonly int[] _end, _token, _sameBytes;

    /// <param name="tokens">The bytes of each id; empty for what is no text.</param>
    public TokenTrie(IReadOnlyList<byte[]> tokens)
    {
        _sameBytes = new int[tokens.Count];
        Array.Fill(_sameBytes, -1);
        int[] sorted = [.. Enumerable.Range(0, tokens.Count).Where(id => tokens[id].Length is > 0 and <= MaxTokenBytes)];
        Array.Sort(sorted, (x, y) => tokens[x].AsSpan().SequenceCompareTo(tokens[y]) is not 0 and var order ? order : x - y);
        List<byte> all = [0];
        List<ushort> depths = [0];
        List<int> ends = [0], ids = [-1];
        var path = new Stack<int>([Root]);
        byte[] before = [];
        foreach (int id in sorted)
        {
            byte[] bytes = tokens[id];
            int common = before.AsSpan().CommonPrefixLength(bytes);
            while (path.Count > common + 1) ends[path.Pop()] = all.Count;
            for (int i = common; i < bytes.Length; i++)
            {
                path.Push(all.Count);
                all.Add(bytes[i]);
                depths.Add((ushort)(i + 1));
                ends.Add(0);
                ids.Add(-1);
            }
            _sameBytes[id] = ids[path.Peek()];
            ids[path.Peek()] = id;
            before = bytes;
        }
        while (path.TryPop(out int node)) ends[node] = all.Count;
        (_byte, _depth, _end, _token) = ([.. all], [.. depths], [.. ends], [.. ids]);
        MaxDepth = _depth.Max();
    }

    public const int Root = 0;

    public int MaxDepth { get; }

    public int Count => _byte.Length;

    /// <summary>
    /// Follows an automaton through all tokens below a node: marks those that stay in it, and lists the nodes at which it may end with
    /// tokens that go on.
    /// </summary>
    /// <param name="limit">Tokens are marked after which the automaton's end is at most so many bytes away.</param>
    /// <param name="states">Room for <see cref="MaxDepth"/> states and one more.</param>
    /// <returns>The most bytes from a token's state to the end, and how many nodes were looked at.</returns>
    public (int Farthest, int Looked) Walk(int node, Dfa dfa, int state, int limit, Span<ulong> mask, List<int> exits, Span<int> states)
    {
        int farthest = -1, looked = 0, floor = _depth[node], last = _end[node];
        states[0] = state;
        for (int i = node + 1; i < last; looked++)
        {
            int depth = _depth[i] - floor, next = dfa.Next(states[depth - 1], _byte[i]);
            if (next < 0)
            {
                i = _end[i];
                continue;
            }
            states[depth] = next;
            int distance = dfa.Distance(next);
            if (_token[i] >= 0 && distance <= limit)
            {
                farthest = Math.Max(farthest, distance);
                for (int token = _token[i]; token >= 0; token = _sameBytes[token]) mask[token >> 6] |= 1UL << token;
            }
            if (distance == 0 && _end[i] > i + 1) exits.Add(i);
            i++;
        }
        return (farthest, looked);
    }

    /// <summary>The longest token that a text begins with; -1 where there is none.</summary>
    public int Longest(ReadOnlySpan<byte> text)
    {
        int found = -1, node = Root;
        foreach (byte b in text)
        {
            node = Child(node, b);
            if (node < 0) break;
            if (_token[node] >= 0) found = _token[node];
        }
        return found;
    }

    /// <summary>Whether a token begins with the whole text and is longer.</summary>
    public bool HoldsLonger(ReadOnlySpan<byte> text) => Find(text) is >= 0 and var node && _end[node] > node + 1;

    int Find(ReadOnlySpan<byte> text)
    {
        int node = Root;
        foreach (byte b in text)
        {
            node = Child(node, b);
            if (node < 0) return -1;
        }
        return node;
    }

    int Child(int node, byte b)
    {
        int child = node + 1;
        while (child < _end[node] && _byte[child] != b) child = _end[child];
        return child < _end[node] ? child : -1;
    }
}
