using Earshot.Compute;
using Earshot.Compute.Parts;

namespace Earshot.Models;

/// <summary>
/// Convolutions over samples, then a transformer that knows positions by a wide convolution, or a conformer, which has its own ways.
/// </summary>
public sealed class Wav2Vec2Encoder(Wav2Vec2Config config) : IAudioEncoder
{
    // Attention takes the square of the length; longer recordings are heard in windows.
    const int MostSamples = 480_000; // 30 s

    readonly TransformerLayer _layer = new()
    {
        Size = config.HiddenSize,
        Heads = config.NumAttentionHeads,
        InnerSize = config.IntermediateSize,
        Activation = config.HiddenAct,
        NormFirst = config.DoStableLayerNorm,
        NormEpsilon = (float)config.LayerNormEps,
        Names = new("attention", "layer_norm", "feed_forward.intermediate_dense", "feed_forward.output_dense", "final_layer_norm"),
    };

    readonly Wav2Vec2ConformerLayer? _conformer = config.IsConformer ? new(config) : null;

    public EncoderShape Shape { get; } = new()
    {
        InputSize = 1,
        Width = config.HiddenSize,
        LeastFrames = config.ConvStride.Zip(config.ConvKernel).Reverse().Aggregate(1, (n, conv) => ((n - 1) * conv.First) + conv.Second),
        MostFrames = MostSamples,
        SecondsPerPosition = config.ConvStride.Aggregate(1, (samples, stride) => samples * stride) / 16_000.0,
    };

    public int PositionsOf(int frames) =>
        config.ConvStride.Zip(config.ConvKernel).Aggregate(frames, (n, conv) => n < conv.Second ? 0 : ((n - conv.Second) / conv.First) + 1);

    public Tensor Encode(Tensor features, Scope root)
    {
        var (w, backend, epsilon) = (root / config.Root, features.Backend, (float)config.LayerNormEps);
        var (x, mark) = (features, backend.Mark());
        for (int i = 0; i < config.ConvDim.Count; i++) x = backend.Keep(Convolve(x, w / "feature_extractor" / "conv_layers" / i, i), mark);
        if (config.FeatProjLayerNorm) x = x.LayerNorm(w / "feature_projection" / "layer_norm", epsilon);
        x = x.Linear(w / "feature_projection" / "projection", config.HiddenSize); // (batch, positions, size)
        x = _conformer is null ? Transform(x, mark, w / "encoder") : Conform(x, mark, w / "encoder");
        return config.DoStableLayerNorm || config.IsConformer ? x.LayerNorm(w / "encoder" / "layer_norm", epsilon) : x;
    }

    Tensor Transform(Tensor x, ArenaMark mark, Scope w)
    {
        var backend = x.Backend;
        x += EmbedPositions(x, w / "pos_conv_embed" / "conv");
        if (!config.DoStableLayerNorm) x = x.LayerNorm(w / "layer_norm", (float)config.LayerNormEps);
        x = backend.Keep(x, mark);
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            mark = backend.Mark();
            var layer = w / "layers" / i;
            x = backend.KeepOnly(x, Adapt(_layer.Apply(x, layer), layer / "adapter_layer"), mark);
        }
        return x;
    }

    Tensor Conform(Tensor x, ArenaMark mark, Scope w)
    {
        x = x.Backend.Keep(x, mark);
        var positions = _conformer!.Positions(x);
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            mark = x.Backend.Mark();
            x = x.Backend.KeepOnly(x, _conformer.Apply(x, positions, w / "layers" / i), mark);
        }
        return x;
    }

    Tensor Convolve(Tensor x, Scope w, int layer)
    {
        var (conv, size) = (w / "conv", config.ConvDim[layer]);
        bool isPlain = config.HasGroupNorm && layer > 0;
        var weight = conv.Parameter("weight", new Shape(size, x.Shape[^1], config.ConvKernel[layer]));
        var bias = config.ConvBias ? conv.Parameter("bias", new Shape(size)) : null;
        var activation = isPlain ? config.FeatExtractActivation : Activation.None;
        x = x.Backend.Convolve(x, weight, bias, new Convolution(config.ConvStride[layer], Activation: activation));
        if (isPlain) return x;
        return config.HasGroupNorm
            ? x.InstanceNorm(w / "layer_norm", activation: config.FeatExtractActivation)
            : x.LayerNorm(w / "layer_norm").Activate(config.FeatExtractActivation);
    }

    Tensor EmbedPositions(Tensor x, Scope w)
    {
        int taps = config.NumConvPosEmbeddings;
        return x.Convolve(w, config.HiddenSize, taps, new Convolution(
            1, taps / 2, taps - 1 - (taps / 2), Activation: config.FeatExtractActivation, Groups: config.NumConvPosEmbeddingGroups));
    }

    Tensor Adapt(Tensor x, Scope w) => config.AdapterAttnDim is not { } inner
        ? x
        : x.LayerNorm(w / "norm").Linear(w / "linear_1", inner, Activation.Relu).Linear(w / "linear_2", config.HiddenSize, residual: x);
}

/// <summary>The letter, or the blank, of each position.</summary>
public sealed class Wav2Vec2CtcHead(Wav2Vec2Config config) : ICtcHead
{
    public int Blank => config.PadTokenId;

    public int VocabSize => config.VocabSize;

    public Tensor Logits(Tensor encoded, Scope root) => encoded.Linear(root / "lm_head", config.VocabSize);
}
