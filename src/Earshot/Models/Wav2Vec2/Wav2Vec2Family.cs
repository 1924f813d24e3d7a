using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>
/// wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477), also over a conformer (Wang et al. 2020, arXiv 2010.05171), HuBERT (Hsu et al.
/// 2021, arXiv 2106.07447) and MMS (Pratap et al. 2023, arXiv 2305.13516) with a CTC head, in Hugging Face's format.
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

    static readonly Wav2Vec2Config s_conformer = s_large with
    {
        ModelType = Wav2Vec2Config.Conformer,
        HiddenAct = Activation.Silu,
        DoStableLayerNorm = false,
    };

    public override IReadOnlyList<string> ModelTypes { get; } = ["wav2vec2", "hubert", Wav2Vec2Config.Conformer];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        new Dictionary<string, Func<SpeechModel>>(StringComparer.OrdinalIgnoreCase)
        {
            ["wav2vec2-base-960h"] = () => Describe(s_base, "wav2vec2-base-960h"),
            ["wav2vec2-large-960h-lv60-self"] = () => Describe(s_large, "wav2vec2-large-960h-lv60-self"),
            ["wav2vec2-conformer-rel-pos-large-960h-ft"] = () =>
                Describe(s_conformer, "wav2vec2-conformer-rel-pos-large-960h-ft"),
            ["wav2vec2-conformer-rope-large-960h-ft"] = () => Describe(
                s_conformer with { PositionEmbeddingsType = ConformerPositions.Rotary }, "wav2vec2-conformer-rope-large-960h-ft"),
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
        var model = Describe(config, folder.Name) with { Tokenizer = vocabulary, Features = SamplePreprocessor.Load(folder) };
        if (config.AdapterAttnDim is null || CtcVocabulary.DefaultLanguage(folder.Path) is not { } language) return model;
        var adapters = new Wav2Vec2Adapters(folder, config, language);
        return model with
        {
            Adapters = adapters,
            Info = model.Info with { Languages = [.. adapters.Languages.Select(LanguageCodes.ShortOf).Distinct()] },
        };
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
        Parts = new ModelParts
        {
            Encoder = new Wav2Vec2Encoder(config),
            Ctc = new Wav2Vec2CtcHead(config),
            IsUnused = config.IsConformer ? IsUnusedByConformers : IsOfPreTraining,
        },
        Features = new Features.SampleSettings(Normalize: true),
        PrepareWeights = checkpoint => Prepare(checkpoint, config),
    };

    static ITensorStore Prepare(ITensorStore checkpoint, Wav2Vec2Config config) => config.IsConformer
        ? Wav2Vec2ConformerLayer.Fold(checkpoint, config)
        : WeightNorm.Fold(
            checkpoint,
            $"{config.Root}.encoder.pos_conv_embed.conv",
            new Shape(config.HiddenSize, config.HiddenSize / config.NumConvPosEmbeddingGroups, config.NumConvPosEmbeddings));

    static bool IsOfPreTraining(string name) =>
        name.EndsWith(".masked_spec_embed", StringComparison.Ordinal)
        || name.StartsWith("quantizer.", StringComparison.Ordinal)
        || name.StartsWith("project_q.", StringComparison.Ordinal)
        || name.StartsWith("project_hid.", StringComparison.Ordinal);

    // The convolution over positions was trained with, and no layer reads it; frequencies are computed, and counts are of training.
    static bool IsUnusedByConformers(string name) =>
        IsOfPreTraining(name)
        || name.Contains(".encoder.pos_conv_embed.", StringComparison.Ordinal)
        || name.EndsWith(".encoder.embed_positions.inv_freq", StringComparison.Ordinal)
        || name.EndsWith(".batch_norm.num_batches_tracked", StringComparison.Ordinal);
}
