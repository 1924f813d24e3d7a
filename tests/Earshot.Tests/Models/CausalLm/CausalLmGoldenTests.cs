using System.Text.Json;
using Earshot.Compute.Cpu;
using Earshot.Tests.Speakers;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// Language models against transformers: small random ones of the true structure, and SmolLM2 itself. Logits within 1e-4 of the largest
/// one; tokens the same.
/// </summary>
public sealed class CausalLmGoldenTests
{
    static readonly string[] s_models =
    [
        "qwen2-tiny/tied", "qwen2-tiny/untied", "qwen2-tiny/yarn", "qwen2-tiny/bf16", "qwen3-tiny/tied", "qwen3-tiny/untied",
        "llama-tiny/smollm2", "llama-tiny/llama3",
    ];

    public static TheoryData<string> All => [.. s_models];

    public static TheoryData<string> Whole => ["qwen2-tiny/tied", "qwen3-tiny/tied", "llama-tiny/smollm2"];

    public static TheoryData<string, InstructionSet> OnEverySet()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in Enum.GetValues<InstructionSet>())
            foreach (var model in (ReadOnlySpan<string>)["qwen2-tiny/yarn", "qwen3-tiny/tied", "llama-tiny/llama3"]) data.Add(model, set);
        return data;
    }

    [Theory, MemberData(nameof(All))]
    public async Task A_prompt_has_the_reference_s_logits(string name)
    {
        using var expected = Expected(name);
        using var run = new CausalLmRun(Folder(name));
        var prompt = CausalLmRun.Ids(expected.RootElement.GetProperty("prompt"));
        bool isWhole = File.Exists(Path.Combine(Folder(name), "logits.npy"));
        int[] positions = isWhole ? [.. Enumerable.Range(0, prompt.Length)] : [0, 1, 7, 20, 39];
        var golden = NpyFile.Read(Path.Combine(Folder(name), isWhole ? "logits.npy" : "logits_positions_0_1_7_20_39.npy")).Values;
        Near(golden, await run.PromptAsync(prompt, positions), name);
    }

    [Theory, MemberData(nameof(OnEverySet))]
    public async Task Every_instruction_set_has_the_reference_s_logits(string name, InstructionSet set)
    {
        using var expected = Expected(name);
        using var run = new CausalLmRun(Folder(name), set);
        var prompt = CausalLmRun.Ids(expected.RootElement.GetProperty("prompt"));
        var (golden, shape) = NpyFile.Read(Path.Combine(Folder(name), name.EndsWith("tied", StringComparison.Ordinal)
            ? "logits.npy"
            : "logits_positions_0_1_7_20_39.npy"));
        Near(golden[^shape[1]..], await run.PromptAsync(prompt, prompt.Length - 1), $"{name}, {set}");
    }

    [Theory, MemberData(nameof(All))]
    public async Task Greedy_tokens_are_the_reference_s(string name)
    {
        if (name.EndsWith("bf16", StringComparison.Ordinal)) return;
        using var expected = Expected(name);
        using var run = new CausalLmRun(Folder(name));
        var greedy = CausalLmRun.Ids(expected.RootElement.GetProperty("greedy"));
        var (tokens, logits) = await run.GreedyAsync(CausalLmRun.Ids(expected.RootElement.GetProperty("prompt")), greedy.Length);
        Assert.Equal(greedy, tokens);
        var file = Path.Combine(Folder(name), "step_logits_first16.npy");
        if (File.Exists(file)) Near(NpyFile.Read(file).Values, [.. logits.Take(16).SelectMany(row => row)], $"{name}, steps");
    }

    [Theory, MemberData(nameof(Whole))]
    public async Task Generations_at_once_are_the_reference_s(string name)
    {
        using var expected = Expected(name);
        using var run = new CausalLmRun(Folder(name));
        var prompts = expected.RootElement.GetProperty("batch").EnumerateArray().Select(CausalLmRun.Ids).ToArray();
        var tokens = expected.RootElement.GetProperty("batch_greedy20").EnumerateArray().Select(CausalLmRun.Ids).ToArray();
        var together = await Task.WhenAll(prompts.Select(prompt => Task.Run(() => run.GreedyAsync(prompt, 20))));
        var golden = NpyFile.Read(Path.Combine(Folder(name), "batch_right_last_logits.npy")).Values;
        Near(golden, [.. together.SelectMany(found => found.Logits[0])], $"{name}, batch");
        for (int i = 0; i < prompts.Length; i++) Assert.Equal(tokens[i], together[i].Tokens);
        // Others' company changes no bit.
        Assert.Equal((await run.GreedyAsync(prompts[1], 20)).Logits, together[1].Logits);
    }

    [Theory, MemberData(nameof(Whole))]
    public async Task Pieces_of_a_prompt_are_the_whole(string name)
    {
        using var expected = Expected(name);
        using var run = new CausalLmRun(Folder(name));
        var prompt = CausalLmRun.Ids(expected.RootElement.GetProperty("prompt"));
        int vocabulary = run.Decoder.Shape.VocabSize;
        var logits = new float[prompt.Length * vocabulary];
        using var generation = await run.Decoder.BeginAsync(null, 1);
        int at = 0;
        foreach (int length in (int[])[7, 1, 16, 16])
        {
            var space = logits.AsMemory(at * vocabulary, length * vocabulary);
            if (at == 0) await generation.PromptAsync(prompt.AsMemory(0, length), Enumerable.Range(0, length).ToArray(), space);
            else await generation.ExtendAsync(prompt.AsMemory(at, length), space);
            at += length;
        }
        Near(NpyFile.Read(Path.Combine(Folder(name), "logits.npy")).Values, logits, $"{name}, pieces");
    }

    [Theory, MemberData(nameof(All))]
    public void Rotary_frequencies_are_the_reference_s(string name)
    {
        using var expected = Expected(name);
        if (!expected.RootElement.TryGetProperty("inv_freq", out var frequencies)) return;
        using var run = new CausalLmRun(Folder(name));
        var rotary = run.Config.Rotary;
        float[] golden = [.. frequencies.EnumerateArray().Select(value => value.GetSingle())];
        Assert.Equal(golden.Length, rotary.InverseFrequencies.Length);
        for (int i = 0; i < golden.Length; i++) Assert.Equal(golden[i], rotary.InverseFrequencies[i], golden[i] * 2e-7);
        Assert.Equal(expected.RootElement.GetProperty("rope_attention_factor").GetDouble(), rotary.Factor, 1e-6);
    }

    static void Near(float[] golden, float[] actual, string what) =>
        Recordings.Near(golden, actual, 1e-4 * golden.Max(Math.Abs), what);

    static string Folder(string name) => TestData.Require($"goldens/{name}");

    static JsonDocument Expected(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(name), "expected.json")));
}
