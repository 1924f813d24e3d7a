using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Families;

/// <summary>
/// Language models as graphs in ONNX Runtime against the processor's own kernels, float32, logits within 2e-4 of the largest: prompts,
/// steps of several rows, what is forgotten and said anew, and windows.
/// </summary>
public sealed class LanguageModelExportTests
{
    static readonly CausalLmConfig s_qwen2 = new()
    {
        ModelType = "qwen2",
        VocabSize = 150,
        HiddenSize = 48,
        IntermediateSize = 80,
        NumHiddenLayers = 2,
        NumAttentionHeads = 6,
        NumKeyValueHeads = 2,
        HeadDim = 16,
        RmsNormEps = 1e-6f,
        MaxPositionEmbeddings = 512,
        Rotary = Rotary.Plain(16, 1e6),
        TieWordEmbeddings = true,
        QueryBias = true,
    };

    public static TheoryData<string, GraphTarget> Models()
    {
        var data = new TheoryData<string, GraphTarget>();
        foreach (var target in Enum.GetValues<GraphTarget>())
            foreach (var name in (ReadOnlySpan<string>)["qwen2", "qwen3", "llama", "qwen2, windows"]) data.Add(name, target);
        return data;
    }

    [Theory, MemberData(nameof(Models))]
    public async Task Graphs_give_what_the_processor_s_kernels_give(string name, GraphTarget target)
    {
        NativeRuntime.Require();
        var config = name switch
        {
            "qwen3" => s_qwen2 with { ModelType = "qwen3", QueryBias = false, QueryNorm = true },
            "llama" => s_qwen2 with { ModelType = "llama", QueryBias = false, TieWordEmbeddings = false },
            "qwen2" => s_qwen2,
            _ => s_qwen2 with { Windows = [7, 0] },
        };
        var parts = CausalLmFamily.Describe(config, new CausalLmGeneration(), "small").Parts;
        var weights = RandomTensors.For(parts, options: new RandomTensorOptions { Type = DType.F32 });
        using var exported = ExportFolder.Of(parts, weights, new GraphOptions { Target = target });
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var expected = new CpuModelRuntime(parts, weights, device);
        using var actual = exported.Open(parts);
        var (left, right) = (await RecordAsync(expected), await RecordAsync(actual));
        Assert.Equal(left.Count, right.Count);
        foreach (var ((what, want), (_, got)) in left.Zip(right)) Closeness.Check(want, got, 2e-4f, $"{name}, {what}:");
    }

    // With tokens that do not depend on the results.
    static async Task<List<(string What, float[] Values)>> RecordAsync(ModelRuntime runtime)
    {
        var results = new List<(string, float[])>();
        var decoder = runtime.RequireDecoder();
        using var generation = await decoder.BeginAsync(null, 3);
        async Task Take(string what, int rows, Func<float[], ValueTask> run)
        {
            var logits = new float[rows * decoder.Shape.VocabSize];
            await run(logits);
            results.Add((what, logits));
        }
        int[] prompt = [.. Enumerable.Range(0, 40).Select(i => (i * i + 3) % 150)];
        await Take("prompt", 3, logits => generation.PromptAsync(prompt, new[] { 0, 12, 39 }, logits));
        await Take("step of three", 3, logits => generation.StepAsync(new[] { 11, 12, 13 }, logits));
        generation.Reorder([2, 0, 2]);
        await Take("step after reordering", 3, logits => generation.StepAsync(new[] { 21, 22, 23 }, logits));
        generation.Truncate(30);
        await Take("step after forgetting", 3, logits => generation.StepAsync(new[] { 31, 32, 33 }, logits));
        await Take("extension", 9, logits => generation.ExtendAsync(Enumerable.Range(60, 9).ToArray(), logits));
        await Take("another prompt", 1, logits => generation.PromptAsync(new[] { 5 }, new[] { 0 }, logits));
        for (int i = 0; i < 20; i++) await Take($"step {i}", 1, logits => generation.StepAsync(new[] { i }, logits));
        return results;
    }

    [Fact]
    public async Task An_adapter_that_is_kept_apart_is_refused()
    {
        NativeRuntime.Require();
        var parts = CausalLmFamily.Describe(s_qwen2, new CausalLmGeneration(), "small").Parts;
        var weights = RandomTensors.For(parts);
        using var exported = ExportFolder.Of(parts, weights);
        using var runtime = exported.Open(parts);
        var adapter = new Earshot.Compute.Parts.LowRankAdapter("mine", new RandomTensors());
        var error = await Assert.ThrowsAsync<ModelException>(
            async () => await runtime.RequireDecoder().BeginAsync(null, 1, adapter));
        Assert.Contains("'mine'", error.Message, StringComparison.Ordinal);
    }
}
