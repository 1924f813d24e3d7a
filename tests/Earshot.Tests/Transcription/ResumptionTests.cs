using Earshot.Tests.Decoding;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>A transcription that goes on from any of its positions gives what it would have given without a break.</summary>
public class ResumptionTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;
    static readonly TranscriptionOptions s_options =
        new() { Decoding = new() { BeamSize = 1, MaxInitialTimestamp = Timeout.InfiniteTimeSpan } };

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task One_window_after_the_other(bool context, bool words)
    {
        var options =
            s_options with { ConditionOnPreviousText = context, WordTimestamps = words, InitialPrompt = "ab", Prefix = words ? null : "c" };
        await CheckAsync(() => SequentialTranscriptionTests.Random(12, seconds: 200), options, recording => recording.Model());
    }

    [Fact]
    public async Task With_parts_of_the_recording_alone()
    {
        var options = s_options with { ClipRanges = [new(Seconds(10), Seconds(50)), new(Seconds(80), Seconds(130)), new(Seconds(150))] };
        await CheckAsync(() => SequentialTranscriptionTests.Random(7, seconds: 200), options, recording => recording.Model());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Without_silence_and_in_batches(int batchSize)
    {
        Utterance[] utterances = [.. Enumerable.Range(0, 60).Select(i => new Utterance((i * 5) + 1, [i % 20, (i + 7) % 20, (i + 3) % 20]))];
        var options = s_options with
        {
            BatchSize = batchSize,
            Vad = VadOptions.Batched with { SpeechPad = TimeSpan.Zero },
            Decoding = s_options.Decoding with { WithoutTimestamps = false },
        };
        await CheckAsync(
            () => new ScriptedRecording(s_tokenizer, 320, utterances), options, _ => BatchedTranscriptionTests.Model(),
            () => new BatchedTranscriptionTests.ScriptedDetector(utterances));
    }

    [Fact]
    public async Task The_language_is_not_detected_again()
    {
        var tokenizer = SmallTokenizer.Multilingual;
        ScriptedRecording Recording() => new(tokenizer, 60, new Utterance(1, [0]), new Utterance(31, [1]));
        var recording = Recording();
        var script = LanguageModels.Script(tokenizer, recording.Heard);
        LanguageModel model = (window, tokens, logits) =>
        {
            script(window, tokens, logits);
            if (tokens.Length == 1) (logits[tokenizer.LanguageToken("sv")], logits[tokenizer.LanguageToken("no")]) = (9, 8);
        };
        var (whole, positions) = await RunAsync(recording, recording.Runtime(model), s_options, null);
        using var runtime = Recording().Runtime(model);
        var last = new LastProgress();
        var rest = new List<Segment>();
        await foreach (var segment in ScriptedRecording.Transcriber(runtime)
            .TranscribeAsync(Recording(), s_options with { Resume = positions[0] }, last))
        {
            rest.Add(segment);
        }
        Assert.Equal("sv", Assert.Single(rest).Language);
        Assert.Equal(("sv", 0.731), (last.Info.Language, Math.Round(last.Info.LanguageProbability, 3)));
        Assert.DoesNotContain(runtime.Prompts, prompt => prompt.Length == 1);
        Assert.Equal(2, whole.Count);
    }

    static async Task CheckAsync(
        Func<ScriptedRecording> record,
        TranscriptionOptions options,
        Func<ScriptedRecording, LanguageModel> model,
        Func<ISpeechDetector>? detector = null)
    {
        var recording = record();
        using var runtime = recording.Runtime(model(recording));
        var (whole, positions) = await RunAsync(recording, runtime, options, detector);
        Assert.True(positions.Count > 3 && whole.Count > 10);
        foreach (var position in positions)
        {
            var again = record();
            using var second = again.Runtime(model(again));
            var (rest, _) = await RunAsync(again, second, options with { Resume = position }, detector);
            Assert.Equal(whole.Skip(position.Segments).Select(Text), rest.Select(Text));
            if (options.BatchSize == 1) Assert.Equal(runtime.Prompts.TakeLast(second.Prompts.Count), second.Prompts);
            Assert.True(second.Encodings == runtime.Encodings - position.Windows, "Windows that were done with are not encoded again.");
        }
    }

    static async Task<(List<Segment> Segments, List<TranscriptionPosition> Positions)> RunAsync(
        ScriptedRecording recording, ScriptedRuntime runtime, TranscriptionOptions options, Func<ISpeechDetector>? detector)
    {
        var reports = new List<TranscriptionProgress>();
        var segments = new List<Segment>();
        await foreach (var segment in ScriptedRecording.Transcriber(runtime, detector)
            .TranscribeAsync(recording, options, new SequentialTranscriptionTests.Recorder(reports)))
        {
            segments.Add(segment);
        }
        return (segments, [.. reports.Select(report => report.Position!)]);
    }

    static string Text(Segment segment) =>
        $"{segment.Id} {segment.Seek} {segment.Start} {segment.End} {segment.Text} [{string.Join(' ', segment.Tokens)}] " +
        $"{string.Join(' ', segment.Words?.Select(word => word.ToString()) ?? [])}";

    static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
