using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>The sizes of a Smart Turn model: <c>config.json</c>, its names in Pascal case.</summary>
public sealed record SmartTurnConfig
{
    public required int DModel { get; init; }

    public required int EncoderLayers { get; init; }

    public required int EncoderAttentionHeads { get; init; }

    public required int EncoderFfnDim { get; init; }

    public required int NumMelBins { get; init; }

    /// <summary>Positions of a window: 400 in 8 s.</summary>
    public required int MaxSourcePositions { get; init; }

    /// <summary>Values from which a position's weight in the mean is computed.</summary>
    public required int PoolAttentionSize { get; init; }

    /// <summary>Values of the classifier's two inner layers.</summary>
    public required IReadOnlyList<int> ClassifierSizes { get; init; }

    /// <summary>A turn counts as complete above this probability.</summary>
    public required double Threshold { get; init; }

    /// <summary>Frames of a window: 800 of 10 ms.</summary>
    public int Frames => 2 * MaxSourcePositions;

    /// <summary>Whisper's encoder with these sizes; there is no decoder.</summary>
    internal WhisperConfig Encoder => new()
    {
        DModel = DModel,
        EncoderLayers = EncoderLayers,
        EncoderAttentionHeads = EncoderAttentionHeads,
        EncoderFfnDim = EncoderFfnDim,
        NumMelBins = NumMelBins,
        MaxSourcePositions = MaxSourcePositions,
        DecoderLayers = 0,
        DecoderAttentionHeads = 0,
        DecoderFfnDim = 0,
        VocabSize = 0,
    };

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="CheckpointException">The file is missing, a value in it cannot be, or asks for what is not implemented.</exception>
    public static SmartTurnConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        using var settings = SettingsFile.Open(Path.Combine(folder, ModelFolder.ConfigName), ModelFolder.ConfigPurpose);
        settings.RequireArchitecture("SmartTurnV3");
        settings.OnlyIfPresent("activation_function", "\"gelu\"");
        settings.OnlyIfPresent("layer_norm_eps", "0.00001");
        settings.OnlyIfPresent("scale_embedding", "false");
        int size = settings.Integer("d_model", 1, 1 << 16), heads = settings.Integer("encoder_attention_heads", 1, 1024);
        settings.RequireDivisor("encoder_attention_heads", heads, ("d_model", size));
        int[] classifier = settings.OptionalIntegers("classifier_sizes", 1, 1 << 16)
            ?? throw settings.Wrong("classifier_sizes", "an array of two sizes", "nothing");
        if (classifier.Length != 2) throw settings.Wrong("classifier_sizes", "two sizes", $"{classifier.Length}");
        return new SmartTurnConfig
        {
            DModel = size,
            EncoderLayers = settings.Integer("encoder_layers", 1, 1024),
            EncoderAttentionHeads = heads,
            EncoderFfnDim = settings.Integer("encoder_ffn_dim", 1, 1 << 20),
            NumMelBins = settings.Integer("num_mel_bins", 1, 1024),
            MaxSourcePositions = settings.Integer("max_source_positions", 1, 1 << 16),
            PoolAttentionSize = settings.Integer("pool_attention_size", 1, 1 << 16),
            ClassifierSizes = classifier,
            Threshold = settings.Number("threshold", 0, 1),
        };
    }
}
