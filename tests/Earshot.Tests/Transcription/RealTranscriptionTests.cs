using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Tests.Models;
using Earshot.Tokenizers;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>The real tiny.en on real recordings, end to end.</summary>
public sealed class RealTranscriptionTests : IClassFixture<RealTranscriptionTests.Model>
{
    static readonly TranscriptionOptions s_greedy = new() { BeamSize = 1, Temperatures = [0] };

    readonly Model _model;

    public RealTranscriptionTests(Model model) => _model = model;

    [Fact]
    public async Task Words_of_a_known_speech_have_sensible_times()
    {
        var transcript = await _model.Transcribe(Read("jfk.wav"), s_greedy with { WordTimestamps = true });
        Assert.Contains("ask not what your country can do for you", transcript.Text);
        var words = transcript.Segments.SelectMany(s => s.Words!).ToList();
        Assert.Equal(22, words.Count);
        Assert.Equal(transcript.Text, string.Concat(words.Select(w => w.Text)).Trim());
        for (int i = 0; i < words.Count; i++)
        {
            Assert.True(words[i].End >= words[i].Start);
            Assert.True(i == 0 || words[i].Start >= words[i - 1].Start);
            Assert.InRange(words[i].Probability, 0, 1);
        }
        // As the recording says them: "And so" at once, "ask not" after a pause at 3 to 4 s, the last word before 10.9 s.
        Assert.InRange(words[0].Start.TotalSeconds, 0, 0.6);
        var ask = words.First(w => w.Text.Trim() == "ask");
        Assert.InRange(ask.Start.TotalSeconds, 3.0, 4.2);
        Assert.InRange(words[^1].End.TotalSeconds, 10, 11.1);
    }

    [Fact]
    public async Task A_recording_longer_than_a_window_loses_and_repeats_nothing()
    {
        var clips = new[] { "jfk.wav", "librispeech-test-clean-1089-134691-0000.wav", "kathleen-arctic_a0023_1592748016.wav", "jfk.wav" };
        var samples = clips.SelectMany(clip => Read(clip).Concat(new float[12_000])).ToArray();
        Assert.True(samples.Length > 30 * 16_000);
        var transcript = await _model.Transcribe(samples, s_greedy);
        var text = Normalized(transcript.Text);
        Assert.Equal(2, text.Split("what you can do for your country").Length - 1);
        Assert.Equal(2, text.Split("fellow americans").Length - 1);
        Assert.True(transcript.Segments.Zip(transcript.Segments.Skip(1)).All(pair => pair.First.End <= pair.Second.Start + TimeSpan.FromSeconds(0.1)));
        Assert.Equal(samples.Length / 16_000.0, transcript.Info.Duration.TotalSeconds, 1e-3);

        // Batched: cut at pauses, the same words.
        var batched = await _model.Transcribe(samples, s_greedy with { BatchSize = 3 });
        Assert.Equal(2, Normalized(batched.Text).Split("what you can do for your country").Length - 1);
        Assert.InRange(Distance(text.Split(' '), Normalized(batched.Text).Split(' ')), 0, 8);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Windows_can_be_as_short_as_what_is_said(int batchSize)
    {
        var transcript = await _model.Transcribe(Read("jfk.wav"), s_greedy with { ShortWindows = true, WordTimestamps = true, BatchSize = batchSize });
        Assert.Contains("ask not what your country can do for you", transcript.Text);
        Assert.InRange(transcript.Segments[^1].End.TotalSeconds, 10, 11.1);
    }

    [Fact]
    public async Task Silence_says_nothing()
    {
        var transcript = await _model.Transcribe(new float[16_000 * 4], new TranscriptionOptions { BeamSize = 1, Temperatures = [0], Vad = new VadOptions() });
        Assert.Empty(transcript.Segments);
    }

    [Fact]
    public async Task Samples_with_a_seed_repeat_themselves()
    {
        var options = new TranscriptionOptions { Temperatures = [0.7f], BestOf = 2, Seed = 9, LogprobThreshold = null, CompressionRatioThreshold = null };
        var samples = Read("kathleen-arctic_a0023_1592748016.wav");
        Assert.Equal((await _model.Transcribe(samples, options)).Text, (await _model.Transcribe(samples, options)).Text);
    }

    static string Normalized(string text) => string.Concat(text.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c == ' '));

    static int Distance(string[] a, string[] b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }
        return row[^1];
    }

    static float[] Read(string clip)
    {
        using var stream = SampleStream.Open(TestData.Require($"audio/{clip}"));
        var samples = new float[(int)stream.TotalSamples!.Value];
        stream.Read(samples);
        return samples;
    }

    /// <summary>Opened once for all tests, at the first that needs it.</summary>
    public sealed class Model : IDisposable
    {
        CpuWhisperRuntime? _runtime;
        WhisperTranscriber? _transcriber;
        SafetensorsFile? _vad;

        public Task<Transcript> Transcribe(float[] samples, TranscriptionOptions options)
        {
            _transcriber ??= Open();
            return _transcriber.TranscribeToEndAsync(new MemorySamples(samples), options);
        }

        public void Dispose()
        {
            _runtime?.Dispose();
            _vad?.Dispose();
        }

        WhisperTranscriber Open()
        {
            _runtime = TinyEnglish.Open();
            _vad = SafetensorsFile.Open(Path.Combine(TestModels.InBox(BundledModels.SileroVad), "silero_vad_16k.safetensors"));
            var tokenizer = WhisperTokenizer.Load(TestData.Require("models/whisper-tiny.en"), _runtime.Config.VocabSize);
            return new WhisperTranscriber(_runtime, tokenizer, () => new SileroSpeechDetector(new SileroVad(_vad, _runtime.Device)));
        }
    }
}
