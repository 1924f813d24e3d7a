using Earshot.Audio;
using Earshot.Compute;
using Earshot.Compute.Runtimes;
using Earshot.Features;
using Earshot.Models;
using Earshot.Recognition;
using Earshot.Tests.Speakers;
using Earshot.Tests.Transcription;
using Earshot.Transcription;

namespace Earshot.Tests.Recognition;

/// <summary>Windows of a transducer: nothing is lost, repeated or moved at their borders.</summary>
public sealed class TransducerRecognizerTests
{
    const double SecondsPerPosition = 0.02;

    [Theory]
    [InlineData(1, 900)]
    [InlineData(3, 20_000)]
    public async Task Windows_say_what_the_whole_recording_says(int seed, int positions)
    {
        var script = ScriptedLetters.Random(seed, positions);
        using var runtime = script.OpenTransducer();
        Assert.IsType<TransducerRecognizer>(runtime.Recognizer);
        var said = await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples(100)), new() { WordTimestamps = true });
        Assert.Equal(script.Text, said.Text);
        Assert.Equal(script.Words.Select(word => (" " + word.Text, Ms(word.Start), Ms(word.End))), Words(said));
        Assert.Equal(positions > 1000, runtime.Heard.Count > 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_transducer_and_a_head_that_hear_the_same_write_the_same(int seed)
    {
        var script = ScriptedLetters.Random(seed, 4000);
        using ScriptedLetters.Runtime head = script.Open(), transducer = script.OpenTransducer();
        var options = new TranscriptionOptions { WordTimestamps = true };
        Assert.Equal(await SegmentsAsync(head, options), await SegmentsAsync(transducer, options));

        async Task<List<string>> SegmentsAsync(ScriptedLetters.Runtime runtime, TranscriptionOptions given) =>
            [.. (await runtime.Transcriber.TranscribeToEndAsync(new MemorySamples(script.Samples()), given)).Segments.Select(Described)];
    }

    [Fact]
    public async Task A_transcription_goes_on_from_every_position_with_what_was_said_before()
    {
        using var recognizer = Random(durations: []);
        var samples = Noise(45);
        var reports = new List<TranscriptionProgress>();
        var options = new TranscriptionOptions { WordTimestamps = true };
        var whole = await new RecordingTranscriber(recognizer)
            .TranscribeToEndAsync(new MemorySamples(samples), options, new SequentialTranscriptionTests.Recorder(reports));
        Assert.InRange(reports.Count, 3, 50);
        foreach (var position in reports.Select(report => report.Position!))
        {
            var rest = await new RecordingTranscriber(recognizer)
                .TranscribeToEndAsync(new MemorySamples(samples), options with { Resume = position });
            Assert.Equal(whole.Segments.Skip(position.Segments).Select(Described), rest.Segments.Select(Described));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Words_of_random_weights_come_in_order(bool timed)
    {
        using var recognizer = Random(timed ? [0, 1, 2, 3, 4] : []);
        var said = await new RecordingTranscriber(recognizer)
            .TranscribeToEndAsync(new MemorySamples(Noise(45)), new() { WordTimestamps = true });
        var words = said.Segments.SelectMany(segment => segment.Words!).ToList();
        Assert.True(words.Count > 10);
        Assert.All(words, word => Assert.True(
            word.Start <= word.End && word.End <= TimeSpan.FromSeconds(45.02) && word.Probability is > 0 and <= 1));
        Assert.All(words.Zip(words.Skip(1)), pair => Assert.True(pair.First.Start <= pair.Second.Start));
        Assert.Equal(
            said.Segments.Select(segment => segment.Text),
            said.Segments.Select(segment => string.Concat(segment.Words!.Select(word => word.Text))));
    }

    [Fact]
    public async Task What_was_said_before_a_window_changes_what_is_written()
    {
        using var recognizer = Random(durations: []);
        using var session = recognizer.Begin(new());
        var window = new AudioWindow { Samples = Noise(10) };
        var fresh = await session.RecognizeAsync(window, new());
        var told = await session.RecognizeAsync(window, new() { Prompt = new[] { 3, 1, 4, 15, 9, 2 } });
        Assert.True(fresh.Result.Tokens.Count > 0);
        Assert.NotEqual(fresh.Result.Tokens, told.Result.Tokens);
    }

    [Fact]
    public async Task Segments_end_with_sentences_and_marks_take_no_time()
    {
        using var runtime = new Spoken([" Well", ",", " it", " is", ".", " Is", " it", "?"]);
        var said = await new RecordingTranscriber(runtime.Recognizer)
            .TranscribeToEndAsync(new MemorySamples(new float[Spoken.SamplesPerPosition * 60]), new() { WordTimestamps = true });
        Assert.Equal([" Well, it is.", " Is it?"], said.Segments.Select(segment => segment.Text));
        // Tokens are four positions apart and take two each.
        Assert.Equal(
            [(0, 2), (8, 10), (12, 14), (20, 22), (24, 26)],
            said.Segments.SelectMany(segment => segment.Words!).Select(word => (Position(word.Start), Position(word.End))));

        static int Position(TimeSpan time) => (int)Math.Round(time.TotalSeconds * SampleStream.SampleRate / Spoken.SamplesPerPosition);
    }

    [Fact]
    public void A_runtime_that_runs_no_transducer_is_told_from_one_that_does()
    {
        var model = Model([]);
        using var runtime = new CpuModelRuntime(model.Parts with { Transducer = null }, RandomTensors.For(model.Parts));
        Assert.Contains(
            "no transducer", Assert.Throws<ModelException>(() => Recognizers.For(model, runtime)).Message, StringComparison.Ordinal);
    }

    static SpeechModel Model(int[] durations) => new()
    {
        Info = new() { Name = "toy", Type = "toy" },
        Features = new LogMelSettings(80),
        Tokenizer = new PieceTokenizer([.. Enumerable.Range(0, 32).Select(id => (id % 3 == 0 ? " " : "") + (char)('a' + id))]),
        Parts = new()
        {
            Encoder = new ToyEncoder(new ToyConfig(80, 32, 2, 29)),
            Transducer = new LstmTransducer
            {
                Shape = new()
                {
                    VocabSize = 33,
                    Blank = 32,
                    Durations = durations,
                    MostSymbols = 2,
                    EncodedWidth = 32,
                    Width = 24,
                    StateSizes = [16],
                },
                Activation = Activation.Tanh,
                Names = new() { Embedding = "embedding", Lstm = "lstm", Predicted = "predicted", Encoded = "encoded", Output = "output" },
            },
        },
    };

    static Recognizer Random(int[] durations)
    {
        var model = Model(durations);
        var tensors = RandomTensors.For(model.Parts, options: new() { Seed = 5 });
        // As loud as the sound: what an untrained recurrent layer gives is quiet.
        float[] loud = [.. tensors.Find("predicted.weight")!.ToFloats().Select(value => 12 * value)];
        return Recognizers.For(
            model, new CpuModelRuntime(model.Parts, new TamperedStore(tensors).With("predicted.weight", new Shape(24, 16), loud)));
    }

    static float[] Noise(int seconds)
    {
        var random = new Random(4);
        return [.. Enumerable.Range(0, seconds * SampleStream.SampleRate)
            .Select(i => (random.NextSingle() - 0.5f) * MathF.Abs(MathF.Sin(i / 4000f)))];
    }

    static List<(string Text, int Start, int End)> Words(Transcript transcript) =>
        [.. transcript.Segments.SelectMany(segment => segment.Words!)
            .Select(word => (word.Text, (int)word.Start.TotalMilliseconds, (int)word.End.TotalMilliseconds))];

    static int Ms(int position) => (int)Math.Round(position * SecondsPerPosition * 1000);

    static string Described(Segment segment) =>
        $"{segment.Id} {segment.Start} {segment.End} {segment.Text} " +
        $"{string.Join(' ', segment.Words!.Select(word => $"{word.Text} {word.Start} {word.End}"))}";
}
