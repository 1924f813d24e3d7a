using Earshot.Recognition;
using Earshot.Tests.Decoding;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Nothing ends after the recording does.</summary>
public class AudioEndTests
{
    static readonly Tokenizers.WhisperTokenizer s_tokenizer = SmallTokenizer.English;
    static readonly TranscriptionOptions s_options =
        new() { Decoding = new() { BeamSize = 1, MaxInitialTimestamp = Timeout.InfiniteTimeSpan } };

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public async Task Timestamps_in_the_silence_behind_the_recording_are_its_end(bool vad, int batchSize)
    {
        // The model believes that it heard two sentences more, and the last one beyond the end.
        var recording = new ScriptedRecording(s_tokenizer, 9.0725, new Utterance(1, [0]));
        using var runtime = recording.Runtime(LanguageModels.Script(s_tokenizer, _ => [
            At(8), SmallTokenizer.Word(0), At(9), At(9), SmallTokenizer.Word(1), At(9.1), At(9.1), SmallTokenizer.Word(2), At(9.14),
        ]));
        var options = s_options with
        {
            BatchSize = batchSize,
            Vad = vad || batchSize > 1 ? new VadOptions() : null,
            Decoding = s_options.Decoding with { WithoutTimestamps = false },
        };
        var transcript = await ScriptedRecording.Transcriber(runtime, () => new AlwaysSpeech()).TranscribeToEndAsync(recording, options);
        Assert.Equal([" alpha", " bravo", " charlie"], transcript.Segments.Select(segment => segment.Text));
        Assert.Equal([8, 9, 9.052], transcript.Segments.Select(segment => segment.Start.TotalSeconds));
        Assert.Equal([9, 9.052, 9.072], transcript.Segments.Select(segment => segment.End.TotalSeconds));
        Assert.True(transcript.Segments[^1].End <= transcript.Info.Duration);
    }

    [Fact]
    public void Times_within_the_audio_stay_as_they_are()
    {
        var segment = Segment(1, 2, (1, 1.5), (1.5, 2));
        AudioEnd.Clamp([segment], 0, 2);
        Assert.Equal((1, 2, 2), (segment.Start, segment.End, segment.Words[1].End));
    }

    [Fact]
    public void Words_keep_their_order_and_a_length()
    {
        var random = new Random(4);
        for (int round = 0; round < 2000; round++)
        {
            double start = random.Next(0, 50), end = start + 0.2 + (random.NextDouble() * 10);
            var segments = Random(random, start);
            AudioEnd.Clamp(segments, start, end);
            double last = start;
            foreach (var segment in segments)
            {
                Assert.True(segment.Start >= last - 1e-9 && segment.Start < segment.End && segment.End <= end);
                double lastWord = segment.Start;
                foreach (var word in segment.Words)
                {
                    Assert.True(word.Start >= lastWord - 1e-9 && word.Start < word.End && word.End <= end);
                    lastWord = word.End;
                }
                last = segment.End;
            }
        }
    }

    [Theory]
    [InlineData(TranscriptFormat.Ctm, "talk 1 9.04 0.02 end 0.50\n")]
    [InlineData(TranscriptFormat.Audacity, "9.049\t9.069\tend\n")]
    public void No_format_rounds_beyond_the_end(TranscriptFormat format, string expected)
    {
        var word = new Word(" end", TimeSpan.FromMilliseconds(9049), TimeSpan.FromMilliseconds(9069), 0.5f);
        var transcript =
            new Transcript { Segments = [new Segment { Text = " end", Start = word.Start, End = word.End, Words = [word] }], Info = new() };
        Assert.Equal(expected, TranscriptWriter.ToText(transcript, format, new TranscriptWriterOptions { Recording = "talk" }));
    }

    // Up to eight segments of up to six words, one after the other, some far beyond any end.
    static List<SegmentDraft> Random(Random random, double at)
    {
        var segments = new List<SegmentDraft>();
        for (int i = random.Next(1, 9); i > 0; i--)
        {
            double begin = at += random.NextDouble();
            var words = new List<(double, double)>();
            for (int w = random.Next(0, 7); w > 0; w--)
            {
                double from = at;
                words.Add((from, at += 0.03 + (random.NextDouble() * 0.5)));
            }
            at = words.Count > 0 ? at : at + 0.1 + random.NextDouble();
            segments.Add(Segment(begin, at, [.. words]));
        }
        return segments;
    }

    static SegmentDraft Segment(double start, double end, params (double Start, double End)[] words)
    {
        var segment = new SegmentDraft { Start = start, End = end, Range = .., Tokens = [] };
        segment.Words.AddRange(
            words.Select(word => new WordDraft { Text = " x", TokenCount = 1, Start = word.Start, End = word.End, Probability = 1 }));
        return segment;
    }

    static int At(double seconds) => s_tokenizer.TimestampBegin + (int)Math.Round(seconds / 0.02);

    sealed class AlwaysSpeech : ISpeechDetector
    {
        long _samples, _windows;

        public int WindowSize => 512;

        public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities)
        {
            _samples += samples.Length;
            for (; (_windows + 1) * 512 <= _samples; _windows++) probabilities.Add(0.9f);
        }

        public void Finish(ICollection<float> probabilities)
        {
            if (_samples % 512 != 0) probabilities.Add(0.9f);
        }

        public void Dispose() { }
    }
}
