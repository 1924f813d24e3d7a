using System.Numerics;

namespace Earshot.Decoding.Grammars;

/// <summary>
/// Holds the tokens of one text to a grammar. With a limit on tokens, only those are allowed after which the text can still be completed
/// within it, so that a text that is cut at the limit is whole. Not for several threads at once, forks of one text included.
/// </summary>
sealed class GrammarConstraint
{
    readonly GrammarVocabulary _vocabulary;
    readonly MaskBuilder _masks;
    readonly ulong[] _mask;
    readonly int? _maxTokens;
    readonly List<Place> _past = [];
    Place _now;
    bool _isMaskCurrent;

    /// <param name="maxTokens">The most tokens of the text, without the one that ends it; null for no limit.</param>
    /// <exception cref="ModelException">The vocabulary cannot write the grammar's texts, or the limit is below the shortest.</exception>
    public GrammarConstraint(Grammar grammar, GrammarVocabulary vocabulary, int? maxTokens = null)
    {
        (_vocabulary, _maxTokens) = (vocabulary, maxTokens);
        _masks = new MaskBuilder(vocabulary);
        _mask = new ulong[vocabulary.MaskWords];
        vocabulary.CheckWritable(grammar);
        var start = GrammarState.Start(grammar);
        int[] shortest = vocabulary.Cut(ShortestText.Of(start))?.ToArray()
            ?? throw new ModelException("The model's tokens cannot write the grammar's shortest text: bytes of it are no token.");
        MinimumTokens = shortest.Length;
        if (maxTokens < shortest.Length)
        {
            throw new ModelException(
                $"The limit of {maxTokens} tokens is below the shortest text that the grammar allows, {shortest.Length} tokens. " +
                "Raise the limit, or ask for less.");
        }
        _now = new(start, shortest, 0);
    }

    GrammarConstraint(GrammarConstraint other)
    {
        (_vocabulary, _maxTokens, _masks, _now) = (other._vocabulary, other._maxTokens, other._masks, other._now);
        (_mask, _past, MinimumTokens) = (new ulong[other._mask.Length], [.. other._past], other.MinimumTokens);
    }

    /// <summary>The tokens of the shortest text, of which the limit must allow at least as many.</summary>
    public int MinimumTokens { get; }

    /// <summary>How many tokens were accepted, ending ones not counted.</summary>
    public int Length => _past.Count;

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete => _now.State.IsComplete;

    /// <summary>Whether the text is whole and nothing may follow but its end.</summary>
    public bool IsOver => IsComplete && !_now.State.NextBytes().Any();

    /// <summary>The fewest bytes to the end of the text.</summary>
    public int BytesLeft => _now.State.Bytes;

    /// <summary>The only token that may follow; null where there are several, or the text may end.</summary>
    public int? ForcedToken
    {
        get
        {
            if (IsComplete) return null;
            int found = -1;
            var mask = Mask;
            for (int word = 0; word < mask.Length; word++)
            {
                if (mask[word] == 0) continue;
                if (found >= 0 || !BitOperations.IsPow2(mask[word])) return null;
                found = 64 * word + BitOperations.TrailingZeroCount(mask[word]);
            }
            return found < 0 ? null : found;
        }
    }

    /// <summary>A bit for each token that may follow, ending ones among them where the text may end.</summary>
    public ReadOnlySpan<ulong> Mask
    {
        get
        {
            if (_isMaskCurrent) return _mask;
            int left = _maxTokens is { } most ? most - Length - 1 : int.MaxValue;
            if (left >= 0) _masks.Fill(_now.State, left, _mask);
            else Array.Clear(_mask);
            // The shortest text may be fewer tokens than bytes: while it has been followed, it can be followed on.
            if (_now.Followed < _now.Shortest.Length) Set(_now.Shortest[_now.Followed]);
            if (IsComplete) foreach (int end in _vocabulary.EndTokens) Set(end);
            _isMaskCurrent = true;
            return _mask;
        }
    }

