namespace Earshot.Compute;

/// <summary>
/// Neighbouring positions of one row's prompt: <paramref name="Count"/> tokens from position <paramref name="First"/> on, of which
/// the first is token <paramref name="Token"/> of the batch.
/// </summary>
public readonly record struct PromptStretch(int Row, int First, int Count, int Token);

/// <summary>
/// Which sequence each token of a step belongs to: a ragged batch laid flat. Token i extends row <c>Rows[i]</c> at position
/// <c>Positions[i]</c> and attends to memory slot <c>Slots[i]</c>. Tokens of one row come in order of position. A batch holds
/// either tokens of steps or stretches of prompts, which are computed in blocks: the two differ in their last bits, and a
/// token's bits depend on which of them it came in, but not on what else is in the batch.
/// </summary>
public sealed class BatchLayout
{
    /// <summary>
    /// Positions that a long prompt is computed in at once, from a multiple of as many on. With 512 a prompt of 4,096 comes within a
    /// few hundredths of an encoder's products (the bench's <c>prefill</c>), and a chunk's activations need little memory.
    /// </summary>
    public const int ChunkPositions = 512;

    int[] _rows = new int[16];
    int[] _positions = new int[16];
    int[] _slots = new int[16];
    PromptStretch[] _stretches = [];
    int _stretchCount;

    public int Count { get; private set; }

    public ReadOnlySpan<int> Rows => _rows.AsSpan(0, Count);

    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Count);

    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, Count);

    /// <summary>The stretches of prompts; none where the tokens are those of steps.</summary>
    public ReadOnlySpan<PromptStretch> Stretches => _stretches.AsSpan(0, _stretchCount);

    /// <summary>
    /// Where the chunk ends that begins at a position of a prompt: at the next multiple of <see cref="ChunkPositions"/>, or with
    /// the prompt.
    /// </summary>
    public static int ChunkEnd(int position, int length) => Math.Min(length, (position / ChunkPositions + 1) * ChunkPositions);

    public void Clear()
    {
        Count = 0;
        _stretchCount = 0;
    }

    /// <summary>Adds one token of a step; allocates only when the batch is larger than any before.</summary>
    public void Add(int row, int position, int slot)
    {
        if (_stretchCount > 0) throw new ModelException("A token of a step was added to a batch of prompts; expected batches of one kind.");
        Append(row, position, slot);
    }

    /// <summary>Adds a stretch of a row's prompt, which follows what the row holds before position <paramref name="first"/>.</summary>
    public void AddPrompt(int row, int first, int count, int slot = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (Count > 0 && _stretchCount == 0)
            throw new ModelException("A prompt was added to a batch of steps; expected batches of one kind.");
        foreach (var other in Stretches)
        {
            if (other.Row == row) throw new ModelException($"Row {row} has two stretches in one batch; expected one.");
        }
        if (_stretchCount == _stretches.Length) Array.Resize(ref _stretches, Math.Max(4, 2 * _stretchCount));
        _stretches[_stretchCount++] = new PromptStretch(row, first, count, Count);
        for (int i = 0; i < count; i++) Append(row, first + i, slot);
    }

    void Append(int row, int position, int slot)
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
