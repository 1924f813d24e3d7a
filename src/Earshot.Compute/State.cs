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

/// <summary>One layer's keys and values of past positions for causal self-attention, in the pages of a <see cref="PageTable"/>.</summary>
public abstract class KeyValueCache : State
{
    /// <summary>Bytes of memory that pages take now.</summary>
    public abstract long Bytes { get; }

    /// <summary>What <see cref="PageTable.Grow"/> asks for: the first positions of a page become those of another.</summary>
    public abstract void CopyPage(PageCopy copy);
}

/// <summary>Keys and values computed once from an encoder's output and attended to at every step: (slots, positions, width).</summary>
public abstract class CrossAttentionMemory : State;

/// <summary>The last frames of sequences that go on, such as a convolution reaches back to: (rows, frames, size), zeros at first.</summary>
public abstract class FrameTail : State
{
    /// <summary>A row's frames are zeros again, as before its sequence began.</summary>
    public abstract void Reset(int row);
}

/// <summary>Hidden and cell values of a recurrent layer, (rows, size) each, zero at first.</summary>
public abstract class RecurrentState : State
{
    /// <summary>Back to zeros, as before the first step.</summary>
    public abstract void Reset();
}
