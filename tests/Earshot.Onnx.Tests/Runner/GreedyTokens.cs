using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Models;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runner;

/// <summary>Greedy decoding without timestamps, with nothing but the suppressed tokens, as goldens/whisper-tiny.en/greedy.json was made.</summary>
static class GreedyTokens
{
    const int EndOfText = 50256, StartOfTranscript = 50257, NoTimestamps = 50362;

    public static IReadOnlyDictionary<string, int[]> Golden()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Require("goldens/whisper-tiny.en/greedy.json")));
        return golden.RootElement.GetProperty("clips").EnumerateObject()
            .ToDictionary(clip => clip.Name, clip => clip.Value.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()).ToArray());
    }

    /// <summary>Decodes a clip, at most so many tokens with the prompt.</summary>
    public static int[] Of(WhisperRuntime runtime, string clip, int most)
    {
        using var audio = runtime.Encode(TinyEnglish.Features(clip, 3000), 3000);
        using var decoder = runtime.CreateDecoder(audio, 1);
        var logits = new float[runtime.Config.VocabSize];
        var tokens = new List<int> { StartOfTranscript, NoTimestamps };
        decoder.Start([StartOfTranscript, NoTimestamps], [1], logits);
        while (tokens.Count < most)
        {
            tokens.Add(Best(logits, runtime.Generation, first: tokens.Count == 2));
            if (tokens[^1] == EndOfText) break;
            decoder.Step([tokens[^1]], logits);
        }
        return [.. tokens];
    }

    static int Best(float[] logits, GenerationConfig generation, bool first)
    {
        foreach (int token in generation.SuppressTokens!) logits[token] = float.NegativeInfinity;
        if (first)
        {
            foreach (int token in generation.BeginSuppressTokens!) logits[token] = float.NegativeInfinity;
        }
        return System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(logits.AsSpan(0, NoTimestamps + 1));
    }
}
