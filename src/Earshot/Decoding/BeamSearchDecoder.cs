namespace Earshot.Decoding;

/// <summary>
/// Keeps the likeliest hypotheses running until enough have ended: beam size × patience of them (arXiv:2204.05424).
/// Follows <c>BeamSearchDecoder</c> of openai/whisper.
/// </summary>
sealed class BeamSearchDecoder(int beamSize, float patience, int endOfText) : TokenDecoder(beamSize)
{
    readonly int _maxCandidates = (int)MathF.Round(beamSize * patience);
    readonly Candidate[] _candidates = new Candidate[beamSize * (beamSize + 1)];
    // One more than the beam, so that enough remain when the end is among them.
    readonly int[] _topTokens = new int[beamSize + 1];
    readonly float[] _topLogits = new float[beamSize + 1];

    public override List<Hypothesis> Finish(HypothesisRows hypotheses)
    {
        // Rows stand in falling order of their sums already.
        for (int row = 0; row < hypotheses.Count && Finished.Count < Rows; row++) Finished.Add(hypotheses.Snapshot(row, 0));
        return Finished;
    }

    protected override bool Choose(ReadOnlySpan<float> logits, int vocabulary, HypothesisRows hypotheses)
    {
        int count = Collect(logits, vocabulary, hypotheses);
        var candidates = _candidates.AsSpan(0, count);
        // Equal scores keep their order, by row and then by rank.
        for (int rank = 0, saved = 0; rank < count && saved < Rows; rank++)
        {
            MoveBestToFront(candidates[rank..]);
            var (parent, token, logprob, _) = candidates[rank];
            if (token != endOfText)
            {
                Continue(parent, token, logprob);
                saved++;
            }
            else if (Finished.Count < _maxCandidates)
            {
                Finished.Add(hypotheses.Snapshot(parent, logprob));
            }
        }
        return Finished.Count >= _maxCandidates;
    }

    int Collect(ReadOnlySpan<float> logits, int vocabulary, HypothesisRows hypotheses)
    {
        int count = 0;
        for (int row = 0; row < hypotheses.Count; row++)
        {
            var rowLogits = logits.Slice(row * vocabulary, vocabulary);
            int top = Logits.TopK(rowLogits, _topTokens, _topLogits);
            if (top == 0) continue;
            float normalizer = Logits.LogSumExp(rowLogits, _topLogits[0]);
            for (int i = 0; i < top; i++)
            {
                float logprob = _topLogits[i] - normalizer;
                _candidates[count++] = new Candidate(row, _topTokens[i], logprob, hypotheses.Sum(row) + logprob);
            }
        }
        return count;
    }

    static void MoveBestToFront(Span<Candidate> candidates)
    {
        int best = 0;
        for (int i = 1; i < candidates.Length; i++)
        {
            if (candidates[i].Score > candidates[best].Score) best = i;
        }
        var candidate = candidates[best];
        candidates[..best].CopyTo(candidates[1..]);
        candidates[0] = candidate;
    }

    readonly record struct Candidate(int Parent, int Token, float Logprob, double Score);
}
