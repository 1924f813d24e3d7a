using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>All kinds of model that can be opened.</summary>
public static class ModelFamilies
{
    static readonly Lock s_adding = new();

    // One line each.
    static IReadOnlyList<ModelFamily> s_all =
    [
        new WhisperFamily(),
        new Wav2Vec2Family(),
        new ConformerFamily(),
        new CamPlusFamily(),
        new PyannoteSegmentationFamily(),
        new HifiGanFamily(),
        new CausalLmFamily(),
        new SmartTurnFamily(),
    ];

    /// <summary>The families that are known.</summary>
    public static IReadOnlyList<ModelFamily> All => s_all;

    /// <summary>The names of all published sizes that are known.</summary>
    public static IReadOnlyList<string> ShapeNames => [.. All.SelectMany(family => family.Shapes.Keys)];

    /// <summary>Makes a family of an application's own known, for the whole process.</summary>
    /// <exception cref="ArgumentException">Another family opens one of its kinds.</exception>
    public static void Add(ModelFamily family)
    {
        ArgumentNullException.ThrowIfNull(family);
        lock (s_adding)
        {
            if (family.ModelTypes.FirstOrDefault(type => s_all.Any(known => known.ModelTypes.Contains(type))) is { } taken)
                throw new ArgumentException($"Models of type '{taken}' are opened by another family already.", nameof(family));
            s_all = [.. s_all, family];
        }
    }

    /// <summary>Reads what a folder holds; no weight is read.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or files contradict each other.</exception>
    /// <exception cref="ModelException">The model is of a kind that is not supported.</exception>
    public static SpeechModel Open(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var type = folder.ModelType;
        var family = All.FirstOrDefault(known => known.ModelTypes.Contains(type))
            ?? throw new ModelException(
                $"'{folder.ConfigPath}' describes a model of type '{type}'; supported: " +
                $"{string.Join(", ", All.SelectMany(known => known.ModelTypes))}. Choose a model of one of these kinds, " +
                "such as openai/whisper-large-v3-turbo.");
        return family.Open(folder);
    }

    /// <summary>The same, and of a GGUF file, which holds a language model and nothing that hears.</summary>
    /// <inheritdoc cref="Open(ModelFolder)"/>
    public static SpeechModel OpenAny(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.Container == ModelContainer.Gguf ? CausalLmFamily.OpenGguf(folder.Path) : Open(folder);
    }

    /// <inheritdoc cref="Open(ModelFolder)"/>
    public static SpeechModel Open(string folder) => Open(new ModelFolder(folder));

    /// <summary>A published size by its name, without weights.</summary>
    /// <exception cref="ModelException">No model has that name.</exception>
    public static SpeechModel Named(string shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        foreach (var family in All)
        {
            if (family.Shapes.TryGetValue(shape, out var make)) return make();
        }
        throw new ModelException($"No model is called '{shape}'; the known shapes are {string.Join(", ", ShapeNames)}.");
    }
}
