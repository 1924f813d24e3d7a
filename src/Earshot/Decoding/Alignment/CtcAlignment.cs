namespace Earshot.Decoding.Alignment;

/// <summary>A token of an aligned text and where it is said.</summary>
/// <param name="Id">The token.</param>
/// <param name="Start">The first position that it takes.</param>
/// <param name="End">The position after its last one.</param>
/// <param name="Probability">How likely it is, on average over its positions.</param>
public readonly record struct AlignedToken(int Id, int Start, int End, float Probability);

/// <summary>
/// Forced alignment: where the tokens of a known text are said, by what a CTC model hears (Kürzinger et al. 2020, arXiv 2007.09127; the
/// path is that of torchaudio's <c>forced_align</c>).
/// </summary>
public static class CtcAlignment
{
    /// <summary>The place of each token, in order. Time grows with positions times tokens, memory much less.</summary>
    /// <param name="logprobs">Log-probabilities (natural), (positions, vocabulary).</param>
    /// <param name="vocabSize">Tokens of the vocabulary.</param>
    /// <param name="blank">The token that stands for nothing.</param>
    /// <param name="tokens">The text's, without blanks.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or a token is none of the vocabulary's or the blank.</exception>
    /// <exception cref="ModelException">There is no token, or there are fewer positions than the text takes.</exception>
    public static IReadOnlyList<AlignedToken> Align(
        ReadOnlyMemory<float> logprobs, int vocabSize, int blank, IReadOnlyList<int> tokens, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)blank, (uint)vocabSize);
        if (logprobs.Length % vocabSize != 0)
            throw new ArgumentException($"{logprobs.Length} values are no rows of {vocabSize}.", nameof(logprobs));
        if (tokens.Any(token => (uint)token >= (uint)vocabSize || token == blank))
            throw new ArgumentException($"A token is the blank, or is not below {vocabSize}.", nameof(tokens));
        var targets = new CtcTargets(tokens);
        return Spans(logprobs.Span, vocabSize, targets, new CtcTrellis(logprobs, vocabSize, blank, targets).FindPath(cancellationToken));
    }

    /// <summary>The tokens of a path; a star is as likely as can be.</summary>
    internal static List<AlignedToken> Spans(ReadOnlySpan<float> logprobs, int vocabSize, CtcTargets targets, ReadOnlySpan<int> path)
    {
        var spans = new List<AlignedToken>(targets.Tokens.Length);
        for (int start = 0, end; start < path.Length; start = end)
        {
            double sum = 0;
            int state = path[start], id = state % 2 == 0 ? 0 : targets.Tokens[state / 2];
            for (end = start; end < path.Length && path[end] == state; end++)
                sum += id == CtcTargets.Star ? 1 : Math.Exp(logprobs[(end * vocabSize) + id]);
            if (state % 2 != 0) spans.Add(new AlignedToken(id, start, end, (float)(sum / (end - start))));
        }
        return spans;
    }
}
