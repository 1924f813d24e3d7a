using Earshot.Tests.Decoding;
using Earshot.Transcription;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Tests.Transcription;

public class SequentialTranscriptionTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;

    // The first timestamp may be anywhere, so that times can be compared exactly.
    static readonly TranscriptionOptions s_options =
        new() { Decoding = new() { BeamSize = 1, MaxInitialTimestamp = Timeout.InfiniteTimeSpan } };

    [Fact]
    public async Task A_short_recording_is_one_window()
    {
        var recording = new ScriptedRecording(s_tokenizer, 5, new Utterance(1, [0, 1, 2]), new Utterance(3, [3]));
        var segments = await Transcribe(recording, s_options);
        Assert.Equal([" alpha bravo charlie", " delta"], segments.Select(s => s.Text));
        Assert.Equal([Seconds(1), Seconds(3)], segments.Select(s => s.Start));
        Assert.Equal([Seconds(2.5), Seconds(3.5)], segments.Select(s => s.End));
        Assert.Equal([0, 1], segments.Select(s => s.Id));
        Assert.All(segments, s => Assert.Equal(s.Tokens.Count, s.TokenLogprobs.Count));
        Assert.All(segments, s => Assert.Equal("en", s.Language));
    }

    [Fact]
    public void No_word_is_lost_or_repeated_at_the_borders_of_windows() => Prop.ForAll(
        ArbMap.Default.GeneratorFor<ulong>().ToArbitrary(),
        seed =>
        {
            var recording = Random(seed, seconds: 150);
            var segments = Transcribe(recording, s_options with { ConditionOnPreviousText = seed % 2 == 0 }).Result;
            Assert.Equal(recording.Text, string.Concat(segments.Select(s => s.Text)));
            for (int i = 1; i < segments.Count; i++) Assert.True(segments[i].Start >= segments[i - 1].End);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Beams_write_the_same_words()
    {
        var recording = Random(3, seconds: 100);
        Assert.Equal(recording.Text, string.Concat(
            (await Transcribe(recording, s_options with { Decoding = s_options.Decoding with { BeamSize = 5 } })).Select(s => s.Text)));
    }

    [Fact]
    public async Task Words_have_their_times()
    {
        var recording = new ScriptedRecording(
            s_tokenizer, 50, new Utterance(2, [0, 1, 2]), new Utterance(6, [3, 4]), new Utterance(28, [5, 6, 7, 8, 9]),
            new Utterance(40, [1, 2]));
        var segments = await Transcribe(recording, s_options with { WordTimestamps = true });
        var words = segments.SelectMany(s => s.Words!).ToList();
        Assert.Equal(recording.Text, string.Concat(words.Select(w => w.Text)));
        double[] starts = [2, 2.5, 3, 6, 6.5, 28, 28.5, 29, 29.5, 30, 40, 40.5];
        for (int i = 0; i < words.Count; i++)
        {
            // Attention turns to a word before it is said: the first of a window at its start, others within the pause
            // before them. The rules for pauses set that right, but for a second at most.
            Assert.InRange(words[i].Start.TotalSeconds, starts[i] - 1, starts[i] + 0.05);
            Assert.InRange(words[i].End.TotalSeconds, starts[i] + 0.4, starts[i] + 1.05);
            Assert.InRange(words[i].Probability, 0.9f, 1f);
        }
        Assert.All(segments, s => Assert.InRange(s.Start - s.Words![0].Start, Seconds(-0.25), Seconds(1)));
    }

    [Fact]
    public async Task A_long_recording_is_read_no_further_than_its_window()
    {
        var recording = Random(9, seconds: 7200, tellsLength: false);
        using var runtime = recording.Runtime(recording.Model());
        double last = 0;
        int count = 0;
        await foreach (var segment in ScriptedRecording.Transcriber(runtime).TranscribeAsync(recording, s_options))
        {
            last = segment.End.TotalSeconds;
            Assert.InRange(recording.SamplesRead / 16_000.0, last, last + 61);
            count += segment.Text.Count(c => c == ' ');
        }
        Assert.Equal(recording.Text.Count(c => c == ' '), count);
        Assert.True(last > 7100);
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
    }

    [Theory]
    [InlineData(5, 1)]
    [InlineData(95, 1)]
    public async Task No_window_begins_before_sound_that_starts_late(int late, int windows)
    {
        // More time before the sound than a window holds, too.
        var recording = new ScriptedRecording(s_tokenizer, late + 20, new Utterance(late + 0.5, [0, 1]), new Utterance(late + 18, [2]))
        {
            FillerSeconds = late,
        };
        using var runtime = recording.Runtime();
        var segments = new List<Segment>();
        await foreach (var segment in ScriptedRecording.Transcriber(runtime).TranscribeAsync(recording, s_options)) segments.Add(segment);
        Assert.Equal([Seconds(late + 0.5), Seconds(late + 18)], segments.Select(s => s.Start));
        Assert.Equal(windows, runtime.Encodings);
    }

    [Fact]
    public async Task Silence_says_nothing()
    {
        var recording = new ScriptedRecording(s_tokenizer, 70);
        var progress = new List<TranscriptionProgress>();
        Assert.Empty(await Transcribe(recording, s_options, new Recorder(progress), recording.Model()));
        Assert.Equal([30.0, 60, 70], progress.Take(3).Select(p => p.Processed.TotalSeconds));
        Assert.Equal(Seconds(70), progress[^1].Info.Duration);
        Assert.Equal(Seconds(70), progress[^1].Total);
    }

    [Fact]
    public async Task Nothing_at_all_says_nothing()
    {
        Assert.Empty(await Transcribe(new ScriptedRecording(s_tokenizer, 0), s_options));
        Assert.Empty(await Transcribe(new ScriptedRecording(s_tokenizer, 0.005), s_options));
    }

    [Fact]
    public async Task Clips_limit_what_is_heard()
    {
        var recording = new ScriptedRecording(
            s_tokenizer, 200, new Utterance(2, [0]), new Utterance(12, [1]), new Utterance(22, [2]), new Utterance(100, [3]),
            new Utterance(150, [4]), new Utterance(190, [5]));
        var clips = new ClipRange[] { new(Seconds(10), Seconds(15)), new(Seconds(95), Seconds(151)), new(Seconds(185)) };
        var segments = await Transcribe(recording, s_options with { ClipRanges = clips }, model: recording.Model());
        Assert.Equal([" bravo", " delta", " echo", " foxtrot"], segments.Select(s => s.Text));
        // Without a pair of timestamps a segment begins with its window.
        Assert.Equal([10, 95, 125, 185.0], segments.Select(s => s.Start.TotalSeconds));
        Assert.Equal([12.5, 100.5, 150.5, 190.5], segments.Select(s => s.End.TotalSeconds));
    }

    [Fact]
    public async Task Each_window_knows_what_was_said_before()
    {
        var recording = new ScriptedRecording(s_tokenizer, 60, new Utterance(1, [0]), new Utterance(31, [1]));
        using var runtime = recording.Runtime();
        await ScriptedRecording.Transcriber(runtime).TranscribeToEndAsync(
            recording, s_options with { InitialPrompt = "ab", Prefix = null, Decoding = s_options.Decoding with { Hotwords = "h" } });
        int start = s_tokenizer.StartOfTranscript, previous = s_tokenizer.StartOfPrevious;
        Assert.Equal([previous, ' ', 'h', ' ', 'a', 'b', start], runtime.Prompts[0]);
        Assert.Equal([previous, ' ', 'h', ' ', 'a', 'b', Timestamp(1), SmallTokenizer.Word(0), Timestamp(1.5), start], runtime.Prompts[1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_context_only_a_carried_prompt_goes_on(bool carry)
    {
        var recording = new ScriptedRecording(s_tokenizer, 60, new Utterance(1, [0]), new Utterance(31, [1]));
        using var runtime = recording.Runtime();
        var options = s_options with { InitialPrompt = "ab", CarryInitialPrompt = carry, ConditionOnPreviousText = false };
        await ScriptedRecording.Transcriber(runtime).TranscribeToEndAsync(recording, options);
        Assert.Equal(carry ? runtime.Prompts[0] : [s_tokenizer.StartOfTranscript], runtime.Prompts[1]);
    }

    [Fact]
    public async Task A_high_temperature_clears_the_context()
    {
        var recording = new ScriptedRecording(s_tokenizer, 90, new Utterance(1, [0]), new Utterance(31, [1]), new Utterance(61, [2]));
        using var runtime = recording.Runtime();
        // No result will do, so that the last temperature is reached.
        var options = s_options with
        {
            Decoding = s_options.Decoding with { BestOf = 2 },
            Fallback = s_options.Fallback with { Temperatures = [0, 0.4f], LogprobThreshold = 1 },
        };
        await ScriptedRecording.Transcriber(runtime).TranscribeToEndAsync(recording, options);
        Assert.Contains(SmallTokenizer.Word(0), runtime.Prompts[^1]);
        runtime.Prompts.Clear();
        recording = new ScriptedRecording(s_tokenizer, 90, new Utterance(1, [0]), new Utterance(31, [1]), new Utterance(61, [2]));
        var transcript = await ScriptedRecording.Transcriber(runtime)
            .TranscribeToEndAsync(recording, options with { Fallback = options.Fallback with { Temperatures = [0, 0.6f] } });
        Assert.All(runtime.Prompts, prompt => Assert.Equal([s_tokenizer.StartOfTranscript], prompt));
        Assert.All(transcript.Segments, s => Assert.Equal(0.6f, s.Temperature));
        Assert.Equal("alpha bravo charlie", transcript.Text);
    }

    [Fact]
    public async Task The_language_is_detected_once_and_reported()
    {
        var tokenizer = SmallTokenizer.Multilingual;
        var recording = new ScriptedRecording(tokenizer, 60, new Utterance(1, [0]), new Utterance(31, [1]));
        var script = LanguageModels.Script(tokenizer, recording.Heard);
        using var runtime = recording.Runtime((window, tokens, logits) =>
        {
            script(window, tokens, logits);
            if (tokens.Length == 1) (logits[tokenizer.LanguageToken("sv")], logits[tokenizer.LanguageToken("no")]) = (9, 8);
        });
        var transcript = await ScriptedRecording.Transcriber(runtime).TranscribeToEndAsync(recording, s_options);
        Assert.Equal(("sv", 0.731), (transcript.Info.Language, Math.Round(transcript.Info.LanguageProbability, 3)));
        Assert.Equal(1, runtime.Prompts.Count(prompt => prompt.Length == 1));
        Assert.All(transcript.Segments, s => Assert.Equal("sv", s.Language));
        Assert.Equal("alpha bravo", transcript.Text);
    }

    [Fact]
    public async Task A_window_that_would_not_move_on_is_left_behind()
    {
        // Pairs of timestamps at the window's very start: the reference would decode it for ever.
        var recording = new ScriptedRecording(s_tokenizer, 65);
        int begin = s_tokenizer.TimestampBegin;
        using var runtime = recording.Runtime(LanguageModels.Script(s_tokenizer, _ => [begin, begin, 65]));
        await ScriptedRecording.Transcriber(runtime).TranscribeToEndAsync(recording, s_options);
        Assert.InRange(runtime.Encodings, 3, 40);
    }

    [Fact]
    public async Task Cancellation_stops_and_gives_everything_back()
    {
        var recording = Random(5, seconds: 600);
        using var runtime = recording.Runtime();
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var segment in ScriptedRecording.Transcriber(runtime)
                .TranscribeAsync(recording, s_options, null, cancellation.Token))
            {
                if (segment.Start > Seconds(60)) await cancellation.CancelAsync();
            }
        });
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
        Assert.InRange(runtime.Encodings, 2, 8);
    }

    internal static ScriptedRecording Random(ulong seed, double seconds, bool tellsLength = true)
    {
        var random = new Earshot.Decoding.SeededRandom(seed);
        var utterances = new List<Utterance>();
        for (double at = 0; ;)
        {
            at += 0.5 * (int)(random.NextDouble() * (random.NextDouble() < 0.1 ? 100 : 8));
            var words = Enumerable.Range(0, 1 + (int)(random.NextDouble() * (random.NextDouble() < 0.1 ? 80 : 12)))
                .Select(_ => (int)(random.NextDouble() * 20)).ToArray();
            var utterance = new Utterance(at, words);
            if (utterance.End > seconds) return new ScriptedRecording(s_tokenizer, seconds, utterances) { TellsLength = tellsLength };
            utterances.Add(utterance);
            at = utterance.End;
        }
    }

    static async Task<List<Segment>> Transcribe(
        ScriptedRecording recording,
        TranscriptionOptions options,
        IProgress<TranscriptionProgress>? progress = null,
        LanguageModel? model = null)
    {
        using var runtime = recording.Runtime(model ?? recording.Model());
        var segments = new List<Segment>();
        await foreach (var segment in ScriptedRecording.Transcriber(runtime).TranscribeAsync(recording, options, progress))
            segments.Add(segment);
        Assert.Equal((0, 0), (runtime.OpenWindows, runtime.OpenDecoders));
        return segments;
    }

    static int Timestamp(double seconds) => s_tokenizer.TimestampBegin + (int)Math.Round(seconds / 0.02);

    static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    internal sealed class Recorder(List<TranscriptionProgress> reports) : IProgress<TranscriptionProgress>
    {
        public void Report(TranscriptionProgress value) => reports.Add(value);
    }
}
