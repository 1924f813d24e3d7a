using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Tests.Live;

public class SemanticEndOfTurnTests
{
    static readonly EndpointOptions s_options = new();

    [Fact]
    public async Task What_sounds_and_reads_finished_is_waited_for_less()
    {
        var wait = await Ask(0.99f, "That is all.");
        Assert.Equal(s_options.CompleteSilenceDuration, wait);
    }

    [Fact]
    public async Task What_sounds_unfinished_is_waited_for_longer_the_longer_the_surer()
    {
        var (sure, unsure) = (await Ask(0.01f, "and then we"), await Ask(0.4f, "and then we"));
        Assert.Equal(s_options.IncompleteSilenceDuration, sure);
        Assert.InRange(unsure!.Value, s_options.SilenceDuration + TimeSpan.FromTicks(1), sure!.Value - TimeSpan.FromTicks(1));
    }

    [Fact]
    public async Task A_text_alone_tells_too_and_nothing_leaves_the_usual_wait()
    {
        Assert.True(await Ask(null, "That is all.") < s_options.SilenceDuration);
        Assert.True(await Ask(null, "but then,") > s_options.SilenceDuration);
        Assert.Null(await Ask(null, ""));
        Assert.Null(await Ask(0.5f, ""));
    }

    [Fact]
    public void Options_out_of_range_are_refused() =>
        Assert.Throws<ArgumentException>(() => new SemanticEndOfTurn(null, new EndpointOptions { Certainty = 0 }));

    static ValueTask<TimeSpan?> Ask(float? answer, string text) =>
        new SemanticEndOfTurn(answer is { } probability ? new Detector(probability) : null)
            .WaitAsync(new TurnSoFar { Samples = new float[1600], Text = text, Language = "en" });

    sealed class Detector(float answer) : IEndOfTurnDetector
    {
        public int WindowSamples => 128_000;

        public float Threshold => 0.5f;

        public ValueTask<float> ProbabilityAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default) =>
            new(answer);
    }
}
