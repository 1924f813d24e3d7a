using System.Text;
using System.Text.Json;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Recognition;
using Earshot.Tests.Models;

namespace Earshot.Tests.Decoding;

/// <summary>
/// The real model in float32 against the reference's decoding of one window: greedy without and with timestamps, translated,
/// by beam search, and the languages heard.
/// </summary>
public sealed class GoldenDecodingTests
{
    /// <summary>Recordings whose closest choices are far apart, of each language.</summary>
    public static TheoryData<string> Clips => new(
        "jfk.wav", "kerstin-de_rhasspy-0773.flac", "nathalie-nl_rhasspy_1151.flac",
        "librispeech-test-clean-1089-134686-0000.wav", "librispeech-train-clean-2136-5140-0000.wav", "two-speakers.wav",
        "kerstin-de_rhasspy-0682.flac", "kerstin-de_rhasspy-0004.flac", "nathalie-nl_rhasspy_1120.flac", "nathalie-nl_rhasspy_231.flac");

    public static TheoryData<string> AllClips => [.. WhisperGoldens.Clips("greedy.json")];

    [Theory, MemberData(nameof(Clips))]
    public void A_window_says_what_the_reference_hears(string clip) => Check(clip);

    /// <summary>Every recording there is: minutes, so only where it is asked for.</summary>
    [Trait("Run", "Long"), Theory(Explicit = true), MemberData(nameof(AllClips))]
    public void Every_window_says_what_the_reference_hears(string clip) => Check(clip);

    static void Check(string clip)
    {
        var greedy = WhisperGoldens.Clip("greedy.json", clip);
        using var encoded = clip == "jfk.wav" ? null : WhisperBase.Encode(WhisperBase.Samples(clip));
        var audio = encoded ?? WhisperBase.Jfk;
        var options = new DecodingOptions { BeamSize = 1, BestOf = 1, Language = greedy.GetProperty("language").GetString() };
        Greedy(greedy, audio, options);
        if (WhisperGoldens.FindClip("translate.json", clip) is { } translated)
            Greedy(translated, audio, options with { Task = SpeechTask.Translate });
        if (WhisperGoldens.FindClip("beam5.json", clip) is { } beams) Beams(beams, audio, options with { BeamSize = 5 });
        if (WhisperGoldens.FindClip("languages.json", clip) is { } languages) Languages(languages.GetProperty("up_to_30s"), audio);
    }

    static void Greedy(JsonElement golden, EncodedAudio audio, DecodingOptions options)
    {
        foreach (bool timestamps in (ReadOnlySpan<bool>)[false, true])
        {
            var expected = golden.GetProperty(timestamps ? "timestamps" : "no_timestamps");
            var result = Decode(audio, options with { WithoutTimestamps = !timestamps });
            Assert.Equal(expected.GetProperty("no_speech_prob").GetDouble(), result.NoSpeechProb, WhisperGoldens.ProbabilityTolerance);
            if (!EqualWhereItIsClear(expected, result)) continue;
            Assert.Equal(expected.GetProperty("text").GetString()!, timestamps ? Timed(result) : result.Text);
            Assert.Equal(expected.GetProperty("avg_logprob").GetDouble(), result.AvgLogprob, WhisperGoldens.AvgLogprobTolerance);
            CompressesAlike(expected.GetProperty("compression_ratio").GetDouble(), result);
        }
    }

    /// <summary>Whether all tokens are the reference's; fails where they differ though the choice was clear.</summary>
    static bool EqualWhereItIsClear(JsonElement expected, DecodingResult result)
    {
        int[] tokens = WhisperGoldens.Tokens(expected);
        int same = tokens.Zip(result.Tokens).TakeWhile(pair => pair.First == pair.Second).Count();
        if (same == tokens.Length && same == result.Tokens.Count) return true;
        bool narrowRule = expected.TryGetProperty("min_rule_margin", out var rule) && rule.GetDouble() < WhisperGoldens.NarrowMargin;
        bool narrow = expected.GetProperty("min_margin").GetDouble() < WhisperGoldens.NarrowMargin
            && same >= expected.GetProperty("min_margin_at").GetInt32();
        TestContext.Current.TestOutputHelper?.WriteLine($"Another token at {same}, as a narrow choice allows: {result.Text}");
        Assert.True(
            narrow || narrowRule, $"The tokens differ from place {same} on.\n{expected.GetProperty("text").GetString()}\n{Timed(result)}");
        return false;
    }

