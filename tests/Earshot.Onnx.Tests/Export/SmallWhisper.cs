using Earshot.Checkpoints;
using Earshot.Models;

namespace Earshot.Onnx.Tests.Export;

/// <summary>A multilingual Whisper with small layers and random weights.</summary>
static class SmallWhisper
{
    public static WhisperConfig Config(int mels = 80, int vocabulary = 2000) => WhisperShapes.Named("tiny") with
    {
        DModel = 64,
        EncoderLayers = 2,
        DecoderLayers = 2,
        EncoderAttentionHeads = 2,
        DecoderAttentionHeads = 4,
        EncoderFfnDim = 96,
        DecoderFfnDim = 160,
        NumMelBins = mels,
        VocabSize = vocabulary,
    };

    public static RandomWeights Weights(WhisperConfig config) => new(config);

    /// <summary>With alignment heads of both layers, not in order.</summary>
    public static GenerationConfig Generation(WhisperConfig config) =>
        WhisperShapes.GenerationFor(config) with { AlignmentHeads = [new AlignmentHead(1, 2), new AlignmentHead(0, 1), new AlignmentHead(1, 0)] };

    public static CpuWhisperRuntime Runtime(WhisperConfig config) => new(Weights(config), config, Generation(config));

    /// <summary>Features (frames, mels) for the runtime of one window.</summary>
    public static float[] Features(WhisperConfig config, int frames, int seed = 1)
    {
        var random = new Random(seed * 10_000 + frames);
        return [.. Enumerable.Range(0, frames * config.NumMelBins).Select(_ => random.NextSingle() * 2 - 1)];
    }

    /// <summary>(frames, mels) as (mels, frames).</summary>
    public static float[] BySize(float[] features, int frames)
    {
        int mels = features.Length / frames;
        var bySize = new float[features.Length];
        for (int t = 0; t < frames; t++)
        {
            for (int m = 0; m < mels; m++) bySize[m * frames + t] = features[t * mels + m];
        }
        return bySize;
    }
}
