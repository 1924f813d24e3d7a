using Earshot.Evaluation.Metrics;
using static System.TimeSpan;

namespace Earshot.Evaluation.Tests.Metrics;

public class StreamingScoreTests
{
    static TranscriptEvent Event(double emitted, double audio, string text, bool final = false) =>
        new() { EmittedAt = FromSeconds(emitted), AudioUntil = FromSeconds(audio), Text = text, IsFinal = final };

    static readonly TranscriptEvent[] Stream =
    [
        Event(0.5, 0.4, ""),
        Event(1.2, 1.0, "hello"),
        Event(2.3, 2.0, "hello word"),
        Event(3.1, 3.0, "hello world"),          // one word taken back
        Event(3.6, 3.2, "hello world", final: true),
        Event(4.5, 4.0, "good buy"),
        Event(5.5, 5.0, "goodbye", final: true), // two words taken back
    ];

    [Fact]
    public void First_word_final_and_erasure_are_measured()
    {
        var score = StreamingScorer.Score(Stream, FromSeconds(0.25), FromSeconds(4.75));

        Assert.Equal(FromSeconds(0.95), score.TimeToFirstWord);
        Assert.Equal(FromSeconds(0.75), score.TimeToFinal);
        Assert.Equal(3 / 3.0, score.NormalizedErasure); // 1 + 2 words over the 3 of the final text
    }

    [Fact]
    public void A_words_time_is_that_since_which_it_stood()
    {
        var words = StreamingScorer.Score(Stream, Zero, FromSeconds(4.75)).Words;

        Assert.Equal(
            [
                new("hello", FromSeconds(1.2), FromSeconds(1.0)),
                new("world", FromSeconds(3.1), FromSeconds(3.0)),
                new("goodbye", FromSeconds(5.5), FromSeconds(5.0)),
            ],
            words);
    }

    [Fact]
    public void A_stream_without_words_has_no_first_word()
    {
        var score = StreamingScorer.Score([Event(1, 1, "")], Zero, FromSeconds(1));

        Assert.Null(score.TimeToFirstWord);
        Assert.Null(score.TimeToFinal);
        Assert.Equal(0, score.NormalizedErasure);
        Assert.Empty(score.Words);
    }

    [Fact]
    public void Events_out_of_order_are_refused() =>
        Assert.Throws<ArgumentException>(() => StreamingScorer.Score([Event(2, 2, "a"), Event(1, 1, "b")], Zero, Zero));

    // By SimulEval's formula: γ = max(words, reference words) / duration; mean of d − i / γ up to the first d ≥ duration.
    [Theory]
    [InlineData(new double[] { 1, 2, 3, 4 }, 4, 4, 1)]          // 1, 2−1, 3−2, 4−3
    [InlineData(new double[] { 2, 4, 4, 4 }, 4, 4, 2.5)]        // stops at the first 4: (2 + 3) / 2
    [InlineData(new double[] { 5, 6 }, 4, 4, 5)]                // nothing before the end: the first delay
    [InlineData(new double[] { 1, 2 }, 4, 8, 1.25)]             // the longer reference sets the pace: (1 + 1.5) / 2
    [InlineData(new double[] { 1, 1, 2, 2 }, 4, 2, 0)]          // the longer hypothesis does: (1 + 0 + 0 − 1) / 4
    public void Average_lagging_follows_simuleval(double[] delays, double duration, int referenceLength, double expected)
    {
        var lag = AverageLag.OfSentence([.. delays.Select(FromSeconds)], FromSeconds(duration), referenceLength);

        Assert.Equal(expected, lag!.Value.TotalSeconds, 1e-6);
    }

    [Fact]
    public void Stream_lag_is_the_mean_over_sentences_with_and_without_computation()
    {
        WordEmission[] words =
        [
            new("one", FromSeconds(1.5), FromSeconds(1)), new("two", FromSeconds(2.5), FromSeconds(2)),
            new("three", FromSeconds(11), FromSeconds(11)), new("fore", FromSeconds(13), FromSeconds(12)),
        ];
        ReferenceSentence[] reference = [new(Zero, FromSeconds(2), "One two."), new(FromSeconds(10), FromSeconds(12), "Three four!")];
        var normalizer = new BasicTextNormalizer();

        Assert.Equal(
            1, AverageLag.OfStream(words, reference, computationAware: false, normalizer)!.Value.TotalSeconds,
            1e-6); // (1 + 1) / 2 and (1 + 1) / 2
        Assert.Equal(
            1.5, AverageLag.OfStream(words, reference, computationAware: true, normalizer)!.Value.TotalSeconds, 1e-6); // 1.5, 1.5; 1, 2
        Assert.Null(AverageLag.OfStream([], reference, computationAware: true));
    }

    [Fact]
    public void Words_lag_behind_their_end_in_the_audio()
    {
        TimedWord Word(string word, double end) =>
            new() { Session = "s", Start = FromSeconds(end - 0.25), End = FromSeconds(end), Word = word };
        var words = StreamingScorer.Score(Stream, Zero, Zero).Words;
        TimedWord[] reference = [Word("Hello", 0.75), Word("wide", 1), Word("world", 2), Word("farewell", 4)];

        Assert.Equal(
            [FromSeconds(0.25), FromSeconds(1)],
            StreamingScorer.WordLags(words, reference, computationAware: false, new BasicTextNormalizer()));
        Assert.Equal(
            [FromSeconds(0.45), FromSeconds(1.1)],
            StreamingScorer.WordLags(words, reference, computationAware: true, new BasicTextNormalizer()));
    }

    [Fact]
    public void A_summary_gives_the_tail()
    {
        var summary = LatencySummary.Of(Enumerable.Range(1, 101).Select(i => FromMilliseconds(i * 10)));

        Assert.Equal((101, FromMilliseconds(510), FromMilliseconds(510)), (summary.Count, summary.Mean, summary.P50));
        Assert.Equal((FromMilliseconds(960), FromMilliseconds(1000), FromMilliseconds(1010)), (summary.P95, summary.P99, summary.Largest));
        Assert.Equal(new LatencySummary(), LatencySummary.Of([]));
    }
}
