using System.Text.Json;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Onnx.Tests.Families;

/// <summary>
/// Greedy decoding without timestamps, with nothing but the suppressed tokens, as goldens/whisper-base/greedy.json was made.
/// </summary>
static class GreedyTokens
{
    const int EndOfText = 50257, NoTimestamps = 50363;

    // More than any golden used here has.
    const int Most = 60;

    /// <summary>A clip's prompt, and the reference's tokens after it without the end.</summary>
    public static (int[] Prompt, int[] Tokens) Golden(string clip)
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-base/greedy.json")));
        var entry = golden.RootElement.GetProperty("clips").GetProperty(clip);
        return ([.. Integers(entry.GetProperty("prompt")), NoTimestamps], Integers(
            entry.GetProperty("no_timestamps").GetProperty("tokens")));
    }

    /// <summary>Decodes a clip's first window after a prompt, up to the end of the text.</summary>
    public static async Task<int[]> OfAsync(ModelRuntime runtime, WhisperGenerationConfig rules, string clip, int[] prompt)
    {
        using var audio = await runtime.RequireEncoder().EncodeAsync(WhisperBase.Features(clip, 3000), 3000);
        using var generation = await runtime.RequireDecoder().BeginAsync(audio, 1);
        var logits = new float[generation.VocabSize];
        var tokens = new List<int>();
        await generation.PromptAsync(prompt, new[] { prompt.Length - 1 }, logits);
        while (tokens.Count < Most)
        {
            int best = Best(logits, rules, first: tokens.Count == 0);
            if (best == EndOfText) break;
            tokens.Add(best);
            await generation.StepAsync(new[] { best }, logits);
        }
        return [.. tokens];
    }

    static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(number => number.GetInt32())];

    static int Best(float[] logits, WhisperGenerationConfig generation, bool first)
    {
        foreach (int token in generation.SuppressTokens!) logits[token] = float.NegativeInfinity;
        if (first)
        {
            foreach (int token in generation.BeginSuppressTokens!) logits[token] = float.NegativeInfinity;
        }
        return System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(logits.AsSpan(0, NoTimestamps + 1));
    }
}
