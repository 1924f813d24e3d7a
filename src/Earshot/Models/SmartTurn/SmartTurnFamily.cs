using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Features;

namespace Earshot.Models;

/// <summary>Smart Turn (version 3): whether the speaker of the last seconds has finished, told by the sound alone.</summary>
public sealed class SmartTurnFamily : ModelFamily
{
    const string ModelType = "smart_turn", PublishedName = "smart-turn-v3.2";

    // What the publisher lists.
    static readonly string[] s_languages =
    [
        "ar", "bn", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja", "ko", "mr", "nl", "no", "pl", "pt", "ru", "tr", "uk", "vi",
        "zh",
    ];

    // The sizes of the model in the box.
    static readonly SmartTurnConfig s_published = new()
    {
        DModel = 384,
        EncoderLayers = 4,
        EncoderAttentionHeads = 6,
        EncoderFfnDim = 1536,
        NumMelBins = 80,
        MaxSourcePositions = 400,
        PoolAttentionSize = 256,
        ClassifierSizes = [256, 64],
        Threshold = 0.5,
    };

    public override IReadOnlyList<string> ModelTypes { get; } = [ModelType];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            [PublishedName] = () => Describe(s_published, PublishedName),
        };

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = SmartTurnConfig.Load(folder.Path);
        var preprocessor = PreprocessorConfig.Load(folder, config.NumMelBins, config.Frames, endAligned: true);
        return Describe(config, folder.Name) with { Features = preprocessor.Features };
    }

    internal static SpeechModel Describe(SmartTurnConfig config, string name) => new()
    {
        Info = new ModelInfo
        {
            Name = name,
            Type = ModelType,
            Sizes =
            [
                ("width", config.DModel), ("encoder layers", config.EncoderLayers), ("heads", config.EncoderAttentionHeads),
                ("mel bins", config.NumMelBins), ("audio positions", config.MaxSourcePositions),
            ],
            Languages = s_languages,
        },
        Parts = new ModelParts { Encoder = new WhisperAudioEncoder(config.Encoder), Classifier = new SmartTurnClassifier(config) },
        Features = new LogMelSettings(config.NumMelBins) { EndAligned = true },
    };
}

/// <summary>
/// A mean over positions whose weights are learnt, and three layers on it. Its one value is the log-odds that the turn is over. With the
/// parameter names of the published graph.
/// </summary>
public sealed class SmartTurnClassifier(SmartTurnConfig config) : IClassifier
{
    public int Classes => 1;

    public Tensor Classify(Tensor encoded, Scope root)
    {
        Scope pool = root / "pool_attention", w = root / "classifier";
        var scores = encoded.Linear(pool / 0, config.PoolAttentionSize, Activation.Tanh).Linear(pool / 2, 1); // (batch, positions, 1)
        var pooled = scores.Transpose(0, 2, 1).Softmax().MatMul(encoded); // (batch, 1, width)
        var x = pooled.Linear(w / 0, config.ClassifierSizes[0]).LayerNorm(w / 1).Activate(Activation.Gelu);
        return x.Linear(w / 4, config.ClassifierSizes[1], Activation.Gelu).Linear(w / 6, 1); // (batch, 1, 1)
    }
}
