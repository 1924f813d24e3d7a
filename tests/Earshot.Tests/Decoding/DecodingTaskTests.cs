using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Recognition;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Tests.Decoding;

public class DecodingTaskTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;
    static readonly DecodingOptions s_plain =
        new() { BeamSize = 1, BestOf = 1, WithoutTimestamps = true, SuppressTokens = [], MaxNewTokens = 24 };

    [Fact]
    public void Greedy_writes_the_likeliest_tokens_and_sums_their_probabilities()
    {
        int[] script = [SmallTokenizer.Word(0), SmallTokenizer.Word(3)];
        var result = Run(LanguageModels.Script(s_tokenizer, _ => script), s_plain);
        Assert.Equal(script, result.Tokens);
        Assert.Equal("alpha delta", result.Text);
        Assert.InRange(result.AvgLogprob, -1e-6f, 0);
        Assert.Equal(2, result.TokenLogprobs.Count);
    }

    [Fact]
    public void The_average_counts_the_end_and_divides_by_one_more()
    {
        // Three steps, each with two equal choices: the average is -log 2 × 3 / 3.
        int[] script = [SmallTokenizer.Word(0), SmallTokenizer.Word(3)];
        var plain = LanguageModels.Script(s_tokenizer, _ => script);
        var result = Run((window, tokens, logits) =>
        {
            plain(window, tokens, logits);
            // A rival with a higher index is never chosen.
            logits[s_tokenizer.NoTimestamps] = 20;
        }, s_plain);
        Assert.Equal(script, result.Tokens);
        Assert.Equal(-Math.Log(2), result.AvgLogprob, 1e-4);
    }

    [Fact]
    public void The_no_speech_probability_is_that_after_the_start_of_the_transcript()
    {
        LanguageModel model = (_, tokens, logits) =>
        {
            logits.Fill(-100);
            logits[tokens[^1] == s_tokenizer.StartOfTranscript ? s_tokenizer.NoSpeech : s_tokenizer.EndOfText] = MathF.Log(3);
            logits[SmallTokenizer.Word(1)] = 0;
        };
        Assert.Equal(0.75, Run(model, s_plain).NoSpeechProb, 1e-4);
        Assert.Equal(0.75, Run(model, s_plain with { Prompt = new[] { 65, 66 }, Prefix = "A" }).NoSpeechProb, 1e-4);
    }

    [Fact]
    public void The_prompt_is_hotwords_previous_text_options_and_prefix()
    {
        using var runtime = new ScriptedRuntime(s_tokenizer, LanguageModels.Script(s_tokenizer, _ => [65]));
        using var audio = runtime.Encode(new float[20], 20);
        var task = DecodingCalls.Task(runtime, s_tokenizer);
        task.Run(audio, s_plain with { Prompt = new[] { 70, 71 }, Hotwords = "x" });
        task.Run(audio, s_plain with { Prompt = new[] { 70, 71 }, Hotwords = "x", Prefix = "y" });
        task.Run(audio, s_plain with { Prompt = Enumerable.Repeat(72, 1000).ToArray(), WithoutTimestamps = false });
        Assert.Equal(
            [s_tokenizer.StartOfPrevious, ' ', 'x', 70, 71, s_tokenizer.StartOfTranscript, s_tokenizer.NoTimestamps], runtime.Prompts[0]);
        Assert.Equal(
            [s_tokenizer.StartOfPrevious, 70, 71, s_tokenizer.StartOfTranscript, s_tokenizer.NoTimestamps, ' ', 'y'], runtime.Prompts[1]);
        Assert.Equal(1 + 223 + 1, runtime.Prompts[2].Length);
        Assert.Equal(s_tokenizer.StartOfTranscript, runtime.Prompts[2][^1]);
    }

    [Fact]
    public void Multilingual_prompts_name_the_language_and_the_task()
    {
        var tokenizer = SmallTokenizer.Multilingual;
        using var runtime = new ScriptedRuntime(tokenizer, LanguageModels.Script(tokenizer, _ => [65]));
        using var audio = runtime.Encode(new float[20], 20);
        var task = DecodingCalls.Task(runtime, tokenizer);
        task.Run(audio, s_plain with { Language = "de", Task = SpeechTask.Translate });
        Assert.Equal(
            [tokenizer.StartOfTranscript, tokenizer.LanguageToken("de"), tokenizer.Translate, tokenizer.NoTimestamps], runtime.Prompts[0]);
        Assert.Contains("language", Assert.Throws<ModelException>(() => task.Run(audio, s_plain)).Message);
    }

    [Fact]
    public void Endless_text_stops_at_the_context()
    {
        LanguageModel endless = (_, _, logits) => logits[65] = 1;
        Assert.Equal(224, Run(endless, s_plain with { MaxNewTokens = null }).Tokens.Count);
        Assert.Equal(7, Run(endless, s_plain with { MaxNewTokens = 7 }).Tokens.Count);
        var crowded = Run(endless, s_plain with { MaxNewTokens = 448, Prompt = new int[300], Prefix = new string('z', 300) });
        // 224 before the start; start, no timestamps and 221 of prefix; what is left of 448, and one that needs no room.
        Assert.Equal(448 - 224 - 223 + 1, crowded.Tokens.Count);
    }

    [Fact]
    public void One_beam_is_greedy() => Prop.ForAll(ArbMap.Default.GeneratorFor<ulong>().ToArbitrary(), seed =>
    {
        var model = LanguageModels.Hashed(seed);
        using var runtime = new ScriptedRuntime(s_tokenizer, model);
        using var audio = runtime.Encode(new float[20], 20);
        var greedy = DecodingCalls.Task(runtime, s_tokenizer).Run(audio, s_plain with { WithoutTimestamps = false });
        var hypotheses = new HypothesisRows(1, 449);
        hypotheses.Reset();
        var beam = new BeamSearchDecoder(1, 1, s_tokenizer.EndOfText);
        var best = Drive(runtime, audio, beam, hypotheses, 24);
        Assert.Equal(greedy.Tokens, best.Tokens);
        Assert.Equal(greedy.TokenLogprobs, best.Logprobs);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Beams_find_what_greedy_misses()
    {
        // "A" is likelier first, but every way on from it is unlikely; "B" leads to a sure end.
        LanguageModel model = (_, tokens, logits) =>
        {
            logits.Fill(-50);
            switch (tokens[^1])
            {
                case 'A': logits.Slice(256, 20).Clear(); break;
                case 'B': logits['C'] = 5; break;
                case 'C': logits[s_tokenizer.EndOfText] = 5; break;
                case >= 256 and < 276: logits[s_tokenizer.EndOfText] = 5; break;
                default: (logits['A'], logits['B']) = (MathF.Log(0.6f), MathF.Log(0.4f)); break;
            }
        };
        Assert.Equal('A', Run(model, s_plain).Tokens[0]);
        var beams = Run(model, s_plain with { BeamSize = 3 });
        Assert.Equal(['B', 'C'], beams.Tokens);
        Assert.Equal(Math.Log(0.4) / 3, beams.AvgLogprob, 1e-3);
    }

    [Theory]
    [InlineData(2, 1f)]
    [InlineData(3, 1f)]
    [InlineData(3, 2f)]
    [InlineData(5, 1f)]
    public void Beams_match_an_exhaustive_reckoning(int beamSize, float patience)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var model = LanguageModels.Hashed(seed, order: 2);
            var options = s_plain with { BeamSize = beamSize, Patience = patience, MaxNewTokens = 6 };
            // A vocabulary of a few tokens, the end among them: everything else is suppressed.
            LanguageModel few = (window, tokens, logits) =>
            {
                model(window, tokens, logits);
                for (int i = 0; i < logits.Length; i++)
                {
                    if (i is not (65 or 66 or 67) && i != s_tokenizer.EndOfText) logits[i] = float.NegativeInfinity;
                }
            };
            var result = Run(few, options);
            var expected = ReferenceBeamSearch.Run(few, [s_tokenizer.StartOfTranscript, s_tokenizer.NoTimestamps], s_tokenizer, options);
            Assert.Equal(expected.Tokens, result.Tokens);
            Assert.Equal(expected.Average, result.AvgLogprob, 1e-4);
        }
    }

    [Fact]
    public void Samples_are_a_function_of_the_seed()
    {
        var model = LanguageModels.Hashed(3);
        var options = s_plain with { Temperature = 0.8f, BestOf = 4, Seed = 11 };
        Assert.Equal(Run(model, options).Tokens, Run(model, options).Tokens);
        Assert.NotEqual(Run(model, options).Tokens, Run(model, options with { Seed = 12 }).Tokens);
    }

    [Fact]
    public void The_best_of_several_samples_is_at_least_as_likely_as_each()
    {
        // The end may come at any time, so that samples end at different steps.
        var hashed = LanguageModels.Hashed(5, scale: 2);
        LanguageModel model = (window, tokens, logits) =>
        {
            hashed(window, tokens, logits);
            logits[s_tokenizer.EndOfText] += 6;
        };
        using var runtime = new ScriptedRuntime(s_tokenizer, model);
        using var audio = runtime.Encode(new float[20], 20);
        using var decoder = runtime.CreateDecoder(audio, 5);
        var result = DecodingCalls.Task(runtime, s_tokenizer).Run(decoder, s_plain with { Temperature = 1, BestOf = 5, Seed = 1 });
        Assert.Equal(result.Tokens.Count, result.TokenLogprobs.Count);
        // The probabilities of the tokens chosen are those that teacher forcing gives.
        var tokens = new List<int> { s_tokenizer.StartOfTranscript, s_tokenizer.NoTimestamps };
        var logits = new float[s_tokenizer.VocabSize];
        for (int i = 0; i < result.Tokens.Count; i++)
        {
            model([], tokens.ToArray(), logits);
            foreach (var filter in WhisperLogitFilters.For(s_plain, s_tokenizer, runtime.Generation))
                filter.Apply(logits, tokens.Skip(2).ToArray());
            Assert.Equal(logits[result.Tokens[i]] - Logits.LogSumExp(logits), result.TokenLogprobs[i], 1e-5f);
            tokens.Add(result.Tokens[i]);
        }
    }

    [Theory]
    [InlineData(null, 1)] // -4/4 beats -2/1
    [InlineData(0f, 0)] // no penalty: the sum itself
    [InlineData(1f, 0)] // -2/1 beats -4/1.5
    public void Ranks_by_length_or_by_the_length_penalty(float? alpha, int expected)
    {
        Hypothesis[] hypotheses = [new([1], [-2], -2), new([1, 2, 3, 4], [-1, -1, -1, -1], -4)];
        Assert.Same(hypotheses[expected], new MaximumLikelihoodRanker(alpha).Best(hypotheses));
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        LanguageModel endless = (_, _, logits) => logits[65] = 1;
        var hypotheses = new HypothesisRows(5, 449);
        hypotheses.Reset();
        var beam = new BeamSearchDecoder(5, 1, s_tokenizer.EndOfText);
        var logits = new float[5 * s_tokenizer.VocabSize];
        var filters = WhisperLogitFilters.For(new DecodingOptions { BeamSize = 1, BestOf = 1 }, s_tokenizer, new() { AlignmentHeads = [] });
        beam.Advance(logits.AsSpan(0, s_tokenizer.VocabSize), hypotheses);
        beam.Advance(logits, hypotheses);
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int step = 0; step < 30; step++)
            {
                logits.AsSpan().Clear();
                for (int row = 0; row < 5; row++)
                {
                    var rowLogits = logits.AsSpan(row * s_tokenizer.VocabSize, s_tokenizer.VocabSize);
                    endless([], [], rowLogits);
                    rowLogits[s_tokenizer.EndOfText] = -9;
                    foreach (var filter in filters) filter.Apply(rowLogits, hypotheses.Tokens(row));
                    rowLogits[66 + row] = 0.5f;
                }
                beam.Advance(logits, hypotheses);
            }
        }));
    }

    [Theory]
    [InlineData(nameof(DecodingOptions.BeamSize))]
    [InlineData(nameof(DecodingOptions.Temperature))]
    [InlineData(nameof(DecodingOptions.LengthPenalty))]
    public void Says_which_option_is_out_of_range(string option)
    {
        var options = option switch
        {
            nameof(DecodingOptions.BeamSize) => s_plain with { BeamSize = 0 },
            nameof(DecodingOptions.Temperature) => s_plain with { Temperature = -1 },
            _ => s_plain with { LengthPenalty = 2 },
        };
        Assert.Contains(option, Assert.Throws<ArgumentException>(() => Run(LanguageModels.Hashed(1), options)).Message);
    }

    [Fact]
    public void Detects_the_language_among_languages_alone()
    {
        var tokenizer = SmallTokenizer.Multilingual;
        using var runtime = new ScriptedRuntime(tokenizer, (_, tokens, logits) =>
        {
            Assert.Equal([tokenizer.StartOfTranscript], tokens);
            logits.Fill(-100);
            logits[65] = 10;
            (logits[tokenizer.LanguageToken("de")], logits[tokenizer.LanguageToken("nl")]) = (MathF.Log(3), 0);
        });
        using var audio = runtime.Encode(new float[20], 20);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var detection = DecodingCalls.Detect(decoder, tokenizer);
        Assert.Equal("de", detection.Language);
        Assert.Equal(0.75, detection.Probability, 1e-4);
        Assert.Equal(99, detection.Probabilities.Count);
        Assert.Equal(1, detection.Probabilities.Values.Sum(), 1e-4);
    }

    [Fact]
    public void An_English_only_model_detects_no_language()
    {
        using var runtime = new ScriptedRuntime(s_tokenizer, LanguageModels.Hashed(1));
        using var audio = runtime.Encode(new float[20], 20);
        using var decoder = runtime.CreateDecoder(audio, 1);
        Assert.Contains("English-only", Assert.Throws<ModelException>(() => DecodingCalls.Detect(decoder, s_tokenizer)).Message);
    }

    static DecodingResult Run(LanguageModel model, DecodingOptions options)
    {
        using var runtime = new ScriptedRuntime(s_tokenizer, model);
        using var audio = runtime.Encode(new float[20], 20);
        return DecodingCalls.Task(runtime, s_tokenizer).Run(audio, options);
    }

    static Hypothesis Drive(ScriptedRuntime runtime, EncodedAudio audio, TokenDecoder search, HypothesisRows hypotheses, int steps)
    {
        using var decoder = runtime.CreateDecoder(audio, search.Rows);
        var logits = new float[search.Rows * s_tokenizer.VocabSize];
        var filters = WhisperLogitFilters.For(s_plain with { WithoutTimestamps = false }, s_tokenizer, runtime.Generation);
        decoder.Start([s_tokenizer.StartOfTranscript], [0], logits.AsMemory(0, s_tokenizer.VocabSize));
        for (int step = 0; step < steps; step++)
        {
            foreach (var filter in filters) filter.Apply(logits, hypotheses.Tokens(0));
            if (search.Advance(logits, hypotheses)) break;
            if (step + 1 < steps) decoder.Step(search.NextTokens, logits);
        }
        return new MaximumLikelihoodRanker(null).Best(search.Finish(hypotheses));
    }
}