    static void Beams(JsonElement golden, EncodedAudio audio, DecodingOptions options)
    {
        foreach (bool timestamps in (ReadOnlySpan<bool>)[false, true])
        {
            var expected = golden.GetProperty(timestamps ? "timestamps" : "no_timestamps");
            var result = Decode(audio, options with { WithoutTimestamps = !timestamps });
            bool clear = expected.GetProperty("score_gap_to_second").GetDouble() >= WhisperGoldens.NarrowMargin;
            int[][] best = [.. expected.GetProperty("candidates").EnumerateArray().Take(clear ? 1 : 2)
                .Select(candidate => WhisperGoldens.Tokens(candidate))];
            Assert.Contains([.. result.Tokens], best);
            double score = expected.GetProperty("candidates")[Array.FindIndex(best, tokens => tokens.SequenceEqual(result.Tokens))]
                .GetProperty("sum_logprob").GetDouble();
            Assert.Equal(score / (result.Tokens.Count + 1), result.AvgLogprob, WhisperGoldens.AvgLogprobTolerance);
        }
    }

    static void Languages(JsonElement expected, EncodedAudio audio)
    {
        using var decoder = WhisperBase.Exact.CreateDecoder(audio, 1);
        LanguageTests.Check(expected, DecodingCalls.Detect(decoder, WhisperBase.Tokenizer));
    }

    [Theory]
    [InlineData("silence")]
    [InlineData("noise_0.1")]
    [InlineData("noise_0.001")]
    [InlineData("tone_440")]
    public void Where_nobody_speaks_the_reference_is_as_unsure(string input)
    {
        var golden = WhisperGoldens.Whole("nospeech.json").GetProperty("inputs").GetProperty(input);
        using var audio = WhisperBase.Encode(NonSpeech.Of(input));
        Greedy(golden, audio, new DecodingOptions { BeamSize = 1, BestOf = 1, Language = "en" });
        using var decoder = WhisperBase.Exact.CreateDecoder(audio, 1);
        var language = DecodingCalls.Detect(decoder, WhisperBase.Tokenizer);
        Assert.Equal(golden.GetProperty("language").GetProperty("best").GetString(), language.Language);
        Assert.Equal(
            golden.GetProperty("language").GetProperty("p").GetDouble(), language.Probability, WhisperGoldens.ProbabilityTolerance);
    }

    [Fact]
    public void Bfloat16_weights_give_the_same_tokens()
    {
        using var runtime = WhisperBase.Open(new CpuOptions { Weights = WeightFormat.BF16 });
        foreach (var clip in (ReadOnlySpan<string>)["kerstin-de_rhasspy-0773.flac", "nathalie-nl_rhasspy_1151.flac"])
        {
            var expected = WhisperGoldens.Clip("greedy.json", clip);
            using var audio = runtime.Encode(WhisperBase.Features(WhisperBase.Samples(clip)), LogMelSpectrogram.WindowFrames);
            var options = new DecodingOptions { BeamSize = 1, BestOf = 1, Language = expected.GetProperty("language").GetString() };
            var task = DecodingCalls.Task(runtime);
            Assert.Equal(
                WhisperGoldens.Tokens(expected.GetProperty("no_timestamps")),
                task.Run(audio, options with { WithoutTimestamps = true }).Tokens);
            Assert.Equal(WhisperGoldens.Tokens(expected.GetProperty("timestamps")), task.Run(audio, options).Tokens);
        }
    }

    [Fact]
    public void A_draft_of_the_same_model_changes_nothing()
    {
        var options = new DecodingOptions { BeamSize = 1, BestOf = 1, Language = "en" };
        var alone = Decode(WhisperBase.Jfk, options);
        using var main = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 1);
        using var draft = WhisperBase.Exact.CreateDecoder(WhisperBase.Jfk, 1);
        var speculative = new SpeculativeDecoder(
            WhisperBase.Exact.RequireDecoder(), WhisperBase.Exact.RequireDecoder(), WhisperBase.Tokenizer, WhisperBase.Rules);
        Assert.Equal(alone.Tokens, speculative.Run(main, draft, options).Tokens);
        Assert.Equal(speculative.Guessed, speculative.Accepted);
    }

    [Fact]
    public void Seeded_samples_repeat_themselves()
    {
        var sampled = new DecodingOptions { BeamSize = 1, Language = "en", Temperature = 0.6f, BestOf = 3, Seed = 4 };
        Assert.Equal(Decode(WhisperBase.Jfk, sampled).Tokens, Decode(WhisperBase.Jfk, sampled).Tokens);
    }

    static DecodingResult Decode(EncodedAudio audio, DecodingOptions options) => DecodingCalls.Task(WhisperBase.Exact).Run(audio, options);

    static string Timed(DecodingResult result) =>
        WhisperBase.Tokenizer.DecodeWithTimestamps([.. result.Tokens])
            .Replace("<|", "<", StringComparison.Ordinal)
            .Replace("|>", ">", StringComparison.Ordinal);

    // .NET's deflate is not zlib's: at the same level it finds a few bytes more or less, five at most over all recordings; the rest is the
    // golden's rounding.
    static void CompressesAlike(double expected, DecodingResult result)
    {
        int bytes = Encoding.UTF8.GetByteCount(result.Text);
        Assert.InRange(bytes / result.CompressionRatio - bytes / expected, -5.5, 5.5);
    }
}
