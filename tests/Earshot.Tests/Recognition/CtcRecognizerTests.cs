using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Quantization;
using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Tests.Models;
using Earshot.Tests.Transcription;
using Earshot.Transcription;

namespace Earshot.Tests.Recognition;

/// <summary>Windows of a CTC model: nothing is lost, repeated or moved at their borders.</summary>
public sealed class CtcRecognizerTests
{
    const double SecondsPerPosition = 0.02;

    // The models are too small to be computed by several, and their random logits too close for less than float32.
    static readonly TranscriberOptions s_oneThread = new() { Threads = 1, Weights = WeightFormat.F32 };

    [Theory]
    [InlineData(1, 900)]
    [InlineData(2, 5000)]
    [InlineData(3, 10_000)]
    [InlineData(4, 10_000)]
    public async Task Windows_say_what_the_whole_recording_says(int seed, int positions)
    {
        var script = ScriptedLetters.Random(seed, positions);
        using var runtime = script.Open();
        var plain = await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples(100)), new());
        var worded = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples(100)), new() { WordTimestamps = true });
        Assert.Equal(script.Text, plain.Text);
        Assert.Equal(plain.Segments.Select(segment => segment.Text), worded.Segments.Select(segment => segment.Text));
        Assert.Equal(script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End))), Words(worded));
        Assert.All(plain.Segments, segment => Assert.Null(segment.Words));
        Assert.Equal(positions > 1000, runtime.Heard.Count > 2);
        Assert.All(runtime.Heard, samples => Assert.InRange(samples, 1, 480_000));
    }

    // All of it; in stretches of 70 and of 31.7 s, whose ends lie anywhere.
    [Theory]
    [InlineData(4, 3_600, null, 1, false)]
    [InlineData(4, 80, null, 4, false)]
    [InlineData(5, 3_600, 31.7, 8, false)]
    [InlineData(6, 3_600, 31.7, 8, true)]
    public async Task Long_stretches_say_what_the_whole_recording_says(
        int seed, int longSeconds, double? chunkSeconds, int stretches, bool transduces)
    {
        var script = ScriptedLetters.Random(seed, 10_000, longFrames: longSeconds * 16_000);
        using var runtime = transduces ? script.OpenTransducer() : script.Open();
        var transcript = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples(100)),
            new() { WordTimestamps = true, ChunkLength = chunkSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null });
        Assert.Equal(script.Text, transcript.Text);
        Assert.Equal(script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End))), Words(transcript));
        Assert.InRange(runtime.Heard.Count, Math.Min(2, stretches), stretches);
    }

    [Fact]
    public async Task Long_parts_of_a_recording_are_written_to_their_ends()
    {
        var script = new ScriptedLetters { LongFrames = 3_600 * 16_000 };
        for (int i = 0; i < 400; i++) script.Say("ABCDE");
        using var runtime = script.Pause(3).Open();
        var options = new TranscriptionOptions
        {
            WordTimestamps = true,
            ClipRanges = [new(TimeSpan.FromSeconds(3.01), TimeSpan.FromSeconds(50)), new(TimeSpan.FromSeconds(60))],
        };
        var words = Words(await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), options));
        Assert.Equal(
            script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End)))
                .Where(word => word is { Item2: >= 3_100, Item3: <= 49_900 } or { Item2: >= 60_100 }),
            words.Where(word => word is { Start: >= 3_100, End: <= 49_900 } or { Start: >= 60_100 })
                .Select(word => (word.Text, Round(word.Start), Round(word.End))));
        Assert.Equal(2, runtime.Heard.Count);
    }

    [Fact]
    public async Task Segments_end_at_pauses_and_before_they_are_long()
    {
        var script = new ScriptedLetters();
        for (int i = 0; i < 200; i++) script.Pause(i % 40 == 0 ? 60 : 1).Say("WORD");
        using var runtime = script.Pause(3).Open();
        var transcript = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples()), new() { WordTimestamps = true });
        Assert.Equal(script.Text, transcript.Text);
        Assert.All(transcript.Segments, segment =>
        {
            Assert.InRange((segment.End - segment.Start).TotalSeconds, 0.1, 10);
            Assert.Equal((segment.Words![0].Start, segment.Words[^1].End), (segment.Start, segment.End));
            Assert.All(
                segment.Words.Zip(segment.Words.Skip(1)), pair => Assert.InRange((pair.Second.Start - pair.First.End).TotalSeconds, 0, 1));
            Assert.Equal(segment.Tokens.Count, segment.TokenLogprobs.Count);
        });
        Assert.InRange(transcript.Segments.Count, 5, 25);
        Assert.All(transcript.Segments.Zip(transcript.Segments.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
    }

    [Fact]
    public async Task A_word_at_the_end_of_a_window_is_left_to_the_next()
    {
        // A window is 1,000 positions: the word lies on its border, and nothing before it tells where to begin.
        var script = new ScriptedLetters().Pause(20).Say("FIRST").Pause(945).Say("BORDERLINE").Pause(300).Say("LAST", ends: false).Pause(1);
        using var runtime = script.Open();
        var transcript = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples(80)), new() { WordTimestamps = true });
        Assert.Equal(script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End))), Words(transcript));
    }

    [Fact]
    public async Task What_takes_half_a_window_is_cut_and_goes_on_once()
    {
        var script = new ScriptedLetters().Say(string.Concat(Enumerable.Repeat("ABCDEFG", 150))).Pause(5);
        using var runtime = script.Open();
        var transcript = await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), new());
        // The pieces are words of their own.
        Assert.Equal(script.Text, transcript.Text.Replace(" ", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Parts_of_a_recording_are_written_to_their_ends()
    {
        var script = new ScriptedLetters();
        for (int i = 0; i < 400; i++) script.Say("ABCDE");
        using var runtime = script.Pause(3).Open();
        var options = new TranscriptionOptions
        {
            WordTimestamps = true,
            ClipRanges = [
                new(TimeSpan.FromSeconds(3.01), TimeSpan.FromSeconds(50)), new(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60.5)),
            ],
        };
        var words = Words(await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), options));
        bool Within(double from, double to, (string, int Start, int End) word) => word.Start >= from && word.End <= to;
        Assert.Equal(
            script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End))).Where(word => Within(3_100, 49_900, word)),
            words.Where(word => Within(3_100, 49_900, word)).Select(word => (word.Text, Round(word.Start), Round(word.End))));
        Assert.All(words, word => Assert.True(word.Start >= 3_000 && word.End <= 60_600));
        Assert.Contains(words, word => word.Start >= 60_000);
    }

    [Fact]
    public async Task A_transcription_goes_on_from_every_position()
    {
        var script = ScriptedLetters.Random(9, 10_000);
        using var runtime = script.Open();
        var reports = new List<TranscriptionProgress>();
        var options = new TranscriptionOptions { WordTimestamps = true };
        var whole = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples()), options, new SequentialTranscriptionTests.Recorder(reports));
        Assert.True(reports.Count > 8);
        foreach (var position in reports.Select(report => report.Position!))
        {
            var rest = await runtime.Transcriber.TranscribeToEndAsync(
                new MemorySamples(script.Samples()), options with { Resume = position });
            Assert.Equal(whole.Segments.Skip(position.Segments).Select(Described), rest.Segments.Select(Described));
        }
    }

    [Fact]
    public async Task Words_and_results_tell_how_sure_the_model_is()
    {
        var script = new ScriptedLetters { Certainty = 2 }.Pause(4).Say("NO").Pause(20);
        using var runtime = script.Open();
        var segment = Assert.Single((await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples()), new() { WordTimestamps = true })).Segments);
        double letter = 2 - Math.Log(Math.Exp(2) + 31);
        // The space before the first word was not written by the model, and is certain.
        Assert.Equal([0, letter, letter], segment.TokenLogprobs.Select(value => (double)value), (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Equal(letter * 2 / 3, segment.AvgLogprob, 1e-5);
        Assert.Equal(Math.Exp(letter * 2 / 3), segment.Words![0].Probability, 1e-5);
        Assert.Equal((0, 0), (segment.NoSpeechProb, segment.Temperature));
        Assert.Equal(TextStatistics.CompressionRatio("NO"), segment.CompressionRatio);
    }

    [Fact]
    public async Task Silence_and_the_shortest_recordings_say_nothing()
    {
        var script = new ScriptedLetters().Pause(5000);
        using var runtime = script.Open();
        Assert.Empty((await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), new())).Segments);
        Assert.Empty((await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(new float[200]), new())).Segments);
        Assert.Empty((await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(default), new())).Segments);
    }

    [Fact]
    public async Task A_language_is_taken_as_said_and_never_detected()
    {
        var script = new ScriptedLetters().Say("JA").Pause(3);
        using var runtime = script.Open();
        var given = await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), new() { Language = "nl" });
        Assert.Equal(("nl", 1, "nl"), (given.Info.Language, given.Info.LanguageProbability, given.Segments[0].Language));
        var none = await runtime.Transcriber.TranscribeToEndAsync(
            new MemorySamples(script.Samples()), new() { DetectLanguageEachWindow = true });
        Assert.Equal((null, 0, null), (none.Info.Language, none.Info.LanguageProbability, none.Segments[0].Language));
        var error = Assert.Throws<ModelException>(
            () => runtime.Transcriber.TranscribeAsync(new MemorySamples(default), new() { Task = SpeechTask.Translate }));
        Assert.Contains("cannot translate", error.Message, StringComparison.Ordinal);
        using var session = runtime.Recognizer.Begin(new());
        error = await Assert.ThrowsAsync<ModelException>(
            () => session.DetectLanguageAsync(new AudioWindow { Samples = new float[400] }).AsTask());
        Assert.Contains("cannot tell languages apart", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_draft_is_refused()
    {
        using var runtime = new ScriptedLetters().Open();
        Assert.Contains(
            "draft", Assert.Throws<ModelException>(() => Recognizers.For(runtime.Recognizer.Model, runtime, runtime)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base", "ASOSOSO")]
    [InlineData("large", "B'BRBRBR'BOBRBRB'BRBRBRBRBR")]
    [InlineData("hubert", "R RVMR RFRHRVRMRVMVVRHVVRFVRVRRW")]
    public async Task A_file_becomes_the_text_that_the_reference_writes(string model, string text)
    {
        using var folder = new TemporaryFolder();
        var samples = Wav2Vec2Tests.Samples("a");
        byte[] bytes = [.. samples.SelectMany(sample => BitConverter.GetBytes((short)Math.Round(sample * 32768)))];
        File.WriteAllBytes(folder.File("a.wav"), new WavBytes().Build(bytes));
        using var transcriber = await Transcriber.LoadAsync(Wav2Vec2Tests.Folder(model), s_oneThread);
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(folder.File("a.wav"), new() { WordTimestamps = true }))
            segments.Add(segment);
        Assert.Equal(" " + text, string.Concat(segments.Select(segment => segment.Text)));
        Assert.Equal(text.Split(' ').Select(word => " " + word), segments.SelectMany(segment => segment.Words!).Select(word => word.Text));
    }

    [Fact]
    public async Task A_window_alone_says_what_the_whole_recording_says()
    {
        using var transcriber = await Transcriber.LoadAsync(Wav2Vec2Tests.Folder("hubert"), s_oneThread);
        var samples = new float[(int)(10.99 * SampleStream.SampleRate)];
        using (var stream = SampleStream.Open(TestRecordings.Jfk)) new RecordedSamples(stream).Read(samples);
        using var session = transcriber.Recognizer.Begin(new());
        var alone = await session.RecognizeAsync(new AudioWindow { Samples = samples, StandsAlone = true }, new());
        var whole = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(new MemorySamples(samples))) whole.Add(segment);
        Assert.Equal(alone.Result.Tokens, whole.SelectMany(segment => segment.Tokens));
        Assert.True(whole.Count > 0 && alone.Result.Tokens.Count > 50);
    }

    [Fact]
    public async Task Batches_of_speech_and_one_window_after_the_other_go_on_where_they_stood()
    {
        using var transcriber = await Transcriber.LoadAsync(
            Wav2Vec2Tests.Folder("hubert"), s_oneThread with { SpeechDetectorFile = TestModels.SileroVad });
        var jfk = new float[11 * SampleStream.SampleRate];
        using (var stream = SampleStream.Open(TestRecordings.Jfk)) new RecordedSamples(stream).Read(jfk);
        float[] samples = [.. jfk, .. jfk, .. jfk, .. jfk];
        foreach (var options in (TranscriptionOptions[])[
            new() { BatchSize = 3, WordTimestamps = true }, new() { Vad = new(), WordTimestamps = true },
        ])
        {
            var reports = new List<TranscriptionProgress>();
            var whole = await AllAsync(transcriber, samples, options, new SequentialTranscriptionTests.Recorder(reports));
            Assert.InRange(whole.Count, 3, 100);
            Assert.InRange(reports.Count, 2, 100);
            Assert.All(
                whole.Zip(whole.Skip(1)),
                pair => Assert.True(pair.First.Start <= pair.Second.Start && pair.Second.End <= TimeSpan.FromSeconds(44)));
            Assert.All(whole, segment => Assert.Null(segment.Language));
            var position = reports[0].Position!;
            var rest = await AllAsync(transcriber, samples, options with { Resume = position });
            Assert.Equal(whole.Skip(position.Segments).Select(Described), rest.Select(Described));
        }
    }

    static async Task<List<Segment>> AllAsync(
        Transcriber transcriber, float[] samples, TranscriptionOptions options, IProgress<TranscriptionProgress>? progress = null)
    {
        var segments = new List<Segment>();
        await foreach (var segment in transcriber.TranscribeAsync(new MemorySamples(samples), options, progress)) segments.Add(segment);
        return segments;
    }

    static List<(string Text, int Start, int End)> Words(Transcript transcript) =>
        [.. transcript.Segments.SelectMany(segment => segment.Words!)
            .Select(word => (word.Text, (int)word.Start.TotalMilliseconds, (int)word.End.TotalMilliseconds))];

    static int Ms(int position) => (int)Math.Round(position * SecondsPerPosition * 1000);

    // A part that begins between two positions has its own.
    static int Round(int milliseconds) => milliseconds / 20 * 20;

    static string Described(Segment segment) =>
        $"{segment.Id} {segment.Start} {segment.End} {segment.Text} {string.Join(' ', segment.Words!.Select(word => word.ToString()))}";
}
