using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// Whisper's encoder, every size and variant. After "Robust Speech Recognition via Large-Scale Weak Supervision" (Radford et al., 2022),
/// with the parameter names of Hugging Face's checkpoints.
/// </summary>
public sealed class WhisperAudioEncoder(WhisperConfig config) : IAudioEncoder
{
    readonly TransformerLayer _layer = new()
    {
        Size = config.DModel,
        Heads = config.EncoderAttentionHeads,
        InnerSize = config.EncoderFfnDim,
        Activation = config.Activation,
        HasKeyBias = false,
        Names = new("self_attn", "self_attn_layer_norm", "fc1", "fc2", "final_layer_norm"),
    };

    public EncoderShape Shape { get; } = new()
    {
        InputSize = config.NumMelBins,
        Width = config.DModel,
        LeastFrames = 2,
        MostFrames = 2 * config.MaxSourcePositions,
        FrameMultiple = 2,
        SecondsPerPosition = 0.02,
    };

    public int PositionsOf(int frames) => frames / 2;

    public Tensor Encode(Tensor features, Scope root)
    {
        var w = WhisperNames.Model(root) / "encoder";
        int size = config.DModel;
        var x = features.Convolve(w / "conv1", size, kernel: 3, new Convolution(
            Stride: 1, PadLeft: 1, PadRight: 1, Activation: config.Activation)); // (batch, frames, size)
        x = x.Convolve(w / "conv2", size, kernel: 3, new Convolution(
            Stride: 2, PadLeft: 1, PadRight: 1, Activation: config.Activation)); // (batch, frames / 2, size)
        x = x.Backend.AddPositions(x, (w / "embed_positions").Parameter("weight", new Shape(config.MaxSourcePositions, size)));

        for (int i = 0; i < config.EncoderLayers; i++)
        {
            var mark = x.Backend.Mark();
            x = x.Backend.KeepOnly(x, _layer.Apply(x, w / "layers" / i), mark);
        }
        return x.LayerNorm(w / "layer_norm");
    }
}

/// <summary>Where a checkpoint's tensors are.</summary>
static class WhisperNames
{
    /// <summary>Encoder and decoder are below <c>model</c>, which some exports leave out of the names.</summary>
    public static Scope Model(Scope root) => (root / "encoder" / "conv1").Has("weight") ? root : root / "model";
}
