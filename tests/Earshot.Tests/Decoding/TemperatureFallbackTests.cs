using Earshot.Decoding;

namespace Earshot.Tests.Decoding;

public class TemperatureFallbackTests
{
    [Fact]
    public void A_good_result_ends_the_search()
    {
        var (result, tried) = Run(new(), (0f, Result(-0.2f)));
        Assert.Equal(0, result.Temperature);
        Assert.Equal([0f], tried);
    }

    [Fact]
    public void Loops_and_unlikely_text_are_tried_again()
    {
        var (result, tried) = Run(new(), (0f, Result(-0.2f, ratio: 2.5f)), (0.2f, Result(-1.1f)), (0.4f, Result(-0.9f)));
        Assert.Equal(0.4f, result.Temperature);
        Assert.Equal([0f, 0.2f, 0.4f], tried);
    }

    [Fact]
    public void Silence_is_no_failure()
    {
        var (result, tried) = Run(new(), (0f, Result(-1.5f, noSpeech: 0.7f)));
        Assert.Equal([0f], tried);
        Assert.True(new TemperatureFallback().IsSilent(result));
    }

    [Theory]
    [InlineData(0.7f, -1.5f, true)]
    [InlineData(0.7f, -0.5f, false)]
    [InlineData(0.5f, -1.5f, false)]
    public void Silence_needs_an_unsure_model(float noSpeech, float logprob, bool silent) =>
        Assert.Equal(silent, new TemperatureFallback().IsSilent(Result(logprob, noSpeech: noSpeech)));

    [Fact]
    public void Silence_without_a_threshold_for_probability_is_told_by_no_speech_alone()
    {
        var fallback = new TemperatureFallback { LogprobThreshold = null };
        Assert.True(fallback.IsSilent(Result(-0.1f, noSpeech: 0.7f)));
        Assert.False(new TemperatureFallback { NoSpeechThreshold = null }.IsSilent(Result(-3, noSpeech: 0.99f)));
    }

    [Fact]
    public void When_all_fail_the_likeliest_that_does_not_loop_is_kept_with_the_last_temperature()
    {
        var fallback = new TemperatureFallback { Temperatures = [0, 0.5f, 1] };
        var (result, tried) = Run(fallback, (0f, Result(-0.1f, ratio: 9)), (0.5f, Result(-1.2f)), (1f, Result(-3)));
        Assert.Equal(3, tried.Count);
        Assert.Equal((-1.2f, 1f), (result.AvgLogprob, result.Temperature));
        (result, _) = Run(fallback, (0f, Result(-0.3f, ratio: 9)), (0.5f, Result(-0.1f, ratio: 3)), (1f, Result(-3, ratio: 5)));
        Assert.Equal((-0.1f, 1f), (result.AvgLogprob, result.Temperature));
    }

    [Fact]
    public void Entropy_can_tell_loops_too()
    {
        var loop = Result(-0.1f) with { Tokens = [.. Enumerable.Range(0, 40).Select(i => i % 4)] };
        var fallback = new TemperatureFallback { Temperatures = [0, 1], CompressionRatioThreshold = null, EntropyThreshold = 2.4f };
        var (_, tried) = Run(fallback, (0f, loop), (1f, Result(-0.1f)));
        Assert.Equal(2, tried.Count);
        Assert.Equal(Math.Log(4), TextStatistics.Entropy([.. loop.Tokens]), 1e-5);
    }

    [Fact]
    public void Text_that_loops_compresses_well()
    {
        Assert.InRange(TextStatistics.CompressionRatio("and so my fellow americans ask not what your country can do for you"), 0.8f, 1.2f);
        Assert.True(TextStatistics.CompressionRatio(string.Concat(Enumerable.Repeat("thank you. ", 20))) > 2.4f);
        Assert.Equal(0, TextStatistics.CompressionRatio(""));
    }

    static (DecodingResult, List<float>) Run(TemperatureFallback fallback, params (float Temperature, DecodingResult Result)[] results)
    {
        var tried = new List<float>();
        var result = RuntimeCalls.Wait(fallback.RunAsync(temperature =>
        {
            tried.Add(temperature);
            return new(results.Single(r => r.Temperature == temperature).Result with { Temperature = temperature });
        }));
        return (result, tried);
    }

    static DecodingResult Result(float logprob, float ratio = 1, float noSpeech = 0) => new()
    {
        Tokens = [1],
        TokenLogprobs = [logprob],
        Text = "a",
        AvgLogprob = logprob,
        CompressionRatio = ratio,
        NoSpeechProb = noSpeech,
    };
}
