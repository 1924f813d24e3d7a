namespace Earshot.Tokenizers;

/// <summary>A set of byte sequences, each with a number, of which those that a text begins with are found by walking it once.</summary>
sealed class ByteTrie
{
    readonly Dictionary<long, int> _children = [];
    readonly List<int> _values = [-1];

    /// <summary>The node before any byte.</summary>
    public const int Root = 0;

    public bool IsEmpty => _values.Count == 1;

    /// <summary>Adds a sequence that is not empty; the first number of equal ones stays.</summary>
    public void Add(ReadOnlySpan<byte> key, int value)
    {
        int node = Root;
        foreach (byte b in key)
        {
            long edge = (long)node << 8 | b;
            if (!_children.TryGetValue(edge, out int child))
            {
                child = _values.Count;
                _values.Add(-1);
                _children.Add(edge, child);
            }
            node = child;
        }
        if (_values[node] < 0) _values[node] = value;
    }

    /// <summary>The node after one more byte; -1 where no sequence goes on so.</summary>
    public int Next(int node, byte b) => _children.TryGetValue((long)node << 8 | b, out int child) ? child : -1;

    /// <summary>The number of the sequence that ends at a node; -1 where none does.</summary>
    public int ValueAt(int node) => _values[node];

    /// <summary>The longest sequence that the text begins with; a length of 0 where there is none.</summary>
    public (int Length, int Value) Longest(ReadOnlySpan<byte> text)
    {
        var found = (Length: 0, Value: -1);
        int node = Root;
        for (int i = 0; i < text.Length && (node = Next(node, text[i])) >= 0; i++)
        {
            if (_values[node] >= 0) found = (i + 1, _values[node]);
        }
        return found;
    }

    /// <summary>The number of exactly this sequence; -1 where it is not there.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        int node = Root;
        for (int i = 0; i < key.Length && node >= 0; i++) node = Next(node, key[i]);
        return node < 0 ? -1 : _values[node];
    }
}
