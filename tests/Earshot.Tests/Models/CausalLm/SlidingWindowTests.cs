using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// Layers that see the last positions only, against a plain float64 forward pass: logits within 1e-4 of the largest. 550 positions are
/// nine pages and two chunks of a prompt; windows end within pages and at their borders.
/// </summary>
public sealed class SlidingWindowTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100, "2", null, new[] { 0, 0, 100 })]
    [InlineData(64, "0", null, new[] { 64, 64, 64 })]
    [InlineData(1, "28", "[\"sliding_attention\", \"full_attention\", \"full_attention\"]", new[] { 1, 0, 0 })]
    public async Task Windows_are_those_of_the_settings(int window, string first, string? types, int[] windows)
    {
        SmallLanguageModel.WriteTo(
            _folder.Path, ("use_sliding_window", "true"), ("sliding_window", $"{window}"), ("max_window_layers", first),
            ("layer_types", types ?? "null"));
        int[] tokens = [.. Enumerable.Range(0, 550).Select(i => (i * i * 31 + 7 * i + 5) % SmallLanguageModel.Vocabulary)];
        int[] wanted = [0, 63, 64, 99, 100, 101, 511, 512, 540, 549];
        float[]? expected = null;
        foreach (var set in (InstructionSet?[])[null, InstructionSet.Portable])
        {
            using var run = new CausalLmRun(_folder.Path, set);
            Assert.Equal(windows, run.Config.Windows);
            if (expected is null)
            {
                var logits = new PlainCausalLm(run.Config, run.Weights).Logits(tokens);
                expected = [.. wanted.SelectMany(position => logits[position])];
                // What is hidden would have made a difference.
                var all = new PlainCausalLm(run.Config with { Windows = [] }, run.Weights).Logits(tokens);
                Assert.True(all[549].Zip(logits[549], (a, b) => Math.Abs(a - b)).Max() > 0.01);
            }
            double tolerance = 1e-4 * expected.Max(Math.Abs);
            Near(expected, await run.PromptAsync(tokens, wanted), tolerance, $"prompt, {set}");
            // The last of them step by step.
            using var generation = await run.Decoder.BeginAsync(null, 1);
            var row = new float[SmallLanguageModel.Vocabulary];
            await generation.PromptAsync(tokens.AsMemory(0, 546), new[] { 545 }, row);
            for (int t = 546; t < 550; t++) await generation.StepAsync(tokens.AsMemory(t, 1), row);
            Near(expected[^row.Length..], row, tolerance, $"steps, {set}");
        }
    }

    [Theory]
    [InlineData("qwen2", "use_sliding_window", "\"yes\"", "use_sliding_window")]
    [InlineData("qwen2", "layer_types", "[\"sliding_attention\", \"full_attention\", \"full_attention\"]", "layer_types")]
    [InlineData("qwen3", "layer_types", "[\"full_attention\"]", "layer_types")]
    [InlineData("qwen2", "layer_types", "[\"full_attention\", \"chunked_attention\", \"full_attention\"]", "layer_types")]
    [InlineData("llama", "sliding_window", "4096", "sliding_window")]
    [InlineData("llama", "use_sliding_window", "true", "use_sliding_window")]
    public void What_cannot_be_is_refused(string type, string key, string json, string named)
    {
        SmallLanguageModel.WriteTo(_folder.Path, ("model_type", $"\"{type}\""));
        var config = File.ReadAllText(_folder.File("config.json"));
        _folder.Write("config.json", $"{config[..^1]}, \"{key}\": {json}}}");
        var error = Assert.Throws<CheckpointException>(() => ModelFamilies.Open(_folder.Path));
        Assert.Contains($"'{named}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Windows_that_are_switched_off_or_begin_behind_the_last_layer_are_none()
    {
        SmallLanguageModel.WriteTo(_folder.Path, ("sliding_window", "16"), ("max_window_layers", "1"));
        Assert.Empty(Config().Windows);
        SmallLanguageModel.WriteTo(_folder.Path, ("use_sliding_window", "true"), ("sliding_window", "16"));
        Assert.Empty(Config().Windows);

        CausalLmConfig Config() => ((CausalLmPrompt)ModelFamilies.Open(_folder.Path).Prompt!).Config;
    }

    static void Near(float[] expected, float[] actual, double tolerance, string what) =>
        Recordings.Near(expected, actual, tolerance, what);
}
