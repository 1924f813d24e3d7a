namespace Earshot.Decoding;

/// <summary>Forbids or discourages tokens before one is chosen.</summary>
public abstract class LogitFilter
{
    /// <summary>Changes the logits that follow a hypothesis.</summary>
    /// <param name="logits">One value a token of the vocabulary.</param>
    /// <param name="sampled">The tokens decoded so far, without the prompt.</param>
    public abstract void Apply(Span<float> logits, ReadOnlySpan<int> sampled);
}

/// <summary>Forbids a transcript that begins with a lone space or ends at once.</summary>
public sealed class SuppressBlank(IReadOnlyList<int> tokens) : LogitFilter
{
    public override void Apply(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        if (!sampled.IsEmpty) return;
        for (int i = 0; i < tokens.Count; i++) logits[tokens[i]] = float.NegativeInfinity;
    }
}

/// <summary>Forbids tokens always.</summary>
public sealed class SuppressTokens(IEnumerable<int> tokens) : LogitFilter
{
    readonly int[] _tokens = [.. tokens.Order()];

    public override void Apply(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        foreach (int token in _tokens)
        {
            if ((uint)token < (uint)logits.Length) logits[token] = float.NegativeInfinity;
        }
    }
}

/// <summary>
/// Makes text tokens that were written already less likely (arXiv:1909.05858): a positive logit is divided, a negative one multiplied.
/// </summary>
public sealed class RepetitionPenalty(float penalty, int endOfText) : LogitFilter
{
    public override void Apply(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        for (int i = 0; i < sampled.Length; i++)
        {
            int token = sampled[i];
            // Once a token, however often it was written.
            if (token >= endOfText || sampled[..i].Contains(token)) continue;
            logits[token] = logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty;
        }
    }
}

/// <summary>Forbids the token that would complete a run of tokens a second time; runs hold no timestamps.</summary>
public sealed class NoRepeatNgram(int size, int endOfText) : LogitFilter
{
    public override void Apply(Span<float> logits, ReadOnlySpan<int> sampled)
    {
        int lead = size - 1;
        if (sampled.Length < lead) return;
        var tail = sampled[^lead..];
        for (int start = 0; start + lead < sampled.Length; start++)
        {
            int token = sampled[start + lead];
            if (token < endOfText && sampled.Slice(start, lead).SequenceEqual(tail) && !HoldsSpecial(tail))
                logits[token] = float.NegativeInfinity;
        }
    }

    bool HoldsSpecial(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if (token >= endOfText) return true;
        }
        return false;
    }
}
