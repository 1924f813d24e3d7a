using Earshot.Tests.Decoding;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

public class BatchedTranscriptionTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;

    static readonly TranscriptionOptions s_options = new()
    {
        Vad = VadOptions.Batched with { SpeechPad = TimeSpan.Zero },
        Decoding = new() { BeamSize = 1, MaxInitialTimestamp = Timeout.InfiniteTimeSpan, WithoutTimestamps = false },
    };

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Windows_decoded_at_once_come_in_order(int batchSize)
    {
        var utterances = Enumerable.Range(0, 60).Select(i => new Utterance((i * 5) + 1, [i % 20, (i + 7) % 20, (i + 3) % 20])).ToArray();
        var recording = new ScriptedRecording(s_tokenizer, 320, utterances);
        ScriptedRuntime? running = null;
        var model = Model();
        using var runtime = running = recording.Runtime((window, tokens, logits) =>
        {
            // The first window goes on only when another has begun.
            Assert.True(SpinWait.SpinUntil(() => running!.MostOpenDecoders > 1, TimeSpan.FromSeconds(30)));
            model(window, tokens, logits);
        });
        var progress = new List<TranscriptionProgress>();
        var transcript = await ScriptedRecording.Transcriber(runtime, () => new ScriptedDetector(utterances))
            .TranscribeToEndAsync(recording, s_options with { BatchSize = batchSize }, new SequentialTranscriptionTests.Recorder(progress));
        // A window gathers what fits 30 s: 18 or 19 utterances of about 1.5 s each.
        Assert.InRange(runtime.Encodings, 3, 4);
        Assert.Equal(60, transcript.Segments.Count);
        Assert.Equal(Enumerable.Range(0, transcript.Segments.Count), transcript.Segments.Select(s => s.Id));
        Assert.True(transcript.Segments.Zip(transcript.Segments.Skip(1)).All(pair => pair.First.End < pair.Second.Start));
        Assert.InRange(runtime.MostOpenDecoders, 2, batchSize);
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
        Assert.InRange(transcript.Info.DurationAfterVad.TotalSeconds, 85, 100);
        Assert.Equal(320, transcript.Info.Duration.TotalSeconds);
        Assert.Equal(progress.Select(p => p.Processed).Order(), progress.Select(p => p.Processed));
    }

    [Theory]
    [InlineData(1, null, false)]
    [InlineData(4, null, true)]
    [InlineData(4, false, false)]
    [InlineData(1, true, true)]
    public void A_batch_decodes_text_alone_unless_told(int batchSize, bool? withoutTimestamps, bool expected) =>
        Assert.Equal(expected, new TranscriptionOptions
        {
            BatchSize = batchSize,
            Decoding = new() { WithoutTimestamps = withoutTimestamps },
        }.DecodesTextAlone);

    [Fact]
    public async Task Times_are_those_of_the_recording()
    {
        Utterance[] utterances = [new(10, [0, 1]), new(100, [2, 3, 4]), new(200, [5])];
        var recording = new ScriptedRecording(s_tokenizer, 250, utterances);
        using var runtime = recording.Runtime(Model());
        var segments = await All(recording, runtime, utterances, s_options with { BatchSize = 2 });
        Assert.Equal([10, 100, 200], segments.Select(s => s.Start.TotalSeconds), (a, b) => Math.Abs(a - b) < 0.05);
        Assert.Equal([11, 101.5, 200.5], segments.Select(s => s.End.TotalSeconds), (a, b) => Math.Abs(a - b) < 0.05);
    }

    [Fact]
    public async Task Silence_can_be_left_out_of_sequential_transcription_too()
    {
        Utterance[] utterances = [new(10, [0, 1]), new(100, [2, 3, 4]), new(200, [5])];
        var recording = new ScriptedRecording(s_tokenizer, 250, utterances);
        using var runtime = recording.Runtime(Model());
        var segments = await All(recording, runtime, utterances, s_options with { Vad = new VadOptions { SpeechPad = TimeSpan.Zero } });
        Assert.Equal(1, runtime.Encodings);
        Assert.Equal([10, 100, 200], segments.Select(s => s.Start.TotalSeconds), (a, b) => Math.Abs(a - b) < 0.05);
        Assert.Equal([11, 101.5, 200.5], segments.Select(s => s.End.TotalSeconds), (a, b) => Math.Abs(a - b) < 0.05);
    }

    [Fact]
    public async Task A_recording_without_speech_says_nothing()
    {
        foreach (int batchSize in new[] { 1, 3 })
        {
            var recording = new ScriptedRecording(s_tokenizer, 100);
            using var runtime = recording.Runtime(Model());
            Assert.Empty(await All(recording, runtime, [], s_options with { BatchSize = batchSize }));
            Assert.Equal(0, runtime.Encodings);
        }
    }

    [Fact]
    public async Task A_failure_in_one_window_ends_all_and_gives_everything_back()
    {
        var utterances = Enumerable.Range(0, 40).Select(i => new Utterance(i * 20, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).ToArray();
        var recording = new ScriptedRecording(s_tokenizer, 800, utterances);
        using var runtime = recording.Runtime(
            (window, _, logits) => logits.Fill(ScriptedRecording.Frame(window, 0) > 20000 ? float.NaN : 0));
        await Assert.ThrowsAsync<ModelException>(() => All(recording, runtime, utterances, s_options with
        {
            BatchSize = 3,
            Decoding = s_options.Decoding with { MaxNewTokens = 4 },
            Fallback = s_options.Fallback with { Temperatures = [0] },
        }));
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
    }

    [Fact]
    public async Task Leaving_early_gives_everything_back()
    {
        var utterances = Enumerable.Range(0, 40).Select(i => new Utterance(i * 20, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).ToArray();
        var recording = new ScriptedRecording(s_tokenizer, 800, utterances);
        using var runtime = recording.Runtime(Model());
        var transcriber = ScriptedRecording.Transcriber(runtime, () => new ScriptedDetector(utterances));
        await foreach (var segment in transcriber.TranscribeAsync(recording, s_options with { BatchSize = 3 })) break;
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
        Assert.InRange(runtime.Encodings, 1, 7);
    }

    [Fact]
    public void Batches_need_a_detector()
    {
        var recording = new ScriptedRecording(s_tokenizer, 10);
        using var runtime = recording.Runtime(Model());
        var error = Assert.Throws<ArgumentException>(
            () => ScriptedRecording.Transcriber(runtime).TranscribeAsync(recording, new TranscriptionOptions { BatchSize = 4 }));
        Assert.Contains("detector", error.Message);
    }

    /// <summary>Writes a segment for each stretch of audio that runs on in the window.</summary>
    internal static LanguageModel Model() => LanguageModels.Script(s_tokenizer, window =>
    {
        var tokens = new List<int>();
        for (int frame = 0; frame < window.Length && window[frame] > 0;)
        {
            int end = frame + 1;
            while (end < window.Length && ScriptedRecording.Frame(window, end) == ScriptedRecording.Frame(window, end - 1) + 1) end++;
            tokens.AddRange([
                s_tokenizer.TimestampBegin + (frame / 2), SmallTokenizer.Word((int)(ScriptedRecording.Frame(window, frame) / 500) % 20),
                s_tokenizer.TimestampBegin + (end / 2),
            ]);
            frame = end;
        }
        return tokens;
    });

    static async Task<List<Segment>> All(
        ScriptedRecording recording, ScriptedRuntime runtime, Utterance[] utterances, TranscriptionOptions options)
    {
        var segments = new List<Segment>();
        await foreach (var segment in ScriptedRecording.Transcriber(runtime, () => new ScriptedDetector(utterances))
            .TranscribeAsync(recording, options))
        {
            segments.Add(segment);
        }
        return segments;
    }

    /// <summary>Knows when somebody speaks.</summary>
    internal sealed class ScriptedDetector(Utterance[] utterances) : ISpeechDetector
    {
        long _samples;
        int _windows;

        public int WindowSize => 512;

        public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities)
        {
            _samples += samples.Length;
            for (; (_windows + 1) * 512 <= _samples; _windows++)
            {
                double middle = (_windows + 0.5) * 512 / 16_000;
                probabilities.Add(utterances.Any(u => middle >= u.Start && middle < u.End) ? 0.9f : 0.05f);
            }
        }

        public void Finish(ICollection<float> probabilities)
        {
            if (_samples % 512 != 0) probabilities.Add(0);
        }

        public void Dispose() { }
    }
}
