using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute;

namespace Earshot.Models;

/// <summary>The sizes of a Whisper model: <c>config.json</c>, its names in Pascal case.</summary>
public sealed record WhisperConfig
{
    public required int DModel { get; init; }
    public required int EncoderLayers { get; init; }
    public required int EncoderAttentionHeads { get; init; }
    public required int EncoderFfnDim { get; init; }
    public required int DecoderLayers { get; init; }
    public required int DecoderAttentionHeads { get; init; }
    public required int DecoderFfnDim { get; init; }
    public required int VocabSize { get; init; }

    /// <summary>Mel channels of the features: 80, or 128 from large-v3 on.</summary>
    public int NumMelBins { get; init; } = 80;

    /// <summary>Positions of the encoder's output for one window of 30 s.</summary>
    public int MaxSourcePositions { get; init; } = 1500;

    /// <summary>The most tokens that the decoder sees: prompt and text together.</summary>
    public int MaxTargetPositions { get; init; } = 448;

    /// <summary>What the feed-forward layers and the convolutions are activated with; every published Whisper says gelu.</summary>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>Whether the output projection is the token embedding.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>The published model's name where the file tells it, such as <c>openai/whisper-large-v2</c>.</summary>
    public string? NameOrPath { get; init; }

    /// <summary>Whether the vocabulary is the multilingual one, told by its size as the reference does.</summary>
    public bool IsMultilingual => VocabSize >= 51865;

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="CheckpointException">The file is missing, or a value in it cannot be.</exception>
    public static WhisperConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var settings = SettingsFile.Open(Path.Combine(folder, ModelFolder.ConfigName), ModelFolder.ConfigPurpose);
        var config = Read(settings);
        // Multiplying embeddings by the square root of their size is in the format; no published Whisper does, and it is not implemented.
        if (settings.Flag("scale_embedding", absent: false))
            throw settings.Wrong("scale_embedding", "false, the only value that is implemented", "true");
        settings.OnlyIfPresent("is_encoder_decoder", "true");
        settings.OnlyIfPresent("median_filter_width", "7");
        CheckHeads(settings, "encoder_attention_heads", config.EncoderAttentionHeads, config.DModel);
        CheckHeads(settings, "decoder_attention_heads", config.DecoderAttentionHeads, config.DModel);
        return config;
    }

    /// <summary>The text of a <c>config.json</c> from which <see cref="Load"/> reads the same.</summary>
    internal string ToJson(string modelType)
    {
        var json = new JsonObject
        {
            ["model_type"] = modelType,
            ["_name_or_path"] = NameOrPath,
            ["d_model"] = DModel,
            ["encoder_layers"] = EncoderLayers,
            ["encoder_attention_heads"] = EncoderAttentionHeads,
            ["encoder_ffn_dim"] = EncoderFfnDim,
            ["decoder_layers"] = DecoderLayers,
            ["decoder_attention_heads"] = DecoderAttentionHeads,
            ["decoder_ffn_dim"] = DecoderFfnDim,
            ["vocab_size"] = VocabSize,
            ["num_mel_bins"] = NumMelBins,
            ["max_source_positions"] = MaxSourcePositions,
            ["max_target_positions"] = MaxTargetPositions,
            ["activation_function"] = Activation switch { Activation.Relu => "relu", Activation.Silu => "silu", _ => "gelu" },
            ["scale_embedding"] = false,
            ["tie_word_embeddings"] = TieWordEmbeddings,
        };
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }

    static WhisperConfig Read(SettingsFile settings) => new()
    {
        DModel = settings.Integer("d_model", 1, 1 << 16),
        EncoderLayers = settings.Integer("encoder_layers", 1, 1024),
        EncoderAttentionHeads = settings.Integer("encoder_attention_heads", 1, 1024),
        EncoderFfnDim = settings.Integer("encoder_ffn_dim", 1, 1 << 20),
        DecoderLayers = settings.Integer("decoder_layers", 1, 1024),
        DecoderAttentionHeads = settings.Integer("decoder_attention_heads", 1, 1024),
        DecoderFfnDim = settings.Integer("decoder_ffn_dim", 1, 1 << 20),
        VocabSize = settings.Integer("vocab_size", 1, 1 << 22),
        NumMelBins = settings.OptionalInteger("num_mel_bins", 1, 1024) ?? 80,
        MaxSourcePositions = settings.OptionalInteger("max_source_positions", 1, 1 << 20) ?? 1500,
        MaxTargetPositions = settings.OptionalInteger("max_target_positions", 1, 1 << 20) ?? 448,
        Activation = ReadActivation(settings),
        TieWordEmbeddings = settings.Flag("tie_word_embeddings", absent: true),
        NameOrPath = settings.OptionalText("_name_or_path"),
    };

    static Activation ReadActivation(SettingsFile settings) => (settings.OptionalText("activation_function") ?? "gelu") switch
    {
        "gelu" => Activation.Gelu,
        "relu" => Activation.Relu,
        "silu" or "swish" => Activation.Silu,
        var other => throw settings.Wrong("activation_function", "gelu, relu or silu", other),
    };

    static void CheckHeads(SettingsFile settings, string key, int heads, int size)
    {
        if (size % heads != 0) throw settings.Wrong(key, $"a divisor of 'd_model', which is {size}", $"{heads}");
    }
}
