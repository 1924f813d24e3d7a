using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Tests.Benchmarks;

public class ModelBenchmarkTests
{
    [Fact]
    public void Every_stage_is_timed_and_settings_are_compared()
    {
        var config = RandomWhisperTests.Small();
        using var first = RandomWhisperTests.Open(config);
        using var second = RandomWhisperTests.Open(config);
        var costs = new WhisperCosts(new RandomWeights(config), config);
        var options = new BenchmarkOptions { Rounds = 2, Tokens = 4, Streams = 3 };
        var results = ModelBenchmark.Run(
            [
                new BenchmarkSubject { Name = "first", Runtime = first, Costs = costs, PeakFlops = 1e12, ReadBytesPerSecond = 1e11 },
                new BenchmarkSubject { Name = "second", Runtime = second },
            ],
            options);
        Assert.Equal(["features", "encoder", "prompt", "token", "token of 3 streams"], results[0].Stages.Select(stage => stage.Name));
        Assert.All(results[0].Stages, stage => Assert.True(stage.Milliseconds > 0));
        Assert.InRange(results[0].Stages[1].RooflineShare!.Value, 1e-9, 1);
        Assert.Null(results[1].Stages[1].RooflineShare);
        Assert.Empty(results[0].RatioToFirst);
        Assert.Equal(5, results[1].RatioToFirst.Count);
    }

    // By hand from the shape: 2·frames·mels·3·size + 2·(frames/2)·size·3·size for the convolutions, then per layer
    // 4 projections, two feed-forward products and 4·T²·size of attention.
    [Fact]
    public void The_base_encoder_takes_what_its_shape_says()
    {
        var config = WhisperShapes.Named("base");
        var costs = new WhisperCosts(new RandomWeights(config), config);
        double t = 1500, d = 512, products = 2 * 3000 * 80 * 3 * d + 2 * t * d * 3 * d + 6 * (2 * t * d * d * 4 + 2 * t * d * 4 * d * 2 + 4 * t * t * d);
        Assert.Equal(products, costs.Encoder(3000).Flops, products * 0.002);
    }
}
