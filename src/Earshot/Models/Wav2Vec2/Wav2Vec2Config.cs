using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>The sizes of a model: <c>config.json</c>, its names in Pascal case; the defaults are the format's.</summary>
public sealed record Wav2Vec2Config
{
    internal const string Conformer = "wav2vec2-conformer";

    /// <summary><c>wav2vec2</c>, <c>hubert</c> or <c>wav2vec2-conformer</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Whether layers have a convolution beside attention, as of Conformer (Gulati et al. 2020, arXiv 2005.08100).</summary>
    public bool IsConformer => ModelType == Conformer;

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

    /// <summary>How a conformer's attention knows positions: <c>position_embeddings_type</c>.</summary>
    public ConformerPositions PositionEmbeddingsType { get; init; }

    public double RotaryEmbeddingBase { get; init; } = 10_000;

    /// <summary>Taps of the convolution in a conformer's layers.</summary>
    public int ConvDepthwiseKernelSize { get; init; } = 31;

    /// <summary>The blank.</summary>
    public int PadTokenId { get; init; }

    /// <summary>The root of the encoder's names.</summary>
    internal string Root => ModelType.Replace('-', '_');

    /// <exception cref="CheckpointException">The file is missing, or a value in it cannot be or is not implemented.</exception>
    internal static Wav2Vec2Config Load(ModelFolder folder)
    {
        using var settings = folder.OpenConfig();
        if (settings.OptionalText("feat_extract_norm") is { } norm and not ("group" or "layer"))
            throw settings.Wrong("feat_extract_norm", "group or layer", norm);
        settings.OnlyIfPresent("add_adapter", "false");
        settings.OnlyIfPresent("conv_pos_batch_norm", "false");
        var config = Read(settings, folder.ModelType);
        settings.RequireArchitecture(config.ModelType switch
        {
            "hubert" => "HubertForCTC",
            Conformer => "Wav2Vec2ConformerForCTC",
            _ => "Wav2Vec2ForCTC",
        });
        settings.OnlyIfPresent("num_feat_extract_layers", $"{config.ConvDim.Count}");
        settings.RequireLength("conv_stride", config.ConvStride.Count, ("conv_dim", config.ConvDim.Count));
        settings.RequireLength("conv_kernel", config.ConvKernel.Count, ("conv_dim", config.ConvDim.Count));
        settings.RequireDivisor("num_attention_heads", config.NumAttentionHeads, ("hidden_size", config.HiddenSize));
        settings.RequireDivisor("num_conv_pos_embedding_groups", config.NumConvPosEmbeddingGroups, ("hidden_size", config.HiddenSize));
        if (config.IsConformer && config.ConvDepthwiseKernelSize % 2 == 0)
            throw settings.Wrong("conv_depthwise_kernel_size", "an odd number", $"{config.ConvDepthwiseKernelSize}");
        if (config.IsConformer && config.HiddenSize / config.NumAttentionHeads % 2 != 0)
            throw settings.Wrong("num_attention_heads", "heads of an even size", $"{config.NumAttentionHeads}");
        if (config is { AdapterAttnDim: not null, DoStableLayerNorm: false, IsConformer: false })
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
            AdapterAttnDim = type == Conformer ? null : settings.OptionalInteger("adapter_attn_dim", 1, 1 << 16),
            PositionEmbeddingsType = type == Conformer ? PositionsOf(settings) : default,
            RotaryEmbeddingBase = settings.Has("rotary_embedding_base")
                ? settings.Number("rotary_embedding_base", 1, 1e12)
                : absent.RotaryEmbeddingBase,
            ConvDepthwiseKernelSize = Size("conv_depthwise_kernel_size", absent.ConvDepthwiseKernelSize),
            PadTokenId = settings.OptionalInteger("pad_token_id", 0, 1 << 20) ?? 0,
        };
    }

    // Absent, it is the format's default; null says that there are none.
    static ConformerPositions PositionsOf(SettingsFile settings) => settings.OptionalText("position_embeddings_type") switch
    {
        null => settings.Root.TryGetProperty("position_embeddings_type", out _) ? ConformerPositions.None : ConformerPositions.Relative,
        "relative" => ConformerPositions.Relative,
        "rotary" => ConformerPositions.Rotary,
        var other => throw settings.Wrong("position_embeddings_type", "relative, rotary or null", other),
    };
}

/// <summary>How attention in a conformer's layers knows where its positions are.</summary>
public enum ConformerPositions
{
    /// <summary>By embedded distances, as in Transformer-XL.</summary>
    Relative,

    /// <summary>By turning what queries and keys are made of.</summary>
    Rotary,

    /// <summary>Not at all.</summary>
    None,
}
