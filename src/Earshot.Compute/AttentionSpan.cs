namespace Earshot.Compute;

/// <summary>
/// Which keys a query sees within its sequence, and what is added to the scores. The queries are at the last positions of the keys.
/// What is given applies together; a query that sees nothing gives zeros.
/// </summary>
public readonly record struct AttentionSpan
{
    /// <summary>Everything.</summary>
    public static AttentionSpan Everything => default;

    /// <summary>Its own position and those before.</summary>
    public static AttentionSpan Causal => new() { Right = 0 };

    /// <summary>Some positions before its own, and some after.</summary>
    public static AttentionSpan Window(int left, int right) => new() { Left = left, Right = right };

    /// <summary>Its own chunk of positions and some chunks before, all if null.</summary>
    public static AttentionSpan Chunks(int size, int? leftChunks = null) => new() { Chunk = size, LeftChunks = leftChunks };

    /// <summary>How many positions before its own are seen; null: all.</summary>
    public int? Left { get; init; }

    /// <summary>How many positions after its own are seen; null: all.</summary>
    public int? Right { get; init; }

    /// <summary>Positions of a chunk, of which those after the query's own are hidden; zero: none.</summary>
    public int Chunk { get; init; }

    /// <summary>How many chunks before its own are seen; null: all.</summary>
    public int? LeftChunks { get; init; }

    /// <summary>How many keys each sequence has, (batch) of int32; those behind are padding. Null: all.</summary>
    public Tensor? Lengths { get; init; }

    /// <summary>What is added to the scores: (batch or 1, heads or 1, queries, keys). Null: nothing.</summary>
    public Tensor? Bias { get; init; }
}

/// <summary>Which keys the query at a position sees: all, or one run, both of whose ends move on with the position.</summary>
internal readonly record struct KeySpan
{
    readonly int _left;
    readonly int _right;
    readonly int _chunk;
    readonly int _leftChunks;

    public KeySpan(in AttentionSpan span, Heads heads, int keys)
    {
        _left = heads.Window > 0 ? heads.Window - 1 : span.Left ?? int.MaxValue;
        _right = heads.Causal ? 0 : span.Right ?? int.MaxValue;
        _chunk = span.Chunk;
        _leftChunks = span.LeftChunks ?? int.MaxValue;
        End = keys;
        IsLimited = heads.Causal || heads.Window > 0 || span.Left is not null || span.Right is not null || span.Chunk > 0;
    }

    /// <summary>Whether something may be hidden.</summary>
    public bool IsLimited { get; private init; }

    /// <summary>The key behind the last that any query may see.</summary>
    public int End { get; private init; }

    /// <summary>The same where only some keys are not padding.</summary>
    public KeySpan Until(int length) => this with { End = Math.Clamp(length, 0, End), IsLimited = true };

    /// <summary>The first key that is seen, if any is.</summary>
    public int From(int position)
    {
        long from = position - (long)_left;
        if (_chunk > 0) from = Math.Max(from, (ChunkOf(position) - (long)_leftChunks) * _chunk);
        return (int)Math.Clamp(from, 0, End);
    }

    /// <summary>The key behind the last that is seen.</summary>
    public int To(int position)
    {
        long to = position + 1L + _right;
        if (_chunk > 0) to = Math.Min(to, (ChunkOf(position) + 1L) * _chunk);
        return (int)Math.Clamp(to, 0, End);
    }

    // Positions before the first key are in chunks below zero.
    int ChunkOf(int position) => position >= 0 ? position / _chunk : (position + 1) / _chunk - 1;
}
