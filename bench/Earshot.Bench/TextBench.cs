using System.Diagnostics;
using System.Globalization;
using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Bench;

/// <summary>What a language model's text costs beside its layers: encoding, decoding, and the choice of a token among 152,064.</summary>
internal static class TextBench
{
    const int Vocabulary = 152_064;

    public static void Run(string folder, int rounds)
    {
        var tokenizer = TextTokenizer.Load(folder);
        Report("load the tokenizer", rounds, () => TextTokenizer.Load(folder));
        tokenizer.Encode("a");
        var prose = string.Concat(Enumerable.Repeat(
            "The night train, 4 minutes late, left the harbour's lights behind; nobody said a word.\n", 12_000));
        var mixed = string.Concat(Enumerable.Repeat("漢字かな交じり文 Straße 123 {\"k\": [1.5, null]} 👩‍👩‍👧 ", 16_000));
        foreach (var (name, text) in ((string, string)[])
        [
            ("1 MB of prose", prose[..1_000_000]), ("600,000 chars of all kinds", mixed[..600_000]), ("100,000 × a", new('a', 100_000)),
            ("1 M × a", new('a', 1_000_000)),
        ])
        {
            var ids = tokenizer.Encode(text);
            Report($"encode {name}, {ids.Length} tokens", rounds, () => tokenizer.Encode(text));
            Report($"decode {name}", rounds, () => tokenizer.Decode(ids));
        }

        var random = new Random(1);
        var logits = Enumerable.Range(0, Vocabulary)
            .Select(_ => 3 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))
            .Select(value => (float)value).ToArray();
        var history = Enumerable.Range(0, 2000).ToArray();
        foreach (var (name, options) in ((string, SamplingOptions)[])
        [
            ("greedy", new() { Temperature = 0 }), ("top-k 40, top-p 0.95", new() { TopK = 40, TopP = 0.95f }),
            ("the same and penalties over 2,000", new() { TopK = 40, TopP = 0.95f, RepetitionPenalty = 1.1f }),
            ("top-p 0.95", new() { TopP = 0.95f }), ("min-p 0.05", new() { MinP = 0.05f }), ("no filter", new()),
            ("typical-p 0.9", new() { TypicalP = 0.9f }),
        ])
        {
            var sampler = new TokenSampler(options, history);
            Report($"choose: {name}", 10 * rounds, () => sampler.Accept(sampler.Choose(logits)));
        }
        int[] top = new int[20];
        var logprobs = new float[20];
        Report("log-probabilities of 20", 10 * rounds, () => TokenLogprobs.Of(logits, 1, top, logprobs));
    }

    static void Report(string what, int rounds, Action action)
    {
        action();
        var times = new double[rounds];
        for (int i = 0; i < rounds; i++)
        {
            var watch = Stopwatch.StartNew();
            action();
            times[i] = watch.Elapsed.TotalMilliseconds;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{times.Median(),10:0.000} ms  {what}"));
    }
}
