namespace Earshot.Decoding;

/// <summary>Takes the likeliest token, or above temperature 0 draws one, in several independent rows.</summary>
sealed class GreedyDecoder(int rows, float temperature, ulong seed, int endOfText) : TokenDecoder(rows)
{
    SeededRandom _random = new(seed);

    public override void Reset()
    {
        base.Reset();
        _random = new SeededRandom(seed);
    }

    public override List<Hypothesis> Finish(HypothesisRows hypotheses)
    {
        for (int row = 0; row < hypotheses.Count; row++) Finished.Add(hypotheses.Snapshot(row, 0));
        return Finished;
    }

    protected override bool Choose(ReadOnlySpan<float> logits, int vocabulary, HypothesisRows hypotheses)
    {
        // All rows begin with the prompt's logits, which are given once.
        bool first = hypotheses.Length == 0;
        int count = first ? Rows : hypotheses.Count;
        for (int row = 0; row < count; row++)
        {
            int parent = first ? 0 : row;
            var rowLogits = logits.Slice(parent * vocabulary, vocabulary);
            int token = temperature > 0 ? Logits.Sample(rowLogits, temperature, _random.NextDouble()) : Logits.ArgMax(rowLogits);
            float logprob = rowLogits[token] - Logits.LogSumExp(rowLogits);
            if (token == endOfText) Finished.Add(hypotheses.Snapshot(parent, logprob));
            else Continue(parent, token, logprob);
        }
        return false;
    }
}
