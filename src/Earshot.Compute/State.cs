namespace Earshot.Compute;

/// <summary>What outlives a call: a backend makes it, operations read and update it.</summary>
public abstract class State : IDisposable
{
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}

/// <summary>Keys and values of past positions for causal self-attention: (rows, capacity, width) each.</summary>
public abstract class KeyValueCache : State
{
    /// <summary>Row r takes over the past of row <c>parents[r]</c>, as when beams are reordered; only the first <paramref name="length"/> positions matter.</summary>
    public abstract void Reorder(ReadOnlySpan<int> rows, ReadOnlySpan<int> parents, int length);
}

/// <summary>Keys and values computed once from an encoder's output and attended to at every step: (slots, positions, width).</summary>
public abstract class AttentionMemory : State;

/// <summary>Hidden and cell values of a recurrent layer, (rows, size) each, zero at first.</summary>
public abstract class RecurrentState : State
{
    /// <summary>Back to zeros, as before the first step.</summary>
    public abstract void Reset();
}

/// <summary>
/// Which sequence each token of a step belongs to: a ragged batch laid flat. Token i extends row <c>Rows[i]</c> at position
/// <c>Positions[i]</c> and attends to memory slot <c>Slots[i]</c>. Tokens of one row come in order of position.
/// </summary>
public sealed class BatchLayout
{
    int[] _rows = new int[16];
    int[] _positions = new int[16];
    int[] _slots = new int[16];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Rows => _rows.AsSpan(0, Count);

    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Count);

    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, Count);

    public void Clear() => Count = 0;

    /// <summary>Adds one token; allocates only when the batch is larger than any before.</summary>
    public void Add(int row, int position, int slot)
    {
        if (Count == _rows.Length)
        {
            Array.Resize(ref _rows, Count * 2);
            Array.Resize(ref _positions, Count * 2);
            Array.Resize(ref _slots, Count * 2);
        }
        _rows[Count] = row;
        _positions[Count] = position;
        _slots[Count] = slot;
        Count++;
    }
}
