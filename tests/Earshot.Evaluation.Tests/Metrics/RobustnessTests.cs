using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

public class RobustnessTests
{
    [Fact]
    public void Words_for_clips_without_speech_are_hallucinations()
    {
        var score = NonSpeechScore.Of(
            [
                new("rain", TimeSpan.FromSeconds(30), ""),
                new("music", TimeSpan.FromSeconds(60), "[Music] Um."),
                new("hum", TimeSpan.FromSeconds(30), "Thanks for watching!"),
            ],
            new EnglishTextNormalizer());

        Assert.Equal(1 / 3.0, score.HallucinationRate);
        Assert.Equal(1.5, score.WordsPerMinute);
        Assert.Equal(0, NonSpeechScore.Of([]).HallucinationRate);
    }

    [Theory]
    [InlineData("a b c d e f", 2, 0)]
    [InlineData("a b a b a b", 2, 0.6)]      // five bigrams: ab ba ab ba ab
    [InlineData("a a a a a", 4, 0.5)]
    [InlineData("a b", 4, 0)]
    [InlineData("", 4, 0)]
    public void Repeated_ngrams_are_those_seen_before(string text, int n, double expected) =>
        Assert.Equal(expected, Repetition.RepeatedNgramRate(TextUnits.Words.Split(text), n), 1e-12);

    [Theory]
    [InlineData("", 0)]
    [InlineData("a", 1)]
    [InlineData("a b c", 1)]
    [InlineData("a a b a a a", 3)]
    [InlineData("x thank you so thank you so thank you so y", 3)]
    [InlineData("a b a b a", 2)]
    public void The_longest_loop_is_counted(string text, int expected) =>
        Assert.Equal(expected, Repetition.LongestLoop(TextUnits.Words.Split(text)));

    [Fact]
    public void A_loop_compresses_past_whispers_limit()
    {
        var loop = string.Concat(Enumerable.Repeat("thank you for watching ", 20));

        Assert.True(Repetition.CompressionRatio(loop) > 2.4);
        Assert.True(Repetition.CompressionRatio("And so my fellow Americans, ask not what your country can do for you.") < 1.2);
        Assert.Equal(0, Repetition.CompressionRatio(""));
    }
}
