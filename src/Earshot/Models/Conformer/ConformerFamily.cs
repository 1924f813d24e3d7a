using Earshot.Checkpoints;
using Earshot.Checkpoints.Nemo;
using Earshot.Compute.Parts;
using Earshot.Features;

namespace Earshot.Models;

/// <summary>
/// Conformers and FastConformers with a CTC head, a transducer or both: NeMo's archives, and Parakeet in Hugging Face's format.
/// </summary>
sealed class ConformerFamily : ModelFamily
{
    public override IReadOnlyList<string> ModelTypes { get; } = [.. ParakeetSettings.Types, NemoArchive.ModelType];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } = ConformerShapes.All;

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.ModelType == NemoArchive.ModelType ? NemoModels.Open(folder) : ParakeetSettings.Open(folder);
    }

    /// <summary>A model of some sizes, without a folder: it has no tokenizer.</summary>
    internal static SpeechModel Describe(ConformerConfig config, ConformerHeads heads, string name, string type)
    {
        ConformerEncoder encoder = config.CanStream ? new StreamingConformerEncoder(config) : new ConformerEncoder(config);
        return new SpeechModel
        {
            Info = new ModelInfo
            {
                Name = name,
                Type = type,
                Sizes =
                [
                    ("width", config.Size), ("layers", config.Layers), ("heads", config.Heads), ("feed-forward", config.InnerSize),
                    ("mels", config.MelBins), ("vocabulary", heads.Ctc?.VocabSize ?? heads.Transducer?.Shape.VocabSize ?? 0),
                ],
            },
            Parts = new ModelParts
            {
                Encoder = encoder,
                Ctc = heads.Ctc,
                Transducer = heads.Transducer,
                IsUnused = tensor => IsUnused(heads, tensor),
            },
            Features = new ConformerMelSettings(config.MelBins, heads.Normalization) { PreEmphasis = heads.PreEmphasis },
            PrepareWeights = checkpoint => ConformerWeights.Prepare(
                checkpoint, config, heads is { Ctc: { } ctc, Transducer: null } ? [($"{ctc.Name}.weight", ctc.VocabSize)] : []),
        };
    }

    // Of what is trained beside, and of a head beside a transducer.
    static bool IsUnused(ConformerHeads heads, string name) =>
        name.EndsWith(".num_batches_tracked", StringComparison.Ordinal)
        || name.StartsWith("preprocessor.", StringComparison.Ordinal)
        || name.StartsWith("spec_augmentation.", StringComparison.Ordinal)
        || name.StartsWith("loss.", StringComparison.Ordinal)
        || heads is { Transducer: not null, Ctc: { } ctc } && name.StartsWith($"{ctc.Name}.", StringComparison.Ordinal);
}

/// <summary>What writes with a Conformer, and how it hears.</summary>
sealed record ConformerHeads
{
    public ConformerCtcHead? Ctc { get; init; }

    public LstmTransducer? Transducer { get; init; }

    public MelNormalization Normalization { get; init; } = MelNormalization.PerFeature;

    public float PreEmphasis { get; init; } = 0.97f;
}
