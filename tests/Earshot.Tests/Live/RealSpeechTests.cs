using Earshot.Live;
using Earshot.Tests.Models;

namespace Earshot.Tests.Live;

/// <summary>Real speech with the model in the box.</summary>
public class RealSpeechTests
{
    public static TheoryData<LivePolicy> Policies =>
    [
        new LocalAgreement(), new AlignAtt { Step = TimeSpan.FromSeconds(1) }, new SpeechTurns { BeamSize = 1 }, new SlidingWindow(),
    ];

    [Theory, MemberData(nameof(Policies))]
    public async Task A_famous_sentence_is_heard(LivePolicy policy)
    {
        var run = await HearAsync(policy);
        var text = Plain(run.Text);
        Assert.Contains("and so my fellow americans ask not", text, StringComparison.Ordinal);
        Assert.Contains("country can do for you", text, StringComparison.Ordinal);
        // AlignAtt settles words when little was heard behind them, and is wrong about "what your" here with the model in the box.
        if (policy is not AlignAtt) Assert.Contains("ask not what your country can do for you", text, StringComparison.Ordinal);
        Assert.All(run.Words.Zip(run.Words.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
        Assert.Equal("en", run.Events.OfType<LiveLanguage>().First().Language);
        // What is final is never taken back: segments are the finals, in order.
        Assert.Equal(run.Text, string.Concat(run.Events.OfType<LiveSegment>().Select(segment => segment.Segment.Text)));
    }

    [Fact]
    public async Task Streams_that_run_at_once_say_what_each_says_alone()
    {
        var policy = new AlignAtt { Step = TimeSpan.FromSeconds(2) };
        var alone = await HearAsync(policy);
        var together = await Task.WhenAll(HearAsync(policy), HearAsync(new LocalAgreement { Step = TimeSpan.FromSeconds(3) }));
        Assert.Equal(alone.Described, together[0].Described);
        Assert.All(alone.Words.Zip(together[0].Words), pair => Assert.Equal(pair.First.Probability, pair.Second.Probability));
    }

    static async Task<LiveRun> HearAsync(LivePolicy policy)
    {
        var transcriber = await WhisperBase.ShippedAsync();
        await using var live = await LiveTranscriber.StartAsync(
            transcriber, new LiveOptions { Policy = policy, Paces = [] }, TestContext.Current.CancellationToken);
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        await live.WriteAsync(WhisperBase.Samples("jfk.wav"), cancellationToken: TestContext.Current.CancellationToken);
        await live.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        return run;
    }

    static string Plain(string text) => string.Concat(text.ToLowerInvariant().Where(c => char.IsLetter(c) || c == ' '));
}
