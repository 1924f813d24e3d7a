using Earshot.Compute.Runtimes;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runtimes;

/// <summary>Everything that a generation over audio can be asked, of two runtimes.</summary>
static class GenerationComparison
{
    public static async Task CompareAsync(ModelRuntime expected, ModelRuntime actual, float[] features, int frames)
    {
        var (left, right) = (await RecordAsync(expected, features, frames), await RecordAsync(actual, features, frames));
        Assert.Equal(left.Count, right.Count);
        foreach (var ((what, want), (_, got)) in left.Zip(right)) Closeness.Check(want, got, 2e-4f, $"{frames} frames, {what}:");
    }

    // With tokens that do not depend on the results.
    static async Task<List<(string What, float[] Values)>> RecordAsync(ModelRuntime runtime, float[] features, int frames)
    {
        var results = new List<(string, float[])>();
        int vocabulary = runtime.RequireDecoder().Shape.VocabSize;
        using var audio = await runtime.RequireEncoder().EncodeAsync(features, frames);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 3);
        async Task Take(string what, int rows, Func<float[], ValueTask> run)
        {
            var logits = new float[rows * vocabulary];
            await run(logits);
            results.Add((what, logits));
        }

        await Take("prompt at two positions", 2, logits => generation.PromptAsync(new[] { 50, 60, 70, 80, 90 }, new[] { 1, 4 }, logits));
        Assert.Equal(5, generation.Length);
        await Take("first step of three rows", 3, logits => generation.StepAsync(new[] { 11, 12, 13 }, logits));
        generation.Reorder([2, 0, 2]);
        await Take("step after reordering", 3, logits => generation.StepAsync(new[] { 21, 22, 23 }, logits));
        generation.Reorder([1, 2]);
        await Take("step of two rows", 2, logits => generation.StepAsync(new[] { 31, 32 }, logits));
        generation.Reorder([1, 0, 0]);
        await Take("step of three rows again", 3, logits => generation.StepAsync(new[] { 41, 42, 43 }, logits));
        generation.Truncate(6);
        await Take("step after forgetting", 3, logits => generation.StepAsync(new[] { 51, 52, 53 }, logits));
        Assert.Equal(7, generation.Length);
        generation.Reorder([1, 2, 0]);
        generation.Reorder([0, 0, 1]);
        generation.Truncate(6);
        await Take("step after reordering twice and forgetting", 3, logits => generation.StepAsync(new[] { 52, 53, 54 }, logits));
        await Take("extension of the first row", 4, logits => generation.ExtendAsync(new[] { 61, 62, 63, 64 }, logits));
        generation.Truncate(9);
        await Take("extension after forgetting", 2, logits => generation.ExtendAsync(new[] { 71, 72 }, logits));
        await Take("another prompt", 1, logits => generation.PromptAsync(new[] { 5, 6 }, new[] { 1 }, logits));
        generation.Reorder([0, 0, 0]);
        await Take("step of the first row", 1, logits => generation.StepAsync(new[] { 7 }, logits));
        int[] tokens = [50, 51, 52, 53, 54, 55, 56];
        await Take("teacher-forced logits", 7, async logits => results.Add(("attention", await generation.AlignAsync(tokens, logits))));
        results.Add(("attention without logits", await generation.AlignAsync(tokens, default)));
        return results;
    }
}
