namespace Earshot.Decoding;

/// <summary>
/// Picks the likeliest hypothesis: log-probability over length, or over Google NMT's ((5 + length) / 6)^alpha (arXiv:1609.08144).
/// </summary>
sealed class MaximumLikelihoodRanker(float? lengthPenalty)
{
    public Hypothesis Best(IReadOnlyList<Hypothesis> hypotheses)
    {
        var best = hypotheses[0];
        for (int i = 1; i < hypotheses.Count; i++)
        {
            if (Score(hypotheses[i]) > Score(best)) best = hypotheses[i];
        }
        return best;
    }

    double Score(Hypothesis hypothesis)
    {
        int length = hypothesis.Tokens.Length;
        return hypothesis.SumLogprob / (lengthPenalty is { } alpha ? Math.Pow((5 + length) / 6.0, alpha) : Math.Max(1, length));
    }
}
