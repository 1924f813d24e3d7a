using Earshot.Benchmarks;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Tests.Benchmarks;

public class ModelBenchmarkTests
{
    [Fact]
    public async Task Every_stage_is_timed_and_settings_are_compared()
    {
        var config = RandomWhisperTests.Small();
        var model = WhisperFamily.OfShape(config);
        using var first = RandomWhisperTests.Open(config);
        using var second = RandomWhisperTests.Open(config);
        var costs = new ModelCosts(model.Parts, new RandomTensors());
        var options = new BenchmarkOptions { Rounds = 2, Tokens = 4, Streams = 3 };
        var results = await ModelBenchmark.RunAsync(
            [
                new BenchmarkSubject
                {
                    Name = "first",
                    Model = model,
                    Runtime = first,
                    Costs = costs,
                    PeakFlops = 1e12,
                    ReadBytesPerSecond = 1e11,
                },
                new BenchmarkSubject { Name = "second", Model = model, Runtime = second },
            ],
            options);
        Assert.Equal(["features", "encoder", "prompt", "token", "token of 3 streams"], results[0].Stages.Select(stage => stage.Name));
        Assert.All(results[0].Stages, stage => Assert.True(stage.Milliseconds > 0));
        Assert.InRange(results[0].Stages[1].RooflineShare!.Value, 1e-9, 1);
        Assert.Null(results[1].Stages[1].RooflineShare);
        Assert.Empty(results[0].RatioToFirst);
        Assert.Equal(5, results[1].RatioToFirst.Count);
    }

    [Fact]
    public async Task A_model_that_no_runtime_runs_is_measured_by_its_own_stages()
    {
        var model = ModelFamilies.Named("campplus");
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var runtime = new Earshot.Compute.Runtimes.CpuModelRuntime(model.Parts, new RandomTensors(), device);
        var options = new BenchmarkOptions { Rounds = 1 };
        int runs = 0;
        var subject = new BenchmarkSubject
        {
            Name = "f32",
            Model = model,
            Runtime = runtime,
            Others = [new BenchmarkStage("speaker encoder", () => runs++, new Cost(1e6, 1, 1, 1))],
        };
        var result = Assert.Single(await ModelBenchmark.RunAsync([subject], options));
        Assert.Equal(2, runs);
        Assert.Equal("speaker encoder", Assert.Single(result.Stages).Name);
        Assert.Equal(1e6, result.Stages[0].Flops);
        Assert.Null(result.RealTimeFactor);
        Assert.Null(result.TokensPerSecond);
        var none = await Assert.ThrowsAsync<ModelException>(() => ModelBenchmark.RunAsync([subject with { Others = [] }], options));
        Assert.Contains("'campplus' has no part that can be measured", none.Message, StringComparison.Ordinal);
    }

    // By hand from the shape: 2·frames·mels·3·size + 2·(frames/2)·size·3·size for the convolutions, then per layer
    // 4 projections, two feed-forward products and 4·T²·size of attention.
    [Fact]
    public void The_base_encoder_takes_what_its_shape_says()
    {
        var costs = new ModelCosts(ModelFamilies.Named("base").Parts, new RandomTensors());
        double t = 1500, d = 512,
            products = 2 * 3000 * 80 * 3 * d + 2 * t * d * 3 * d + 6 * (2 * t * d * d * 4 + 2 * t * d * 4 * d * 2 + 4 * t * t * d);
        Assert.Equal(products, costs.Encoder(3000).Flops, products * 0.002);
    }
}
