namespace Earshot.Decoding;

/// <summary>
/// The likeliest token of each position of a CTC model (Graves et al. 2006): equal neighbours are one, and blanks, which tell two equal
/// tokens apart, are left out.
/// </summary>
public sealed class CtcGreedyDecoder(int vocabSize, int blank)
{
    /// <summary>The tokens of logits (positions, vocabulary).</summary>
    /// <param name="logits">A row for each position.</param>
    /// <param name="first">
    /// The position that is decoded first, from which positions are counted. A token that goes on there from the position before was
    /// written with what came before.
    /// </param>
    /// <exception cref="ModelException">A logit is not a number.</exception>
    public List<TimedToken> Decode(ReadOnlySpan<float> logits, int first = 0)
    {
        int count = logits.Length / vocabSize;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, count);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        var (ids, logprobs) = (new int[count - first], new float[count - first]);
        for (int i = 0; i < ids.Length; i++)
        {
            var row = logits.Slice((first + i) * vocabSize, vocabSize);
            ids[i] = Logits.ArgMax(row);
            logprobs[i] = row[ids[i]] - Logits.LogSumExp(row, row[ids[i]]);
        }
        return Collapse(ids, logprobs, first > 0 ? Logits.ArgMax(logits.Slice((first - 1) * vocabSize, vocabSize)) : blank);
    }

    /// <summary>The tokens of a row of ids, one for each position.</summary>
    /// <param name="ids">The likeliest token of each position.</param>
    /// <param name="logprobs">Their log-probabilities.</param>
    /// <param name="previous">The token before the first position; null for none.</param>
    public List<TimedToken> Collapse(ReadOnlySpan<int> ids, ReadOnlySpan<float> logprobs, int? previous = null)
    {
        var tokens = new List<TimedToken>();
        for (int start = 0, end; start < ids.Length; start = end)
        {
            int id = ids[start];
            float sum = 0;
            for (end = start; end < ids.Length && ids[end] == id; end++) sum += logprobs[end];
            if (id != blank && !(start == 0 && id == previous)) tokens.Add(new TimedToken(id, start, end, sum / (end - start)));
        }
        return tokens;
    }
}
