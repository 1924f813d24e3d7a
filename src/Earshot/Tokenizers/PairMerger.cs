namespace Earshot.Tokenizers;

/// <summary>
/// Joins neighbouring symbols by a table of pairs, lowest rank first and among equals the leftmost, until no pair is in it: what all
/// byte-pair encodings have in common. n symbols take O(n log n) time; buffers are kept from piece to piece. Not for several threads.
/// </summary>
sealed class PairMerger(Dictionary<long, PairMerger.Merge> merges)
{
    // So few symbols are looked through faster than queued.
    const int Few = 24;

    readonly PriorityQueue<(int Position, int Left, int Right), long> _candidates = new();
    readonly int[] _ranks = new int[Few];
    int[] _ids = new int[64], _next = [], _previous = [];

    public readonly record struct Merge(int Rank, int Token);

    /// <summary>Called with the two parts when a pair is found in the table, and with what it would give.</summary>
    public Action<int, int, int>? Found { get; init; }

    public static long Key(int left, int right) => (long)left << 32 | (uint)right;

    /// <summary>The table of merges that are listed in order; a pair that is listed twice has its first rank.</summary>
    public static Dictionary<long, Merge> TableOf(IReadOnlyList<(int Left, int Right, int Merged)> merges)
    {
        var table = new Dictionary<long, Merge>(merges.Count);
        for (int rank = 0; rank < merges.Count; rank++)
            table.TryAdd(Key(merges[rank].Left, merges[rank].Right), new Merge(rank, merges[rank].Merged));
        return table;
    }

    /// <summary>Room for symbols, at most <paramref name="count"/>, which <see cref="Run"/> then joins.</summary>
    public Span<int> Symbols(int count)
    {
        if (_ids.Length < count) _ids = new int[Math.Max(count, Math.Min(2 * _ids.Length, Array.MaxLength))];
        return _ids.AsSpan(0, count);
    }

    /// <summary>Joins the first symbols of <see cref="Symbols"/> and adds what is left to the output.</summary>
    public void Run(int count, List<int> output)
    {
        if (count <= Few)
        {
            RunFew(count, output);
            return;
        }
        if (_next.Length < count) (_next, _previous) = (new int[_ids.Length], new int[_ids.Length]);
        for (int i = 0; i < count; i++)
        {
            _next[i] = i + 1;
            _previous[i] = i - 1;
        }
        for (int i = 0; i + 1 < count; i++) Propose(i, i + 1);
        while (_candidates.TryDequeue(out var pair, out _)) Join(pair.Position, pair.Left, pair.Right, count);
        for (int i = 0; i < count; i = _next[i]) output.Add(_ids[i]);
    }

    void RunFew(int count, List<int> output)
    {
        for (int i = 0; i + 1 < count; i++) _ranks[i] = RankOf(i);
        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++) if (_ranks[i] < _ranks[best]) best = i;
            if (_ranks[best] == int.MaxValue) break;
            _ids[best] = merges[Key(_ids[best], _ids[best + 1])].Token;
            count--;
            _ids.AsSpan(best + 2, count - best - 1).CopyTo(_ids.AsSpan(best + 1));
            if (count - best - 2 > 0) _ranks.AsSpan(best + 2, count - best - 2).CopyTo(_ranks.AsSpan(best + 1));
            if (best + 1 < count) _ranks[best] = RankOf(best);
            if (best > 0) _ranks[best - 1] = RankOf(best - 1);
        }
        output.AddRange(_ids.AsSpan(0, count));
    }

    int RankOf(int position)
    {
        if (!merges.TryGetValue(Key(_ids[position], _ids[position + 1]), out var merge)) return int.MaxValue;
        Found?.Invoke(_ids[position], _ids[position + 1], merge.Token);
        return merge.Rank;
    }

    /// <summary>Joins a pair, if neither of the two was joined with something else since it was proposed.</summary>
    void Join(int position, int left, int right, int count)
    {
        int second = _next[position];
        if (_ids[position] != left || second >= count || _ids[second] != right) return;
        _ids[position] = merges[Key(left, right)].Token;
        // A position that was joined to the one before it matches no candidate any more.
        _ids[second] = -1;
        int following = _next[position] = _next[second];
        if (following < count)
        {
            _previous[following] = position;
            Propose(position, following);
        }
        if (_previous[position] >= 0) Propose(_previous[position], position);
    }

    void Propose(int first, int second)
    {
        if (!merges.TryGetValue(Key(_ids[first], _ids[second]), out var merge)) return;
        Found?.Invoke(_ids[first], _ids[second], merge.Token);
        _candidates.Enqueue((first, _ids[first], _ids[second]), (long)merge.Rank << 32 | (uint)first);
    }
}
