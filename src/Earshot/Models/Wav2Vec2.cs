using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>
/// wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477), HuBERT (Hsu et al. 2021, arXiv 2106.07447) and MMS (Pratap et al. 2023,
/// arXiv 2305.13516, in its default language) with a CTC head, in Hugging Face's format.
/// </summary>
public sealed class Wav2Vec2Family : ModelFamily
{
    static readonly Wav2Vec2Config s_base = new() { ModelType = "wav2vec2" };

    static readonly Wav2Vec2Config s_large = s_base with
    {
        HiddenSize = 1024,
        NumHiddenLayers = 24,
        NumAttentionHeads = 16,
        IntermediateSize = 4096,
        HasGroupNorm = false,
        ConvBias = true,
        DoStableLayerNorm = true,
    };

    public override IReadOnlyList<string> ModelTypes { get; } = ["wav2vec2", "hubert"];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            ["wav2vec2-base-960h"] = () => Describe(s_base, "wav2vec2-base-960h"),
            ["wav2vec2-large-960h-lv60-self"] = () => Describe(s_large, "wav2vec2-large-960h-lv60-self"),
            ["hubert-large-ls960-ft"] = () => Describe(s_large with { ModelType = "hubert" }, "hubert-large-ls960-ft"),
        };

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = Wav2Vec2Config.Load(folder);
        var vocabulary = CtcVocabulary.Load(folder.Path);
        if (vocabulary.VocabSize > config.VocabSize || vocabulary.Blank != config.PadTokenId)
        {
            throw new CheckpointException(
                $"The vocabulary in '{folder.Path}' has {vocabulary.VocabSize} tokens and its blank is {vocabulary.Blank}; " +
                $"'{ModelFolder.ConfigName}' says {config.VocabSize} and {config.PadTokenId}. Download all files again.");
        }
        return Describe(config, folder.Name) with { Tokenizer = vocabulary, Features = SamplePreprocessor.Load(folder) };
    }

    /// <summary>A model of some sizes, without a folder: it has no tokenizer.</summary>
    public static SpeechModel Describe(Wav2Vec2Config config, string name) => new()
    {
        Info = new ModelInfo
        {
            Name = name,
            Type = config.ModelType,
            Sizes =
            [
                ("width", config.HiddenSize), ("layers", config.NumHiddenLayers), ("heads", config.NumAttentionHeads),
                ("feed-forward", config.IntermediateSize), ("vocabulary", config.VocabSize),
            ],
        },
        Parts = new ModelParts { Encoder = new Wav2Vec2Encoder(config), Ctc = new Wav2Vec2CtcHead(config), IsUnused = IsOfPreTraining },
        Features = new Features.SampleSettings(Normalize: true),
        PrepareWeights = checkpoint => WeightNorm.Fold(
            checkpoint,
            $"{config.ModelType}.encoder.pos_conv_embed.conv",
            new Shape(config.HiddenSize, config.HiddenSize / config.NumConvPosEmbeddingGroups, config.NumConvPosEmbeddings)),
    };

    static bool IsOfPreTraining(string name) =>
        name.EndsWith(".masked_spec_embed", StringComparison.Ordinal)
        || name.StartsWith("quantizer.", StringComparison.Ordinal)
        || name.StartsWith("project_q.", StringComparison.Ordinal)
        || name.StartsWith("project_hid.", StringComparison.Ordinal);
}

/// <summary>The sizes of a model: <c>config.json</c>, its names in Pascal case; the defaults are the format's.</summary>
public sealed record Wav2Vec2Config
{
    /// <summary><c>wav2vec2</c> or <c>hubert</c>, which is also the root of the encoder's names.</summary>
    public required string ModelType { get; init; }

    public int HiddenSize { get; init; } = 768;
    public int NumHiddenLayers { get; init; } = 12;
    public int NumAttentionHeads { get; init; } = 12;
    public int IntermediateSize { get; init; } = 3072;
    public int VocabSize { get; init; } = 32;
    public Activation HiddenAct { get; init; } = Activation.Gelu;
    public double LayerNormEps { get; init; } = 1e-5;

    /// <summary>Whether the first convolution is normalised over time (<c>feat_extract_norm</c>); else all are, by position.</summary>
    public bool HasGroupNorm { get; init; } = true;

    public Activation FeatExtractActivation { get; init; } = Activation.Gelu;
    public IReadOnlyList<int> ConvDim { get; init; } = [512, 512, 512, 512, 512, 512, 512];
    public IReadOnlyList<int> ConvStride { get; init; } = [5, 2, 2, 2, 2, 2, 2];
    public IReadOnlyList<int> ConvKernel { get; init; } = [10, 3, 3, 3, 3, 2, 2];
    public bool ConvBias { get; init; }
    public bool FeatProjLayerNorm { get; init; } = true;
    public int NumConvPosEmbeddings { get; init; } = 128;
    public int NumConvPosEmbeddingGroups { get; init; } = 16;

    /// <summary>Whether layers normalise what they read, and the last one's output is normalised too; else what they give.</summary>
    public bool DoStableLayerNorm { get; init; }

    /// <summary>Values between the matrices of each layer's language adapter; null where there is none.</summary>
    public int? AdapterAttnDim { get; init; }

