using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// SmolLM2-135M-Instruct out of its GGUF file, in float32, against transformers on the same dequantised weights. Logits within 2e-3,
/// replies the same: the smallest margin up to their ends is 0.075.
/// </summary>
public sealed class SmolLm2Tests
{
    [Fact]
    public async Task Logits_and_replies_are_the_reference_s()
    {
        using var run = new CausalLmRun(TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"));
        CheckRows(run);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smollm2/logits.json")));
        var positions = CausalLmRun.Ids(golden.RootElement.GetProperty("positions"));
        var logits = await run.PromptAsync(CausalLmRun.Ids(golden.RootElement.GetProperty("ids")), positions);
        for (int i = 0; i < positions.Length; i++)
        {
            var top = golden.RootElement.GetProperty("top50")[i];
            float[] expected = [.. top.GetProperty("values").EnumerateArray().Select(value => value.GetSingle())];
            var row = logits.AsMemory(i * run.Decoder.Shape.VocabSize);
            float[] actual = [.. CausalLmRun.Ids(top.GetProperty("ids")).Select(id => row.Span[id])];
            Recordings.Near(expected, actual, 2e-3, $"position {positions[i]}");
        }
        await CheckRepliesAsync(run);
    }

    /// <summary>
    /// Of the blocks as they are stored. Prompts meet the values that they are dequantised to, in float32 with AVX2 and in bfloat16 where
    /// the processor multiplies that; steps meet them with rows rounded to int8.
    /// </summary>
    [Theory, InlineData(false, InstructionSet.Avx2, 0.001), InlineData(false, null, 0.01), InlineData(true, null, 0.01)]
    public async Task The_perplexity_is_the_reference_s(bool stepByStep, InstructionSet? set, double tolerance)
    {
        Assert.SkipWhen(set == InstructionSet.Avx2 && !Avx2.IsSupported, "This processor has no AVX2.");
        using var run = new CausalLmRun(
            TestData.Require("models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"), set, asStored: true);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smollm2/perplexity.json")));
        double expected = golden.RootElement.GetProperty("perplexity").GetDouble();
        double actual = Math.Exp(await run.LossAsync(CausalLmRun.Ids(golden.RootElement.GetProperty("ids")), stepByStep));
        TestContext.Current.TestOutputHelper?.WriteLine($"{actual} beside {expected}");
        Assert.InRange(actual / expected, 1 - tolerance, 1 + tolerance);
    }

    /// <summary>All chats at once: whole replies of the three that are short, the beginnings of the others.</summary>
    static async Task CheckRepliesAsync(CausalLmRun run)
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smollm2/greedy.json")));
        await Task.WhenAll(golden.RootElement.GetProperty("runs").EnumerateArray().Select(async chat =>
        {
            int length = Math.Min(chat.GetProperty("ends_at").GetInt32() + 1, 13);
            var (tokens, _) = await run.GreedyAsync(CausalLmRun.Ids(chat.GetProperty("prompt_ids")), length);
            Assert.Equal(CausalLmRun.Ids(chat.GetProperty("greedy"))[..length], tokens);
        }));
    }

    /// <summary>Rows of queries and keys stand in halves again.</summary>
    static void CheckRows(CausalLmRun run)
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/smollm2/unpermuted.json")));
        foreach (var (stored, name) in (ReadOnlySpan<(string, string)>)[("q", "q_proj"), ("k", "k_proj")])
        {
            float[] expected =
                [.. golden.RootElement.GetProperty($"blk.0.attn_{stored}.weight").EnumerateArray().Select(value => value.GetSingle())];
            var values = new float[expected.Length];
            run.Weights.Find($"model.layers.0.self_attn.{name}.weight")!.ReadFloats(0, values);
            Assert.Equal(expected, values);
        }
    }
}
