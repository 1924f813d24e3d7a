using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>The model in the box on real recordings, end to end.</summary>
public sealed class RealTranscriptionTests
{
    static readonly TranscriptionOptions s_greedy =
        new() { Language = "en", Decoding = new() { BeamSize = 1 }, Fallback = new() { Temperatures = [0] } };

    [Fact]
    public async Task Words_of_a_known_speech_have_sensible_times()
    {
        var transcript = await WhisperBase.TranscribeAsync(WhisperBase.Samples("jfk.wav"), s_greedy with { WordTimestamps = true });
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
        // As the recording says them: "And so" at once, "ask not" after a pause at 3 to 4 s (the model looks at "ask" from that
        // pause's start), the last word before 10.9 s.
        Assert.InRange(words[0].Start.TotalSeconds, 0, 0.6);
        var ask = words.First(w => w.Text.Trim() == "ask");
        Assert.InRange(ask.End.TotalSeconds, 3.3, 4.2);
        Assert.InRange(words[^1].End.TotalSeconds, 10, 11.1);
    }

    [Fact]
    public async Task A_recording_longer_than_a_window_loses_and_repeats_nothing()
    {
        float[] speech = WhisperBase.Samples("jfk.wav"), pause = new float[12_000];
        float[] samples = [.. speech, .. pause, .. speech, .. pause, .. speech];
        Assert.True(samples.Length > 30 * 16_000);
        var transcript = await WhisperBase.TranscribeAsync(samples, s_greedy);
        var text = Normalized(transcript.Text);
        Assert.Equal(3, text.Split("what you can do for your country").Length - 1);
        Assert.Equal(3, text.Split("fellow americans").Length - 1);
        Assert.True(transcript.Segments.Zip(transcript.Segments.Skip(1))
            .All(pair => pair.First.End <= pair.Second.Start + TimeSpan.FromSeconds(0.1)));
        Assert.Equal(samples.Length / 16_000.0, transcript.Info.Duration.TotalSeconds, 1e-3);

        // Batched: cut at pauses, the same words.
        var batched = await WhisperBase.TranscribeAsync(samples, s_greedy with { BatchSize = 3 });
        Assert.Equal(3, Normalized(batched.Text).Split("what you can do for your country").Length - 1);
        Assert.InRange(Distance(text.Split(' '), Normalized(batched.Text).Split(' ')), 0, 8);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Windows_can_be_as_short_as_what_is_said(int batchSize)
    {
        var transcript = await WhisperBase.TranscribeAsync(
            WhisperBase.Samples("jfk.wav"), s_greedy with { ShortWindows = true, WordTimestamps = true, BatchSize = batchSize });
        Assert.Contains("ask not what your country can do for you", transcript.Text);
        Assert.InRange(transcript.Segments[^1].End.TotalSeconds, 10, 11.1);
    }

    [Fact]
    public async Task Silence_says_nothing()
    {
        var transcript = await WhisperBase.TranscribeAsync(new float[16_000 * 4], s_greedy with { Vad = new VadOptions() });
        Assert.Empty(transcript.Segments);
    }

    [Fact]
    public async Task Samples_with_a_seed_repeat_themselves()
    {
        var options = new TranscriptionOptions
        {
            Language = "nl",
            Decoding = new() { BestOf = 2, Seed = 9 },
            Fallback = new() { Temperatures = [0.7f], LogprobThreshold = null, CompressionRatioThreshold = null },
        };
        var samples = WhisperBase.Samples("nathalie-nl_rhasspy_1151.flac");
        Assert.Equal(
            (await WhisperBase.TranscribeAsync(samples, options)).Text, (await WhisperBase.TranscribeAsync(samples, options)).Text);
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
}
