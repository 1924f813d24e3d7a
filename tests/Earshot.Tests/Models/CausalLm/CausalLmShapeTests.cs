using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>Published sizes: as many parameters as their makers count, and a large one of random weights that writes.</summary>
public sealed class CausalLmShapeTests
{
    [Theory]
    [InlineData("qwen2.5-0.5b", 494_032_768)]
    [InlineData("qwen2.5-1.5b", 1_543_714_304)]
    [InlineData("qwen2.5-3b", 3_085_938_688)]
    [InlineData("qwen2.5-7b", 7_615_616_512)]
    [InlineData("qwen3-0.6b", 596_049_920)]
    [InlineData("qwen3-1.7b", 1_720_574_976)]
    [InlineData("qwen3-4b", 4_022_468_096)]
    [InlineData("qwen3-8b", 8_190_735_360)]
    [InlineData("smollm2-135m", 134_515_008)]
    [InlineData("smollm2-360m", 361_821_120)]
    [InlineData("smollm2-1.7b", 1_711_376_384)]
    [InlineData("llama-3.2-1b", 1_235_814_400)]
    [InlineData("llama-3.2-3b", 3_212_749_824)]
    [InlineData("llama-3.1-8b", 8_030_261_248)]
    public void A_shape_has_the_parameters_that_its_makers_count(string name, long parameters)
    {
        var weights = RandomTensors.For(ModelFamilies.Named(name).Parts);
        Assert.Equal(parameters, weights.Names.Sum(tensor => weights.Find(tensor)!.Shape.Count));
    }

    /// <summary>1.5 billion parameters made in int4, of which no float32 is ever whole in memory.</summary>
    [Fact(Explicit = true), Trait("Run", "Long")]
    public async Task A_random_model_of_one_and_a_half_billion_writes_in_little_memory()
    {
        var model = ModelFamilies.Named("qwen2.5-1.5b");
        var weights = RandomTensors.For(model.Parts, options: new RandomTensorOptions { Matrices = WeightFormat.Int4Group32 });
        using var device = new CpuDevice(new CpuOptions { Weights = WeightFormat.Int4Group32, Threads = 2 });
        using var runtime = new CpuModelRuntime(model.Parts, weights, device, new RuntimeLimits { CachePositions = 128 });
        using var generation = await runtime.RequireDecoder().BeginAsync(null, 1, TestContext.Current.CancellationToken);
        var (logits, next) = (new float[generation.VocabSize], new int[1]);
        await generation.PromptAsync(Enumerable.Range(100, 32).ToArray(), new[] { 31 }, logits, TestContext.Current.CancellationToken);
        for (int i = 0; i < 8; i++)
        {
            next[0] = Logits.ArgMax(logits);
            await generation.StepAsync(next, logits, TestContext.Current.CancellationToken);
        }
        Assert.All(logits, value => Assert.True(float.IsFinite(value)));
        Assert.InRange(runtime.PackedBytes, 0.8e9, 1.1e9);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{runtime.PackedBytes / 1e6:0} MB of weights, {Environment.WorkingSet / 1e6:0} MB resident");
    }
}