    public bool Allows(int token) => (uint)token < (uint)_vocabulary.Count && (Mask[token >> 6] >> token & 1) != 0;

    /// <summary>Sets the logits of all tokens that may not follow to negative infinity.</summary>
    public void Apply(Span<float> logits)
    {
        var mask = Mask;
        for (int start = 0; start < logits.Length; start += 64)
        {
            var block = logits[start..Math.Min(start + 64, logits.Length)];
            ulong allowed = start / 64 < mask.Length ? mask[start / 64] : 0;
            if (allowed == ulong.MaxValue) continue;
            if (allowed == 0)
            {
                block.Fill(float.NegativeInfinity);
                continue;
            }
            for (int i = 0; i < block.Length; i++)
                if ((allowed >> i & 1) == 0) block[i] = float.NegativeInfinity;
        }
    }

    /// <summary>Goes on by a token; false, and nothing changes, where it may not follow. Tokens that end the text change nothing.</summary>
    public bool TryAccept(int token)
    {
        if (_vocabulary.EndTokens.Contains(token)) return IsComplete;
        if (_maxTokens is not null && !Allows(token)) return false;
        var bytes = _vocabulary.Bytes(token);
        if (bytes.IsEmpty) return false;
        var state = _now.State;
        foreach (byte b in bytes)
        {
            if (state.Next(b) is not { } next) return false;
            state = next;
        }
        bool isFollowing = _now.Followed < _now.Shortest.Length && _now.Shortest[_now.Followed] == token;
        _past.Add(_now);
        _now = new(state, isFollowing ? _now.Shortest : [], isFollowing ? _now.Followed + 1 : 0);
        _isMaskCurrent = false;
        return true;
    }

    /// <summary>Takes the last tokens back, as a draft that was refused.</summary>
    public void Rollback(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, Length);
        if (tokens == 0) return;
        _now = _past[^tokens];
        _past.RemoveRange(Length - tokens, tokens);
        _isMaskCurrent = false;
    }

    /// <summary>The same place, going its own way from here on.</summary>
    public GrammarConstraint Fork() => new(this);

    /// <summary>
    /// Tokens that can be written without asking the model: those of the bytes that are the only ones, cut as a model would cut them, but
    /// for a last one that could be longer.
    /// </summary>
    public List<int> ForcedTokens()
    {
        var text = new List<byte>();
        var state = _now.State;
        while (!state.IsComplete && OnlyByte(state) is { } b && state.Next(b) is { } next)
        {
            text.Add(b);
            state = next;
        }
        byte[] bytes = [.. text];
        var forced = new List<int>();
        int most = _maxTokens is { } limit ? limit - Length : int.MaxValue;
        for (int at = 0; at < bytes.Length && forced.Count < most;)
        {
            var rest = bytes.AsSpan(at);
            int token = _vocabulary.Trie.Longest(rest);
            // A longer one might begin here and reach beyond the forced bytes.
            if (token < 0 || (!state.IsComplete && _vocabulary.Trie.HoldsLonger(rest))) break;
            forced.Add(token);
            at += _vocabulary.Bytes(token).Length;
        }
        return _maxTokens is null ? forced : WithinLimit(forced);
    }

    /// <summary>As many as the limit allows, tried out on a fork.</summary>
    List<int> WithinLimit(List<int> tokens)
    {
        var fork = Fork();
        return [.. tokens.TakeWhile(fork.TryAccept)];
    }

    static byte? OnlyByte(GrammarState state)
    {
        byte? only = null;
        foreach (byte b in state.NextBytes())
        {
            if (only is not null && only != b) return null;
            only = b;
        }
        return only;
    }

    void Set(int token) => _mask[token >> 6] |= 1UL << token;

    /// <param name="Shortest">The shortest text's tokens, as long as nothing else was written.</param>
    sealed record Place(GrammarState State, int[] Shortest, int Followed);
}
