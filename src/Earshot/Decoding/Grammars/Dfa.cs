namespace Earshot.Decoding.Grammars;

/// <summary>
/// A deterministic automaton over bytes, start at state 0, without dead ends: from each state a text leads on to the end, and the
/// shortest is known. Safe for several threads.
/// </summary>
sealed class Dfa
{
    /// <summary>No state.</summary>
    public const int Dead = -1;

    // Most states, those of literals, have one range of bytes; the others a row of the table.
    readonly byte[] _low, _high, _way;
    readonly int[] _target, _row, _distance;
    readonly byte[] _classes;
    readonly int[] _table;

    public Dfa(IReadOnlyList<List<(byte Low, byte High, int Target)>> edges, int[] distance)
    {
        int count = edges.Count;
        (_low, _high, _way, _target, _row, _distance) = (new byte[count], new byte[count], new byte[count], new int[count], new int[count],
            distance);
        var wide = edges.Where(state => state.Count > 1).ToList();
        _classes = wide.Count == 0 ? [] : ClassesOf(wide);
        int classes = wide.Count == 0 ? 0 : _classes.Max() + 1;
        _table = new int[wide.Count * classes];
        Array.Fill(_table, Dead);
        int row = 0;
        for (int state = 0; state < count; state++)
        {
            _row[state] = -1;
            _target[state] = Dead;
            if (edges[state].Count == 0) continue;
            var best = edges[state].MinBy(edge => distance[edge.Target]);
            _way[state] = best.Low;
            if (edges[state].Count == 1)
            {
                (_low[state], _high[state], _target[state]) = best;
                continue;
            }
            _row[state] = row;
            foreach (var (low, high, target) in edges[state])
                for (int b = low; b <= high; b++) _table[row + _classes[b]] = target;
            row += classes;
        }
    }

    public int Count => _target.Length;

    /// <summary>The fewest bytes of a whole text.</summary>
    public int Shortest => _distance[0];

    public int Next(int state, byte b)
    {
        int row = _row[state];
        if (row >= 0) return _table[row + _classes[b]];
        return b >= _low[state] && b <= _high[state] ? _target[state] : Dead;
    }

    public bool IsAccepting(int state) => _distance[state] == 0;

    /// <summary>The fewest bytes from a state to the end.</summary>
    public int Distance(int state) => _distance[state];

    /// <summary>The next byte on the shortest way from a state that is not accepting.</summary>
    public byte Way(int state) => _way[state];

    /// <summary>A byte that cannot be had and is on the shortest way from a state that is reached without such; null if there is
    /// none.</summary>
    public byte? FindRequired(HashSet<byte> missing)
    {
        if (!Array.Exists(_way, missing.Contains)) return null;
        var isReached = new bool[Count];
        var work = new Stack<int>([0]);
        while (work.TryPop(out int state))
        {
            if (isReached[state]) continue;
            isReached[state] = true;
            if (!IsAccepting(state) && missing.Contains(_way[state])) return _way[state];
            for (int b = 0; b < 256; b++)
                if (Next(state, (byte)b) is >= 0 and var next && !missing.Contains((byte)b)) work.Push(next);
        }
        return null;
    }

    /// <summary>Bytes that may follow: one if it is the only one, else two of them.</summary>
    public byte[] FirstBytes(int state)
    {
        if (_row[state] < 0) return _target[state] < 0 ? [] : _low[state] == _high[state] ? [_low[state]] : [_low[state], _high[state]];
        var found = new byte[2];
        int count = 0;
        for (int b = 0; b < 256 && count < 2; b++)
            if (Next(state, (byte)b) >= 0) found[count++] = (byte)b;
        return found[..count];
    }

    static byte[] ClassesOf(List<List<(byte Low, byte High, int Target)>> states)
    {
        var cuts = new bool[257];
        foreach (var (low, high, _) in states.SelectMany(state => state)) cuts[low] = cuts[high + 1] = true;
        var classes = new byte[256];
        for (int b = 1; b < 256; b++) classes[b] = (byte)(classes[b - 1] + (cuts[b] ? 1 : 0));
        return classes;
    }
}
