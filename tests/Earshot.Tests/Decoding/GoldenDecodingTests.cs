using System.Text.Json;
using Earshot.Audio;
using Earshot.Compute.Cpu;
using Earshot.Decoding;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tests.Models;
using Earshot.Tokenizers;

namespace Earshot.Tests.Decoding;

/// <summary>The real tiny.en against the reference's greedy tokens, on the clips whose top two logits are never close.</summary>
public sealed class GoldenDecodingTests(GoldenDecodingTests.Model model) : IClassFixture<GoldenDecodingTests.Model>
{
    readonly Model _model = model;

    static readonly DecodingOptions s_greedy = new();

    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("librispeech-test-clean-1089-134691-0000.wav")]
    [InlineData("kathleen-arctic_a0023_1592748016.wav")]
    [InlineData("librispeech-test-other-3080-5032-0000.wav")]
    public void Greedy_tokens_are_the_references(string clip)
    {
        var (runtime, tokenizer) = _model.Open();
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-tiny.en/greedy.json")));
        var expected = golden.RootElement.GetProperty("clips").GetProperty(clip);
        using var audio = Encode(runtime, clip);
        var task = new DecodingTask(runtime, tokenizer);

        var plain = task.Run(audio, s_greedy with { WithoutTimestamps = true });
        Assert.Equal(Tokens(expected, "tokens")[2..^1], plain.Tokens);
        Assert.Equal(expected.GetProperty("text").GetString()!.Trim(), plain.Text);

        var timed = task.Run(audio, s_greedy);
        Assert.Equal(Tokens(expected, "tokens_timestamps")[1..^1], timed.Tokens);
        Assert.InRange(timed.AvgLogprob, -1, 0);
        Assert.InRange(timed.NoSpeechProb, 0, 0.3f);
    }

    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("librispeech-test-clean-1089-134691-0000.wav")]
    [InlineData("kathleen-arctic_a0023_1592748016.wav")]
    [InlineData("librispeech-test-other-3080-5032-0000.wav")]
    public void Bfloat16_weights_give_the_same_tokens(string clip)
    {
        using var runtime = TinyEnglish.Open(new CpuOptions { Weights = WeightFormat.BF16 });
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-tiny.en/greedy.json")));
        var expected = golden.RootElement.GetProperty("clips").GetProperty(clip);
        using var audio = Encode(runtime, clip);
        var task = new DecodingTask(runtime, _model.Open().Item2);
        Assert.Equal(Tokens(expected, "tokens")[2..^1], task.Run(audio, s_greedy with { WithoutTimestamps = true }).Tokens);
        Assert.Equal(Tokens(expected, "tokens_timestamps")[1..^1], task.Run(audio, s_greedy).Tokens);
    }

    [Fact]
    public void A_draft_of_the_same_model_changes_nothing()
    {
        var (runtime, tokenizer) = _model.Open();
        using var audio = Encode(runtime, "jfk.wav");
        var alone = new DecodingTask(runtime, tokenizer).Run(audio, s_greedy);
        using var main = runtime.CreateDecoder(audio, 1);
        using var draft = runtime.CreateDecoder(audio, 1);
        var speculative = new SpeculativeDecoder(runtime, runtime, tokenizer);
        Assert.Equal(alone.Tokens, speculative.Run(main, draft, s_greedy).Tokens);
        Assert.Equal(speculative.Guessed, speculative.Accepted);
    }

    [Fact]
    public void Beams_and_seeded_samples_repeat_themselves()
    {
        var (runtime, tokenizer) = _model.Open();
        using var audio = Encode(runtime, "jfk.wav");
        var task = new DecodingTask(runtime, tokenizer);
        var beams = task.Run(audio, s_greedy with { BeamSize = 5 });
        Assert.Contains("ask not what your country can do for you", beams.Text);
        Assert.True(beams.AvgLogprob >= task.Run(audio, s_greedy).AvgLogprob - 1e-4f);
        var sampled = s_greedy with { Temperature = 0.6f, BestOf = 3, Seed = 4 };
        Assert.Equal(task.Run(audio, sampled).Tokens, task.Run(audio, sampled).Tokens);
    }

    internal static EncodedAudio Encode(WhisperRuntime runtime, string clip)
    {
        using var stream = SampleStream.Open(TestData.Require($"audio/{clip}"));
        var samples = new float[LogMelSpectrogram.WindowSamples];
        stream.Read(samples);
        var features = new float[LogMelSpectrogram.WindowFrames * runtime.Config.NumMelBins];
        new LogMelSpectrogram(runtime.Config.NumMelBins).Compute(samples, features, LogMelSpectrogram.WindowFrames);
        return runtime.Encode(features, LogMelSpectrogram.WindowFrames);
    }

    static int[] Tokens(JsonElement clip, string name) => [.. clip.GetProperty(name).EnumerateArray().Select(token => token.GetInt32())];

    /// <summary>Opened once for all tests, at the first that needs it.</summary>
    public sealed class Model : IDisposable
    {
        CpuWhisperRuntime? _runtime;
        WhisperTokenizer? _tokenizer;

        public (CpuWhisperRuntime Runtime, WhisperTokenizer Tokenizer) Open()
        {
            _runtime ??= TinyEnglish.Open();
            _tokenizer ??= WhisperTokenizer.Load(TestData.Require("models/whisper-tiny.en"), _runtime.Config.VocabSize);
            return (_runtime, _tokenizer);
        }

        public void Dispose() => _runtime?.Dispose();
    }
}
