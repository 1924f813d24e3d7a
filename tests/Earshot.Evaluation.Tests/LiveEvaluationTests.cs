using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Evaluation.Tests;

public class LiveEvaluationTests
{
    [Fact]
    public void Delays_are_reckoned_by_the_sound_and_with_what_computing_took()
    {
        LiveEvent[] events =
        [
            new LiveSpeechStarted(Seconds(1)) { Heard = Seconds(1.1) },
            new LivePartial([Word(" one", 1, 1.5), Word(" too", 1.5, 2)]) { Heard = Seconds(2), Computed = Seconds(0.5) },
            new LiveFinal([Word(" one", 1, 1.5)]) { Heard = Seconds(2.5), Computed = Seconds(0.4) },
            // Computing the last hearing has taken longer than the sound in between.
            new LivePartial([Word(" two", 1.5, 2)]) { Heard = Seconds(2.5) },
            new LiveFinal([Word(" two", 1.5, 2)]) { Heard = Seconds(2.6), Computed = Seconds(0.3) },
            new LiveSpeechStopped(Seconds(2.1), LiveStopReason.Silence) { Heard = Seconds(2.6) },
        ];
        var result = LiveEvaluation.Score(events, Seconds(5));
        Assert.Equal("one two", result.Text);
        Assert.Equal([Seconds(1)], result.FirstWords);
        Assert.Equal([Seconds(1.5)], result.FirstWordsComputed);
        Assert.Equal([Seconds(1), Seconds(0.6)], result.Words);
        // 2.5 + 0.4; then from there, since that is after 2.6, 0.3 more.
        Assert.Equal([Seconds(1.4), Seconds(1.2)], result.WordsComputed);
        Assert.Equal([Seconds(0.6)], result.TurnsComputed);
        Assert.Equal(Seconds(1.2), result.Computing);
        // "too" was shown and taken back, of two words.
        Assert.Equal(0.5, result.NormalizedErasure);
    }

    static TimeSpan Seconds(double seconds) => TimeSpan.FromMilliseconds(Math.Round(seconds * 1000));

    static Word Word(string text, double start, double end) => new(text, Seconds(start), Seconds(end), 1);
}
