namespace Earshot.Decoding.Grammars;

/// <summary>Makes automata of states and edges, leaving out what leads nowhere.</summary>
sealed class DfaBuilder(GrammarBudget budget)
{
    readonly List<List<(byte Low, byte High, int Target)>> _edges = [];
    readonly List<bool> _accepting = [];

    /// <summary>The next byte's state; false where there is none.</summary>
    public delegate bool Step<T>(T state, byte b, out T next);

    public int Add(bool isAccepting)
    {
        budget.Spend(8);
        _edges.Add([]);
        _accepting.Add(isAccepting);
        return _edges.Count - 1;
    }

    /// <summary>Exactly these texts.</summary>
    public static Dfa Words(IEnumerable<byte[]> words, GrammarBudget budget)
    {
        var builder = new DfaBuilder(budget);
        builder.Add(false);
        foreach (var word in words)
        {
            int state = 0;
            foreach (byte b in word)
            {
                int edge = builder._edges[state].FindIndex(candidate => candidate.Low == b);
                int next = edge >= 0 ? builder._edges[state][edge].Target : builder.Add(false);
                if (edge < 0) builder._edges[state].Add((b, b, next));
                state = next;
            }
            builder._accepting[state] = true;
        }
        return builder.Build();
    }

    /// <summary>All states that are reached from a first one.</summary>
    /// <param name="ranges">Bytes that no step tells apart; what is in none leads nowhere.</param>
    public static Dfa Explore<T>(
        T start, IReadOnlyList<(byte Low, byte High)> ranges, Step<T> step, Func<T, bool> accepts, GrammarBudget budget,
        IEqualityComparer<T>? comparer = null) where T : notnull
    {
        var builder = new DfaBuilder(budget);
        var numbers = new Dictionary<T, int>(comparer) { [start] = builder.Add(accepts(start)) };
        var states = new List<T> { start };
        for (int at = 0; at < states.Count; at++)
        {
            GrammarBudget.CheckStates(states.Count);
            budget.Spend(ranges.Count);
            foreach (var (low, high) in ranges)
            {
                if (!step(states[at], low, out var next)) continue;
                if (!numbers.TryGetValue(next, out int number))
                {
                    numbers[next] = number = builder.Add(accepts(next));
                    states.Add(next);
                }
                builder.Connect(at, low, high, number);
            }
        }
        return builder.Build();
    }

    /// <summary>The texts that both have.</summary>
    public static Dfa Intersect(Dfa left, Dfa right, GrammarBudget budget) => Explore(
        (Left: 0, Right: 0), [.. Enumerable.Range(0, 256).Select(b => ((byte)b, (byte)b))],
        ((int Left, int Right) state, byte b, out (int Left, int Right) next) =>
        {
            next = (left.Next(state.Left, b), right.Next(state.Right, b));
            return next.Left >= 0 && next.Right >= 0;
        },
        state => left.IsAccepting(state.Left) && right.IsAccepting(state.Right), budget);

    /// <exception cref="GrammarException">No text is in it.</exception>
    public Dfa Build()
    {
        var distance = Distances();
        if (distance[0] == int.MaxValue) throw new GrammarException("nothing satisfies it.");
        var numbers = new int[_edges.Count];
        int count = 0;
        for (int state = 0; state < numbers.Length; state++) numbers[state] = distance[state] == int.MaxValue ? Dfa.Dead : count++;
        var kept = _edges.Where((_, state) => numbers[state] >= 0)
            .Select(edges => edges.Where(edge => numbers[edge.Target] >= 0)
                .Select(edge => (edge.Low, edge.High, numbers[edge.Target])).ToList())
            .ToList();
        return new Dfa(kept, [.. distance.Where(bytes => bytes != int.MaxValue)]);
    }

    void Connect(int from, byte low, byte high, int to)
    {
        var edges = _edges[from];
        if (edges.Count > 0 && edges[^1] is var last && last.Target == to && last.High + 1 == low) edges[^1] = (last.Low, high, to);
        else edges.Add((low, high, to));
    }

    /// <summary>The fewest bytes from each state to an accepting one.</summary>
    int[] Distances()
    {
        var before = new List<int>[_edges.Count];
        for (int state = 0; state < before.Length; state++)
            foreach (var edge in _edges[state]) (before[edge.Target] ??= []).Add(state);
        var distance = new int[_edges.Count];
        var queue = new Queue<int>();
        for (int state = 0; state < distance.Length; state++)
        {
            distance[state] = _accepting[state] ? 0 : int.MaxValue;
            if (_accepting[state]) queue.Enqueue(state);
        }
        while (queue.TryDequeue(out int state))
        {
            foreach (int earlier in before[state] ?? [])
            {
                if (distance[earlier] != int.MaxValue) continue;
                distance[earlier] = distance[state] + 1;
                queue.Enqueue(earlier);
            }
        }
        return distance;
    }
}
