using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Tests.Live;

/// <summary>How long is waited for the end of a turn, by its sound and its text.</summary>
public sealed class SemanticEndOfTurnTests
{
    static readonly EndpointOptions s_options = new();

    [Theory]
    [InlineData(0.99f, "Well done.", 200)]
    [InlineData(0.01f, "and so, my", 3200)]
    [InlineData(0.5f, "", 500)]
    public async Task What_is_sure_waits_the_shortest_or_the_longest(float probability, string text, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), await WaitAsync(probability, text));

    [Fact]
    public async Task Sound_and_text_may_contradict_each_other()
    {
        var between = await WaitAsync(0.6f, "Well done.");
        Assert.InRange(between!.Value, s_options.CompleteSilenceDuration, s_options.SilenceDuration);
        Assert.True(await WaitAsync(0.6f, "and so, my") > s_options.SilenceDuration);
        Assert.True(await WaitAsync(0.9f, "") < between);
    }

    static async Task<TimeSpan?> WaitAsync(float probability, string text) =>
        await new SemanticEndOfTurn(new Fixed(probability), s_options).WaitAsync(
            new TurnSoFar { Samples = new float[16_000], Text = text, Language = "en" }, TestContext.Current.CancellationToken);

    sealed class Fixed(float probability) : IEndOfTurnDetector
    {
        public int WindowSamples => 128_000;

        public float Threshold => 0.5f;

        public ValueTask<float> ProbabilityAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(probability);
    }
}