    /// <summary>The blank.</summary>
    public int PadTokenId { get; init; }

    /// <exception cref="CheckpointException">The file is missing, or a value in it cannot be or is not implemented.</exception>
    internal static Wav2Vec2Config Load(ModelFolder folder)
    {
        using var settings = folder.OpenConfig();
        if (settings.OptionalText("feat_extract_norm") is { } norm and not ("group" or "layer"))
            throw settings.Wrong("feat_extract_norm", "group or layer", norm);
        settings.OnlyIfPresent("add_adapter", "false");
        settings.OnlyIfPresent("conv_pos_batch_norm", "false");
        var config = Read(settings, folder.ModelType);
        settings.RequireArchitecture(config.ModelType == "hubert" ? "HubertForCTC" : "Wav2Vec2ForCTC");
        settings.OnlyIfPresent("num_feat_extract_layers", $"{config.ConvDim.Count}");
        settings.RequireLength("conv_stride", config.ConvStride.Count, ("conv_dim", config.ConvDim.Count));
        settings.RequireLength("conv_kernel", config.ConvKernel.Count, ("conv_dim", config.ConvDim.Count));
        settings.RequireDivisor("num_attention_heads", config.NumAttentionHeads, ("hidden_size", config.HiddenSize));
        settings.RequireDivisor("num_conv_pos_embedding_groups", config.NumConvPosEmbeddingGroups, ("hidden_size", config.HiddenSize));
        if (config is { AdapterAttnDim: not null, DoStableLayerNorm: false })
            throw settings.Wrong("do_stable_layer_norm", "true where 'adapter_attn_dim' is given", "false");
        return config;
    }

    static Wav2Vec2Config Read(SettingsFile settings, string type)
    {
        var absent = new Wav2Vec2Config { ModelType = type };
        int Size(string key, int otherwise) => settings.OptionalInteger(key, 1, 1 << 20) ?? otherwise;
        return absent with
        {
            HiddenSize = Size("hidden_size", absent.HiddenSize),
            NumHiddenLayers = Size("num_hidden_layers", absent.NumHiddenLayers),
            NumAttentionHeads = Size("num_attention_heads", absent.NumAttentionHeads),
            IntermediateSize = Size("intermediate_size", absent.IntermediateSize),
            VocabSize = Size("vocab_size", absent.VocabSize),
            HiddenAct = settings.Activation("hidden_act", absent.HiddenAct),
            LayerNormEps = settings.Has("layer_norm_eps") ? settings.Number("layer_norm_eps", 0, 1) : absent.LayerNormEps,
            HasGroupNorm = settings.OptionalText("feat_extract_norm") is not "layer",
            FeatExtractActivation = settings.Activation("feat_extract_activation", absent.FeatExtractActivation),
            ConvDim = settings.OptionalIntegers("conv_dim", 1, 1 << 16) ?? absent.ConvDim,
            ConvStride = settings.OptionalIntegers("conv_stride", 1, 1 << 10) ?? absent.ConvStride,
            ConvKernel = settings.OptionalIntegers("conv_kernel", 1, 1 << 10) ?? absent.ConvKernel,
            ConvBias = settings.Flag("conv_bias", absent.ConvBias),
            FeatProjLayerNorm = type != "hubert" || settings.Flag("feat_proj_layer_norm", absent: true),
            NumConvPosEmbeddings = Size("num_conv_pos_embeddings", absent.NumConvPosEmbeddings),
            NumConvPosEmbeddingGroups = Size("num_conv_pos_embedding_groups", absent.NumConvPosEmbeddingGroups),
            DoStableLayerNorm = settings.Flag("do_stable_layer_norm", absent: false),
            AdapterAttnDim = settings.OptionalInteger("adapter_attn_dim", 1, 1 << 16),
            PadTokenId = settings.OptionalInteger("pad_token_id", 0, 1 << 20) ?? 0,
        };
    }
}

/// <summary>Convolutions over samples, then a transformer that knows positions by a wide convolution.</summary>
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
        var (w, backend, epsilon) = (root / config.ModelType, features.Backend, (float)config.LayerNormEps);
        var (x, mark) = (features, backend.Mark());
        for (int i = 0; i < config.ConvDim.Count; i++) x = backend.Keep(Convolve(x, w / "feature_extractor" / "conv_layers" / i, i), mark);
        if (config.FeatProjLayerNorm) x = x.LayerNorm(w / "feature_projection" / "layer_norm", epsilon);
        x = x.Linear(w / "feature_projection" / "projection", config.HiddenSize); // (batch, positions, size)
        x += EmbedPositions(x, w / "encoder" / "pos_conv_embed" / "conv");
        if (!config.DoStableLayerNorm) x = x.LayerNorm(w / "encoder" / "layer_norm", epsilon);
        x = backend.Keep(x, mark);
        for (int i = 0; i < config.NumHiddenLayers; i++)
        {
            mark = backend.Mark();
            var layer = w / "encoder" / "layers" / i;
            x = backend.KeepOnly(x, Adapt(_layer.Apply(x, layer), layer / "adapter_layer"), mark);
        }
        return config.DoStableLayerNorm ? x.LayerNorm(w / "encoder" / "layer_norm", epsilon) : x;
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
