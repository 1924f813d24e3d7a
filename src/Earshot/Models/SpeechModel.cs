using Earshot.Compute;
using Earshot.Compute.Parts;
using Earshot.Features;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>What a model is, without its weights: read from a folder, or known by its name.</summary>
public sealed record SpeechModel
{
    public required ModelInfo Info { get; init; }

    /// <summary>What it is made of.</summary>
    public required ModelParts Parts { get; init; }

    /// <summary>How sound becomes the encoder's input; null where it hears nothing.</summary>
    public FeatureSettings? Features { get; init; }

    /// <summary>Text as tokens and back; null where the folder had none, or the model writes nothing.</summary>
    public Tokenizer? Tokenizer { get; init; }

    /// <summary>What a prompt looks like and what decoding has to know beside the parts; null where parts say it all.</summary>
    public PromptFormat? Prompt { get; init; }

    /// <summary>The languages that it changes between as it runs; null where its weights are for all that it knows.</summary>
    public LanguageAdapters? Adapters { get; init; }

    /// <summary>
    /// A checkpoint's tensors as the parts read them: norms folded into weights, filters computed from their parameters; null where they
    /// are read as they are.
    /// </summary>
    public Func<ITensorStore, ITensorStore>? PrepareWeights { get; init; }

    /// <summary>
    /// Texts of the files that a folder with this model has beside its weights, by their names: of a model that was never in a folder, so
    /// that one can be made of it.
    /// </summary>
    public IReadOnlyDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();

    /// <summary>The tensors that the parts read, made of a checkpoint's.</summary>
    public ITensorStore Prepare(ITensorStore checkpoint) => PrepareWeights?.Invoke(checkpoint) ?? checkpoint;

    /// <summary>The tokenizer, of a model that must have one.</summary>
    /// <exception cref="CheckpointException">Its folder had none.</exception>
    public Tokenizer RequireTokenizer() =>
        Tokenizer ?? throw new CheckpointException(
            $"'{Info.Name}' has no tokenizer beside its weights, so nothing can be written with it. Download the model again.");
}

/// <summary>What people are told of a model.</summary>
public sealed record ModelInfo
{
    /// <summary>Its name or folder.</summary>
    public required string Name { get; init; }

    /// <summary>Its kind, as <c>model_type</c> in <c>config.json</c> names it.</summary>
    public required string Type { get; init; }

    /// <summary>Its sizes by their names, in the order in which they are told.</summary>
    public IReadOnlyList<(string Name, long Value)> Sizes { get; init; } = [];

    /// <summary>The codes of the languages that it was trained on; empty where that is not known.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];
}

/// <summary>What a family's decoding has to know beside the parts, such as its special tokens and rules.</summary>
public abstract record PromptFormat;
