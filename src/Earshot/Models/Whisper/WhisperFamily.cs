using Earshot.Checkpoints;
using Earshot.Compute.Parts;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>Whisper and its distillations.</summary>
public sealed class WhisperFamily : ModelFamily
{
    public const string ModelType = "whisper";

    // Tokens of a multilingual vocabulary that are no languages: 51,865 with 99 of them.
    const int LanguagesBelow = 51_766;

    public override IReadOnlyList<string> ModelTypes { get; } = [ModelType];

    public override IReadOnlyDictionary<string, Func<SpeechModel>> Shapes { get; } =
        WhisperShapes.Names.ToDictionary(
            name => name, name => new Func<SpeechModel>(() => OfShape(WhisperShapes.Named(name))), StringComparer.OrdinalIgnoreCase);

    public override SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.IsWhisperContainer) return WhisperContainers.Open(folder);
        var config = WhisperConfig.Load(folder.Path);
        var preprocessor = PreprocessorConfig.Load(folder, config.NumMelBins, 2 * config.MaxSourcePositions);
        var generation = WhisperGenerationConfig.Load(folder.Path, config);
        var tokenizer = WhisperTokenizer.LoadIfPresent(folder.Path, config.VocabSize);
        RequireFit(tokenizer, config, generation, folder);
        return Describe(config, generation, folder.Name) with { Tokenizer = tokenizer, Features = preprocessor.Features };
    }

    /// <summary>A model of some sizes, without a folder: it has no tokenizer.</summary>
    public static SpeechModel OfShape(WhisperConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Describe(config, WhisperShapes.GenerationFor(config), config.NameOrPath ?? "Whisper") with
        {
            Files = new Dictionary<string, string> { [ModelFolder.ConfigName] = config.ToJson(ModelType) },
        };
    }

    /// <exception cref="CheckpointException">The tokenizer is another model's.</exception>
    internal static void RequireFit(
        WhisperTokenizer? tokenizer, WhisperConfig config, WhisperGenerationConfig generation, ModelFolder folder)
    {
        if (tokenizer is null) return;
        if (tokenizer.VocabSize > config.VocabSize)
            throw new CheckpointException(
                $"The tokenizer in '{folder.Path}' has {tokenizer.VocabSize} tokens, the model beside it only " +
                $"{config.VocabSize}. The files belong to different models: download all of them again.");
        generation.RequireFit(tokenizer);
    }

    internal static SpeechModel Describe(WhisperConfig config, WhisperGenerationConfig generation, string name) => new()
    {
        Info = new ModelInfo
        {
            Name = name,
            Type = ModelType,
            Sizes =
            [
                ("width", config.DModel), ("encoder layers", config.EncoderLayers), ("decoder layers", config.DecoderLayers),
                ("heads", config.EncoderAttentionHeads), ("mel bins", config.NumMelBins), ("vocabulary", config.VocabSize),
                ("audio positions", config.MaxSourcePositions), ("text positions", config.MaxTargetPositions),
            ],
            Languages = config.IsMultilingual ? [.. WhisperLanguages.Codes.Take(config.VocabSize - LanguagesBelow)] : ["en"],
        },
        Parts = new ModelParts
        {
            Encoder = new WhisperAudioEncoder(config),
            Decoder = new WhisperTextDecoder(config, generation.AlignmentHeads),
            IsCoarseInInt8 = IsCoarseInInt8,
        },
        Features = new LogMelSettings(config.NumMelBins),
        Prompt = new WhisperPrompt(config, generation),
    };

    // The encoder's fc2 matrices: their inputs have a few large values, for which int8 with one scale a tensor is coarse. Keeping them in
    // float32 halves the error (of tiny.en's encoder output from 7.3 % to 3.6 %) and gives back a quarter of the time that int8 saves.
    static bool IsCoarseInInt8(string name) =>
        name.Contains("encoder.layers.", StringComparison.Ordinal) && name.EndsWith(".fc2.weight", StringComparison.Ordinal);
}

/// <summary>What decoding with a Whisper has to know: its sizes, and the rules of its generation.</summary>
public sealed record WhisperPrompt(WhisperConfig Config, WhisperGenerationConfig Generation) : PromptFormat;
