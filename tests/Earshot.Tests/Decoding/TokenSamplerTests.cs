using System.Text.Json;

namespace Earshot.Decoding;

/// <summary>What the filters leave, against transformers and llama.cpp, and that draws follow seeds and probabilities.</summary>
public class TokenSamplerTests
{
    [Theory]
    [InlineData(SamplingOrder.TemperatureFirst, "transformers")]
    [InlineData(SamplingOrder.TemperatureLast, "llama_cpp")]
    public void Filters_leave_what_the_reference_leaves(SamplingOrder order, string name)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Require("goldens/sampling/sampling.json")));
        var root = golden.RootElement;
        var logits = root.GetProperty("logits").EnumerateArray().Select(value => value.GetSingle()).ToArray();
        var history = root.GetProperty("history").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        int cases = 0;
        foreach (var item in root.GetProperty("cases").EnumerateArray())
        {
            var expected = item.GetProperty(name);
            if (expected.ValueKind == JsonValueKind.Null) continue;
            cases++;
            var parameters = item.GetProperty("parameters");
            float Value(string key, float absent) => parameters.TryGetProperty(key, out var value) ? value.GetSingle() : absent;
            var options = new SamplingOptions
            {
                Order = order,
                Temperature = Value("temperature", 1),
                TopK = (int)Value("top_k", 0),
                TopP = Value("top_p", 1),
                MinP = Value("min_p", 0),
                TypicalP = Value("typical_p", 1),
                RepetitionPenalty = Value("repetition_penalty", 1),
                PresencePenalty = Value("presence_penalty", 0),
                FrequencyPenalty = Value("frequency_penalty", 0),
            };
            var row = logits.ToArray();
            var found = new TokenSampler(options, history).Distribution(row);
            Assert.Equal(logits, row);
            var pairs = expected.EnumerateArray().ToDictionary(pair => pair[0].GetInt32(), pair => pair[1].GetDouble());
            Assert.Equal(pairs.Keys.Order(), found.Select(pair => pair.Token).Order());
            foreach (var (token, probability) in found) Assert.Equal(pairs[token], probability, 1e-6);
        }
        Assert.True(cases >= 21, $"{cases}");
    }

    [Fact]
    public void Whole_vocabularies_are_filtered_as_by_sorting_them()
    {
        var random = new Random(8);
        SamplingOptions[] all =
        [
            new() { TopK = 40, TopP = 0.95f }, new() { TopP = 0.91237f, Temperature = 0.7f }, new() { TopP = 0.99877f, Temperature = 3 },
            new() { MinP = 0.02f }, new() { TopK = 5, Order = SamplingOrder.TemperatureLast }, new() { TopK = 3000, TypicalP = 0.4f },
            new() { TypicalP = 0.2f }, new() { TopK = 1 }, new() { TopP = 1e-6f },
        ];
        foreach (float spread in (float[])[0, 0.5f, 3, 20])
        {
            var logits = Logit(random, 30_000, spread);
            foreach (var options in all)
            {
                var found = new TokenSampler(options, []).Distribution(logits.ToArray());
                var expected = Sorted(logits, options);
                Assert.Equal(expected.Count, found.Length);
                Assert.True(expected.SetEquals(found.Select(pair => pair.Token)), $"{spread} {options}");
                Assert.Equal(1, found.Sum(pair => pair.Probability), 1e-9);
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_text_in_any_company_and_however_often_it_is_asked()
    {
        var random = new Random(9);
        var rows = Enumerable.Range(0, 40).Select(_ => Logit(random, 200, 1)).ToArray();
        var options = new SamplingOptions { Seed = 42, TopK = 50 };
        var (alone, asked) = (new TokenSampler(options, []), new TokenSampler(options, []));
        var other = new TokenSampler(options with { Seed = 43 }, []);
        var texts = (new List<int>(), new List<int>(), new List<int>());
        foreach (var row in rows)
        {
            texts.Item1.Add(alone.Choose(row));
            asked.Choose(row);
            texts.Item2.Add(asked.Choose(row));
            texts.Item3.Add(other.Choose(row));
            alone.Accept(texts.Item1[^1]);
            asked.Accept(texts.Item2[^1]);
            other.Accept(texts.Item3[^1]);
        }
        Assert.Equal(texts.Item1, texts.Item2);
        Assert.NotEqual(texts.Item1, texts.Item3);
        var unseeded = new TokenSampler(options with { Seed = null }, []);
        Assert.Equal(
            unseeded.Choose(rows[0]), new TokenSampler(options with { Seed = unseeded.Seed }, []).Choose(rows[0]));
    }

    [Theory]
    [InlineData(0, 1f)]
    [InlineData(3, 1f)]
    [InlineData(0, 0.8f)]
    public void Tokens_are_drawn_as_often_as_they_are_likely(int topK, float topP)
    {
        float[] logits = [1, 0.5f, -1, float.NegativeInfinity, 2, 1];
        var options = new SamplingOptions { TopK = topK, TopP = topP, Temperature = 1.3f, Seed = 7 };
        var sampler = new TokenSampler(options, []);
        var counts = new int[logits.Length];
        const int draws = 40_000;
        for (int i = 0; i < draws; i++)
        {
            int token = sampler.Choose(logits);
            counts[token]++;
            sampler.Accept(token);
        }
        var expected = sampler.Distribution(logits).ToDictionary(pair => pair.Token, pair => pair.Probability);
        // Five standard deviations of a binomial count are 0.0125 at most.
        for (int token = 0; token < counts.Length; token++)
            Assert.Equal(expected.GetValueOrDefault(token), counts[token] / (double)draws, 0.0125);
        Assert.Equal(0, counts[3]);
    }

    [Fact]
    public void Greedy_takes_the_first_of_the_likeliest_and_obeys_biases()
    {
        float[] logits = [0, 3, 3, 1];
        Assert.Equal(1, Choose(new() { Temperature = 0 }));
        Assert.Equal(3, Choose(new() { Temperature = 0, LogitBias = new Dictionary<int, float> { [3] = 2.5f, [99] = 5 } }));
        Assert.Equal(2, Choose(new() { Temperature = 0, LogitBias = new Dictionary<int, float> { [1] = float.NegativeInfinity } }));
        Assert.Equal([0, 3, 3, 1], logits);
        Assert.Equal(0, new TokenSampler(new() { Temperature = 0 }, [], vocabSize: 1).Choose(logits));
        Assert.Throws<ModelException>(() => new TokenSampler(new() { Temperature = 0 }, []).Choose([float.NaN, 1]));
        SamplingOptions[] all = [new() { Temperature = 0 }, new(), new() { TopK = 1 }, new() { TopP = 0.5f }, new() { MinP = 1 }];
        foreach (var options in all)
            Assert.Throws<ModelException>(() => new TokenSampler(options, []).Choose([float.NegativeInfinity, float.NegativeInfinity]));

        int Choose(SamplingOptions options) => new TokenSampler(options, []).Choose(logits);
    }

    [Fact]
    public void Penalties_count_what_the_window_holds()
    {
        float[] logits = [2, 2, 2, 2];
        var options = new SamplingOptions { PresencePenalty = 0.5f, FrequencyPenalty = 0.25f, RepetitionPenalty = 2, PenaltyWindow = 3 };
        var sampler = new TokenSampler(options, [0, 1]);
        sampler.Accept(2);
        sampler.Accept(2);
        // The window holds 1 (of the prompt) and 2 twice; 0 has left it.
        Assert.Equal([2, 1, 0, 2], Logits());
        sampler.Accept(3);
        Assert.Equal([2, 2, 0, 0.25f], Logits());
        sampler.Accept(3);
        sampler.Accept(3);
        Assert.Equal([2, 2, 2, -0.25f], Logits());

        // Shown by what is left of two tokens, one at a time beside an unpenalised one.
        float[] Logits()
        {
            var distribution = sampler.Distribution([.. logits, 2]).ToDictionary(pair => pair.Token, pair => pair.Probability);
            return [.. Enumerable.Range(0, 4).Select(token => (float)Math.Round(2 + Math.Log(distribution[token] / distribution[4]), 4))];
        }
    }

    [Theory]
    [InlineData("Temperature")]
    [InlineData("TopK")]
    [InlineData("TopP")]
    [InlineData("MinP")]
    [InlineData("TypicalP")]
    [InlineData("RepetitionPenalty")]
    [InlineData("PresencePenalty")]
    [InlineData("FrequencyPenalty")]
    [InlineData("PenaltyWindow")]
    [InlineData("LogitBias")]
    public void Options_out_of_range_are_refused_by_name(string option)
    {
        var options = option switch
        {
            "Temperature" => new SamplingOptions { Temperature = float.NaN },
            "TopK" => new() { TopK = -1 },
            "TopP" => new() { TopP = 0 },
            "MinP" => new() { MinP = 1.5f },
            "TypicalP" => new() { TypicalP = float.NaN },
            "RepetitionPenalty" => new() { RepetitionPenalty = 0 },
            "PresencePenalty" => new() { PresencePenalty = float.PositiveInfinity },
            "FrequencyPenalty" => new() { FrequencyPenalty = float.NaN },
            "PenaltyWindow" => new() { PenaltyWindow = -1 },
            _ => new() { LogitBias = new Dictionary<int, float> { [-1] = 0 } },
        };
        var error = Assert.Throws<ArgumentException>(() => new TokenSampler(options, []));
        Assert.Equal(option, error.ParamName);
    }

    [Theory]
    [InlineData(40, 0.95f, 0f)]
    [InlineData(0, 0.9f, 0f)]
    [InlineData(0, 1f, 0.05f)]
    [InlineData(0, 1f, 0f)]
    public void A_step_allocates_nothing(int topK, float topP, float minP)
    {
        var sampler = new TokenSampler(new() { TopK = topK, TopP = topP, MinP = minP, RepetitionPenalty = 1.1f, Seed = 1 }, [1, 2, 3]);
        var logits = Logit(new Random(2), 20_000, 3);
        for (int i = 0; i < 3; i++) sampler.Accept(sampler.Choose(logits));
        Assert.Equal(0, Allocations.Least(() => sampler.Choose(logits)));
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_logits()
    {
        float[] logits = [1, 2, float.NegativeInfinity, 2, 0];
        Span<int> top = stackalloc int[3];
        Span<float> logprobs = stackalloc float[3];
        var (chosen, count) = TokenLogprobs.Of(logits, 4, top, logprobs);
        double sum = Math.Log(logits.Sum(logit => Math.Exp(logit)));
        Assert.Equal(3, count);
        Assert.Equal(-sum, chosen, 1e-6);
        Assert.Equal([1, 3, 0], top.ToArray());
        Assert.Equal(2 - sum, logprobs[1], 1e-6);
        Assert.Equal(1 - sum, logprobs[2], 1e-6);
    }

    static float[] Logit(Random random, int count, float spread) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)(spread * Math.Round(Math.Log(1 / (random.NextDouble() + 1e-9)), 2)))];

    /// <summary>The definition, in float64 over everything sorted.</summary>
    static HashSet<int> Sorted(float[] logits, SamplingOptions options)
    {
        var kept = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).ToList();
        if (options.TopK > 0)
        {
            float least = logits[kept[options.TopK - 1]];
            kept = options.Order == SamplingOrder.TemperatureFirst
                ? [.. kept.TakeWhile(i => logits[i] >= least)] : kept[..options.TopK];
        }
        double max = logits[kept[0]];
        double Weight(int i) => Math.Exp((logits[i] - max) / options.Temperature);
        double Total() => kept.Sum(Weight);
        if (options.TopP < 1)
        {
            double target = options.TopP * Total(), sum = 0;
            kept = [.. kept.TakeWhile(i => (sum += Weight(i)) - Weight(i) < target)];
        }
        if (options.MinP > 0) kept = [.. kept.Where(i => Weight(i) >= options.MinP)];
        if (options.TypicalP < 1)
        {
            double total = Total(), sum = 0;
            double entropy = -kept.Sum(i => Weight(i) / total * Math.Log(Weight(i) / total));
            double Surprise(int i) => Math.Abs(-Math.Log(Weight(i) / total) - entropy);
            var last = kept.OrderBy(Surprise).TakeWhile(i => (sum += Weight(i)) - Weight(i) < options.TypicalP * total).Last();
            kept = [.. kept.Where(i => Surprise(i) <= Surprise(last))];
        }
        return [.. kept];
    }
}
