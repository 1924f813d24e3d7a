using System.Runtime.InteropServices;

namespace Earshot.Decoding.Grammars;

/// <summary>A non-deterministic automaton over bytes as it is put together: characters become their UTF-8, or that of a JSON
/// string.</summary>
sealed class ByteNfa(GrammarBudget budget, bool isJson)
{
    // Escapes of one letter; other control characters take \u00XX.
    const string Escaped = "\"\\\b\f\n\r\t", Letters = "\"\\bfnrt";

    readonly List<List<(byte Low, byte High, int To)>> _edges = [];
    readonly List<List<int>> _jumps = [];

    public GrammarBudget Budget => budget;

    public int Add()
    {
        budget.Spend(40);
        _edges.Add([]);
        _jumps.Add([]);
        return _edges.Count - 1;
    }

    public void Jump(int from, int to) => _jumps[from].Add(to);

    public void Connect(int from, byte low, byte high, int to) => _edges[from].Add((low, high, to));

    public void Connect(int from, ReadOnlySpan<byte> bytes, int to)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            int next = i == bytes.Length - 1 ? to : Add();
            Connect(from, bytes[i], bytes[i], next);
            from = next;
        }
    }

    /// <summary>An edge for each character of a range, surrogates left out.</summary>
    public void ConnectCharacters(int from, int low, int high, int to)
    {
        if (low < 0xD800 && high >= 0xD800) ConnectCharacters(from, low, 0xD7FF, to);
        if (low <= 0xDFFF && high > 0xDFFF) ConnectCharacters(from, 0xE000, high, to);
        if ((low >= 0xD800 && low <= 0xDFFF) || (low < 0xD800 && high >= 0xD800)) return;
        while (isJson && low <= high && low <= '\\')
        {
            if (low >= ' ' && low is not ('"' or '\\'))
            {
                int end = Math.Min(high, low < '"' ? '"' - 1 : '\\' - 1);
                ConnectUtf8(from, low, end, to);
                low = end + 1;
                continue;
            }
            ConnectEscape(from, (char)low++, to);
        }
        if (low <= high) ConnectUtf8(from, low, high, to);
    }

    public Dfa Determinise(int start, int end)
    {
        var cuts = new SortedSet<int> { 0, 256 };
        foreach (var (low, high, _) in _edges.SelectMany(edges => edges))
        {
            cuts.Add(low);
            cuts.Add(high + 1);
        }
        var ranges = cuts.Zip(cuts.Skip(1), (low, next) => ((byte)low, (byte)(next - 1))).ToList();
        return DfaBuilder.Explore(
            Close([start]), ranges,
            (int[] states, byte b, out int[] next) =>
            {
                var reached = new HashSet<int>();
                foreach (int state in states)
                    foreach (var (low, high, to) in _edges[state])
                        if (b >= low && b <= high) reached.Add(to);
                budget.Spend(states.Length + reached.Count);
                next = reached.Count == 0 ? [] : Close(reached);
                return next.Length > 0;
            },
            states => Array.BinarySearch(states, end) >= 0, budget, SetComparer.Instance);
    }

    int[] Close(IEnumerable<int> states)
    {
        var closed = new SortedSet<int>(states);
        var work = new Stack<int>(closed);
        while (work.TryPop(out int state))
            foreach (int to in _jumps[state])
                if (closed.Add(to)) work.Push(to);
        budget.Spend(closed.Count);
        return [.. closed];
    }

    void ConnectEscape(int from, char c, int to)
    {
        int letter = Escaped.IndexOf(c, StringComparison.Ordinal);
        string escape = letter >= 0 ? $"\\{Letters[letter]}" : $"\\u{(int)c:x4}";
        Connect(from, System.Text.Encoding.ASCII.GetBytes(escape), to);
    }

    void ConnectUtf8(int from, int low, int high, int to)
    {
        foreach (int last in (ReadOnlySpan<int>)[0x7F, 0x7FF, 0xFFFF])
        {
            if (low > last || high <= last) continue;
            ConnectUtf8(from, low, last, to);
            low = last + 1;
        }
        // Below the lowest bits in which the ends differ, all values must be there.
        for (int bits = 6; bits <= (high <= 0x7F ? 0 : high <= 0x7FF ? 6 : high <= 0xFFFF ? 12 : 18); bits += 6)
        {
            int mask = (1 << bits) - 1;
            if ((low & ~mask) == (high & ~mask)) continue;
            int cut = (low & mask) != 0 ? low | mask : (high & mask) != mask ? (high & ~mask) - 1 : -1;
            if (cut < 0) continue;
            ConnectUtf8(from, low, cut, to);
            ConnectUtf8(from, cut + 1, high, to);
            return;
        }
        Span<byte> first = stackalloc byte[4], final = stackalloc byte[4];
        int length = new System.Text.Rune(low).EncodeToUtf8(first);
        new System.Text.Rune(high).EncodeToUtf8(final);
        for (int i = 0; i < length; i++)
        {
            int next = i == length - 1 ? to : Add();
            Connect(from, first[i], final[i], next);
            from = next;
        }
    }

    sealed class SetComparer : IEqualityComparer<int[]>
    {
        public static readonly SetComparer Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] states)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(states.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
