using System.Text.RegularExpressions;
using Earshot.Checkpoints;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>Whispers in the files of whisper.cpp and CTranslate2: what their programs know of themselves is filled in.</summary>
static partial class WhisperContainers
{
    /// <exception cref="CheckpointException">The files are damaged, or belong to different models.</exception>
    public static SpeechModel Open(ModelFolder folder)
    {
        using var container = WhisperContainer.Open(folder.Path);
        var config = ConfigOf(container.Sizes, folder.Name);
        var (tokenizer, generation, features) = container is WhisperCppFile file
            ? OfWhisperCpp(file, config, folder)
            : OfCTranslate2(config, folder);
        WhisperFamily.RequireFit(tokenizer, config, generation, folder);
        return WhisperFamily.Describe(config, generation, folder.Name) with
        {
            Tokenizer = tokenizer,
            Features = features,
            Files = new Dictionary<string, string>
            {
                [ModelFolder.ConfigName] = config.ToJson(WhisperFamily.ModelType),
                [WhisperGenerationConfig.FileName] = generation.ToJson(),
            },
        };
    }

    static WhisperConfig ConfigOf(WhisperSizes sizes, string name) => new()
    {
        DModel = sizes.Width,
        EncoderLayers = sizes.EncoderLayers,
        EncoderAttentionHeads = sizes.EncoderHeads,
        EncoderFfnDim = sizes.EncoderInner,
        DecoderLayers = sizes.DecoderLayers,
        DecoderAttentionHeads = sizes.DecoderHeads,
        DecoderFfnDim = sizes.DecoderInner,
        VocabSize = sizes.Vocabulary,
        NumMelBins = sizes.MelBins,
        MaxSourcePositions = sizes.AudioPositions,
        MaxTargetPositions = sizes.TextPositions,
        Activation = sizes.Activation,
        NameOrPath = PublishedName(name),
    };

    static (WhisperTokenizer?, WhisperGenerationConfig, FeatureSettings) OfWhisperCpp(
        WhisperCppFile file, WhisperConfig config, ModelFolder folder)
    {
        var tokenizer = TokenizerFiles.OfWords(file.Vocabulary, config.VocabSize, file.Location);
        var generation = new WhisperGenerationConfig
        {
            Source = folder.Path,
            AlignmentHeads = WhisperAlignmentHeads.For(config),
            IsMultilingual = tokenizer is null ? null : config.IsMultilingual,
            MaxLength = config.MaxTargetPositions,
        };
        return (tokenizer, generation, new LogMelSettings(config.NumMelBins) { Filters = file.MelFilters });
    }

    static (WhisperTokenizer?, WhisperGenerationConfig, FeatureSettings) OfCTranslate2(WhisperConfig config, ModelFolder folder)
    {
        var tokenizer = WhisperTokenizer.LoadIfPresent(folder.Path, config.VocabSize)
            ?? TokenizerFiles.ReadWordList(folder.Path, config.VocabSize);
        using var settings = folder.OpenIfPresent(ModelFolder.ConfigName);
        var generation = new WhisperGenerationConfig
        {
            Source = folder.ConfigPath,
            AlignmentHeads = settings is null
                ? WhisperAlignmentHeads.For(config)
                : WhisperGenerationConfig.ReadAlignmentHeads(settings, config) ?? WhisperAlignmentHeads.For(config),
            SuppressTokens = settings is null ? null : WhisperGenerationConfig.ReadSuppressed(settings, config, "suppress_ids"),
            BeginSuppressTokens = settings?.OptionalIntegers("suppress_ids_begin", 0, config.VocabSize - 1),
            MaxLength = config.MaxTargetPositions,
        };
        RequireLanguages(settings, tokenizer, config);
        return (tokenizer, generation, PreprocessorConfig.Load(folder, config.NumMelBins, 2 * config.MaxSourcePositions).Features);
    }

    static void RequireLanguages(SettingsFile? settings, WhisperTokenizer? tokenizer, WhisperConfig config)
    {
        if (tokenizer is null || settings?.OptionalIntegers("lang_ids", 0, config.VocabSize - 1) is not { } languages) return;
        foreach (int token in languages)
        {
            if (tokenizer.LanguageOf(token) is null)
                throw settings.Wrong("lang_ids", "tokens of languages, as the tokenizer has them", $"{token}");
        }
    }

    /// <summary>ggml-large-v2-q5_0.bin is large-v2: what its files leave out is known by that name.</summary>
    static string PublishedName(string name) => Decoration().Replace(name, "");

    [GeneratedRegex(@"^(for-tests-)?ggml-|^faster-whisper-|(-(q\d(_\w+)?|f16|f32))?(\.bin)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Decoration();
}
