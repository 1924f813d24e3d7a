namespace Earshot.Decoding.Alignment;

/// <summary>
/// The likeliest path of a text through a CTC model's positions (Viterbi, with the ties of torchaudio's <c>forced_align</c>). It is exact
/// whatever the lengths: a row of scores is kept now and then, from which a stretch is gone through again on the way back. State 2i is the
/// blank before token i, state 2i + 1 the token.
/// </summary>
/// <param name="logprobs">Log-probabilities, (positions, vocabulary).</param>
sealed class CtcTrellis(ReadOnlyMemory<float> logprobs, int vocabSize, int blank, CtcTargets targets)
{
    const int LeastBlock = 64;

    readonly int _positions = logprobs.Length / vocabSize;
    readonly int _tokens = targets.Tokens.Length;

    /// <summary>Positions from one kept row to the next, where the memory is to be the least.</summary>
    internal int? Block { get; init; }

    /// <summary>The state of each position.</summary>
    /// <exception cref="ModelException">There is no token, or there are fewer positions than the text takes.</exception>
    public int[] FindPath(CancellationToken cancellationToken = default)
    {
        if (_tokens == 0) throw new ModelException("There is no token to align.");
        if (_positions < targets.LeastPositions)
        {
            throw new ModelException(
                $"The sound has {_positions} positions, and the text takes at least {targets.LeastPositions}: " +
                "it is too short for the text. Check that they belong together.");
        }
        // Kept rows take 8 · tokens · positions / block bytes, and a stretch's steps block² at most.
        int block = Block ?? Math.Max(LeastBlock, (int)Math.Cbrt(4.0 * _tokens * _positions));
        var kept = new List<KeptScores>();
        var row = new TrellisTiles(targets);
        row.Begin(Position(0), blank);
        for (int t = 0, next; ; t = next)
        {
            if (t % block == 0)
            {
                // Only what lies apart is compared; small numbers keep their last bits.
                if (t > 0) row.Rebase(LowestAt(t), HighestAt(t));
                kept.Add(row.Keep(LowestAt(t), HighestAt(t)));
            }
            if (t + 1 == _positions) break;
            cancellationToken.ThrowIfCancellationRequested();
            int first = t + 1;
            next = Math.Min(Math.Min(t + TrellisTiles.PositionsAtOnce, _positions - 1), (t / block + 1) * block);
            var some = logprobs.Span[(first * vocabSize)..((next + 1) * vocabSize)];
            row.Advance(some, (vocabSize, blank), step => (LowestAt(first + step), HighestAt(first + step)));
        }
        var path = new int[_positions];
        int state = row.Blank(_tokens) > row.Token(_tokens - 1) ? 2 * _tokens : (2 * _tokens) - 1;
        for (int k = kept.Count - 1, last = _positions - 1; k >= 0; last = k-- * block)
            state = GoBack(kept[k], (k * block, last), state, path);
        return path;
    }

    /// <summary>The best score of a path that ends in each state, position by position: for tests.</summary>
    internal IEnumerable<float[]> Scores()
    {
        var row = new TrellisRow(targets);
        row.Begin(Position(0), blank);
        for (int t = 0; t < _positions; t++)
        {
            if (t > 0) row.Advance(Position(t), blank, 0, _tokens + 1);
            yield return [.. Enumerable.Range(0, (2 * _tokens) + 1).Select(s => s % 2 == 0 ? row.Blank(s / 2) : row.Token(s / 2))];
        }
    }

    /// <summary>Writes the states of a stretch down, from that of its last position, and returns that of its first.</summary>
    int GoBack(KeptScores kept, (int First, int Last) positions, int state, int[] path)
    {
        int count = positions.Last - positions.First, high = (state / 2) + 1;
        // All that the path may have come through, and what that depends on: a token less with each position.
        int low = Math.Max(0, high - count - 2), width = high - low;
        var row = new TrellisRow(targets, low, width);
        row.Restore(kept);
        var steps = new byte[count * width];
        for (int i = 0; i < count; i++)
        {
            int from = Math.Max(0, width - 2 - (count - i));
            row.Advance(Position(positions.First + i + 1), blank, from, steps.AsSpan(i * width, width));
        }
        for (int i = count; i > 0; i--)
        {
            path[positions.First + i] = state;
            byte step = steps[((i - 1) * width) + (state / 2) - low];
            state -= state % 2 == 0 ? step & TrellisRow.BlankStep : step >> TrellisRow.TokenShift;
        }
        path[positions.First] = state;
        return state;
    }

    ReadOnlySpan<float> Position(int t) => logprobs.Span.Slice(t * vocabSize, vocabSize);

    // Tokens that can have been reached, and from which the end can be.
    int HighestAt(int t) => Math.Min(_tokens, t) + 1;

    int LowestAt(int t) => Math.Max(0, _tokens - (_positions - t));
}
