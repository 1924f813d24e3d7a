using System.Numerics.Tensors;
using Earshot.Features;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Whole recordings by the real model in float32, window after window, against openai/whisper's transcribe.</summary>
public class GoldenTranscriptTests
{
    // Greedy, as the reference is by default.
    static readonly TranscriptionOptions s_options = new() { Decoding = new() { BeamSize = 1 } };

    [Theory]
    [InlineData("joined-en-8-speakers.flac", true)]
    [InlineData("joined-de-kerstin.flac", false)]
    public Task Long_recordings_come_out_as_the_references(string clip, bool previousText) => CheckLong(clip, previousText);

    [Trait("Run", "Long"), Theory(Explicit = true)]
    [InlineData("joined-en-8-speakers.flac", false)]
    [InlineData("joined-de-kerstin.flac", true)]
    public Task Long_recordings_come_out_as_the_references_the_other_way(string clip, bool previousText) => CheckLong(clip, previousText);

    static async Task CheckLong(string clip, bool previousText)
    {
        var golden = WhisperGoldens.Clip("longform.json", clip);
        var transcript = await Transcribe(clip, s_options with
        {
            Language = golden.GetProperty("language").GetString(),
            ConditionOnPreviousText = previousText,
            Fallback = s_options.Fallback with
            {
                Temperatures = [0],
                CompressionRatioThreshold = null,
                LogprobThreshold = null,
                NoSpeechThreshold = null,
            },
        });
        var expected = golden.GetProperty(previousText ? "with_previous_text" : "without_previous_text").GetProperty("segments")
            .EnumerateArray().ToList();
        foreach (var (segment, found) in expected.Zip(transcript.Segments))
        {
            Assert.Equal(WhisperGoldens.Tokens(segment), found.Tokens);
            Assert.Equal(segment.GetProperty("text").GetString(), found.Text);
            Assert.Equal(segment.GetProperty("seek").GetInt32() / 100.0, found.Seek.TotalSeconds, 1e-6);
            Assert.Equal(segment.GetProperty("start").GetDouble(), found.Start.TotalSeconds, 1e-3);
            Assert.Equal(segment.GetProperty("end").GetDouble(), found.End.TotalSeconds, 1e-3);
            Assert.Equal(segment.GetProperty("avg_logprob").GetDouble(), found.AvgLogprob, WhisperGoldens.AvgLogprobTolerance);
        }
        Assert.Equal(expected.Count, transcript.Segments.Count);
    }

    [Theory]
    [InlineData("jfk.wav")]
    [InlineData("kerstin-de_rhasspy-0773.flac")]
    [InlineData("nathalie-nl_rhasspy_1151.flac")]
    [InlineData("librispeech-train-clean-196-122150-0000.flac")]
    public Task Defaults_hear_what_the_references_defaults_hear(string clip) => CheckDefaults(clip);

    public static TheoryData<string> AllClips => [.. WhisperGoldens.Clips("transcribe.json")];

    [Trait("Run", "Long"), Theory(Explicit = true), MemberData(nameof(AllClips))]
    public Task Every_recording_is_heard_as_the_reference_hears_it(string clip) => CheckDefaults(clip);

    static async Task CheckDefaults(string clip)
    {
        var golden = WhisperGoldens.Clip("transcribe.json", clip);
        var transcript = await Transcribe(
            clip, s_options with { Language = WhisperGoldens.Clip("greedy.json", clip).GetProperty("language").GetString() });
        Assert.Equal(golden.GetProperty("text").GetString(), string.Concat(transcript.Segments.Select(segment => segment.Text)));
        Assert.Equal(
            golden.GetProperty("temperatures").EnumerateArray().Select(temperature => temperature.GetSingle()),
            transcript.Segments.Select(segment => segment.Temperature));
    }

    static Task<Transcript> Transcribe(string clip, TranscriptionOptions options)
    {
        var samples = WhisperBase.Samples(clip);
        return new RecordingTranscriber(
            new WhisperRecognizer(WhisperBase.Model, WhisperBase.Exact, null, () => new WholeRecording(samples)))
            .TranscribeToEndAsync(new MemorySamples(samples), options);
    }

    /// <summary>
    /// Features whose quietest values lie below the whole recording's loudest, as the reference has them; the transcriber, which
    /// reads a stream, knows only how loud it has been so far.
    /// </summary>
    sealed class WholeRecording : FeatureExtractor
    {
        const float Range = 2;

        readonly LogMelSpectrogram _spectrogram = new(80);
        readonly float _loudest;

        public WholeRecording(float[] samples)
        {
            int frames = samples.Length / LogMelSpectrogram.HopLength;
            var features = new float[frames * 80];
            _spectrogram.Compute(
                samples.AsSpan(0, frames * LogMelSpectrogram.HopLength), features, frames,
                after: new float[LogMelSpectrogram.SamplesAfter]);
            _loudest = TensorPrimitives.Max<float>(features);
        }

        public override void Compute(
            ReadOnlySpan<float> samples, Span<float> frames, int frameCount, ReadOnlySpan<float> before = default,
            ReadOnlySpan<float> after = default)
        {
            _spectrogram.Compute(samples, frames, frameCount, before, after);
            var computed = frames[..(frameCount * 80)];
            TensorPrimitives.Max(computed, _loudest - Range, computed);
        }
    }
}
