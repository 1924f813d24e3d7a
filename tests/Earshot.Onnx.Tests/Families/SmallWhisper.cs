using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Models;

namespace Earshot.Onnx.Tests.Families;

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

    public static ITensorStore Weights(WhisperConfig config) => RandomTensors.For(WhisperFamily.OfShape(config).Parts);

    /// <summary>With alignment heads of both layers, not in order.</summary>
    public static ModelParts Parts(WhisperConfig config) => WhisperFamily.OfShape(config).Parts with
    {
        Decoder = new WhisperTextDecoder(config, [new AlignmentHead(1, 2), new AlignmentHead(0, 1), new AlignmentHead(1, 0)]),
    };
}
