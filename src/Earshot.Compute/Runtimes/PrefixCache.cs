using System.Runtime.InteropServices;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// Prompts that were computed, kept with their pages so that those which begin alike go on from there. Only what prompts computed is kept,
/// and not what steps wrote: the two differ in their last bits, and a prompt has the same bits whether its beginning was kept or not. What
/// is kept gives way as soon as a generation needs its pages. Used by whoever holds the page table locked.
/// </summary>
internal sealed class PrefixCache(PageTable pages, int mostPositions)
{
    const int MostEntries = 256;

    // The first has been unused for longest.
    readonly LinkedList<Entry> _entries = [];
    long _positions;

    /// <summary>Positions that entries hold, shared ones counted as often as they are held.</summary>
    public long Positions => _positions;

    public int Count => _entries.Count;

    /// <summary>
    /// The row that holds the longest beginning of some tokens, and how much of it, up to <paramref name="most"/>; a length of 0 where
    /// none does.
    /// </summary>
    /// <param name="adapter">What else the pasts depend on: only those with the same are found.</param>
    public (int Row, int Length) Find(ReadOnlySpan<int> tokens, LowRankAdapter? adapter, int most)
    {
        var (best, length) = ((LinkedListNode<Entry>?)null, 0);
        for (var node = _entries.Last; node is not null; node = node.Previous)
        {
            if (node.Value.Adapter != adapter) continue;
            int common = Math.Min(most, tokens.CommonPrefixLength(CollectionsMarshal.AsSpan(node.Value.Tokens)));
            if (common > length) (best, length) = (node, common);
        }
        if (best is null) return (0, 0);
        Touch(best);
        return (best.Value.Row, length);
    }

    /// <summary>Keeps what a row holds of some tokens, in place of an entry that they continue.</summary>
    public void Keep(int row, ReadOnlySpan<int> tokens, LowRankAdapter? adapter)
    {
        if (tokens.Length > mostPositions) return;
        for (var node = _entries.Last; node is not null; node = node.Previous)
        {
            var entry = node.Value;
            if (entry.Adapter != adapter) continue;
            int common = tokens.CommonPrefixLength(CollectionsMarshal.AsSpan(entry.Tokens));
            if (common < Math.Min(tokens.Length, entry.Tokens.Count)) continue;
            Touch(node);
            if (tokens.Length > entry.Tokens.Count) Hold(entry, row, tokens);
            return;
        }
        var added = new Entry(pages.AddRow(), adapter);
        _entries.AddLast(added);
        Hold(added, row, tokens);
    }

    /// <summary>Gives up what has been unused for longest; false where nothing is kept.</summary>
    public bool TryGiveUp()
    {
        if (_entries.First is not { } first) return false;
        _entries.RemoveFirst();
        _positions -= first.Value.Tokens.Count;
        pages.RemoveRow(first.Value.Row);
        return true;
    }

    void Hold(Entry entry, int row, ReadOnlySpan<int> tokens)
    {
        pages.Share(entry.Row, row, tokens.Length);
        _positions += tokens.Length - entry.Tokens.Count;
        entry.Tokens.Clear();
        entry.Tokens.AddRange(tokens);
        while (_positions > mostPositions || _entries.Count > MostEntries) TryGiveUp();
    }

    void Touch(LinkedListNode<Entry> node)
    {
        _entries.Remove(node);
        _entries.AddLast(node);
    }

    sealed record Entry(int Row, LowRankAdapter? Adapter)
    {
        public List<int> Tokens { get; } = [];
    }
}
