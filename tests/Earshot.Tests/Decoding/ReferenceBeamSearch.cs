using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>Beam search written for clarity: whole sequences in lists, everything sorted, float64.</summary>
internal static class ReferenceBeamSearch
{
    public static (int[] Tokens, double Average) Run(LanguageModel model, int[] prompt, WhisperTokenizer tokenizer, DecodingOptions options)
    {
        var running = new List<(int[] Tokens, double Score)> { ([], 0) };
        var finished = new List<(int[] Tokens, double Score)>();
        int wanted = (int)MathF.Round(options.BeamSize * options.Patience);
        var filters = WhisperLogitFilters.For(options, tokenizer, new() { AlignmentHeads = [] });
        for (int step = 0; step < options.MaxNewTokens && finished.Count < wanted && running.Count > 0; step++)
        {
            var candidates = new List<(int[] Tokens, int Next, double Score)>();
            foreach (var (tokens, score) in running)
            {
                var logits = new float[tokenizer.VocabSize];
                model([], [.. prompt, .. tokens], logits);
                foreach (var filter in filters) filter.Apply(logits, tokens);
                double normalizer = Math.Log(logits.Sum(v => Math.Exp(v)));
                candidates.AddRange(Enumerable.Range(0, logits.Length).Where(i => !float.IsNegativeInfinity(logits[i]))
                    .OrderByDescending(i => logits[i]).Take(options.BeamSize + 1).Select(i => (tokens, i, score + logits[i] - normalizer)));
            }
            running = [];
            foreach (var (tokens, next, score) in candidates.OrderByDescending(c => c.Score))
            {
                if (next == tokenizer.EndOfText)
                {
                    if (finished.Count < wanted) finished.Add((tokens, score));
                    continue;
                }
                running.Add(([.. tokens, next], score));
                if (running.Count == options.BeamSize) break;
            }
        }
        if (finished.Count < options.BeamSize) finished.AddRange(running.Take(options.BeamSize - finished.Count));
        var best = finished.MaxBy(f => f.Score / Math.Max(1, f.Tokens.Length));
        return (best.Tokens, best.Score / (best.Tokens.Length + 1));
    }
}
