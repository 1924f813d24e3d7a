namespace Earshot.Checkpoints;

/// <summary>Where a model is.</summary>
public enum ModelPlace
{
    /// <summary>In the box: it came with the program.</summary>
    Box,

    /// <summary>In the cache: downloaded, wholly or in part.</summary>
    Cache,

    /// <summary>On the hub, from where it can be downloaded.</summary>
    Hub,

    /// <summary>Downloaded by Ollama.</summary>
    Ollama,

    /// <summary>Downloaded by LM Studio.</summary>
    LmStudio,

    /// <summary>In llama.cpp's cache.</summary>
    LlamaCpp,
}

/// <summary>A model that can be used here, or be downloaded by a short name.</summary>
public sealed record ListedModel
{
    /// <summary>What it is opened by; for the box's models that are no recognisers, their folder's name.</summary>
    public required string Name { get; init; }

    /// <summary>Other names for it.</summary>
    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public required ModelPlace Where { get; init; }

    /// <summary>What it does.</summary>
    public required string Purpose { get; init; }

    /// <summary>Whether all that it needs is here.</summary>
    public bool IsComplete { get; init; }

    /// <summary>What it takes on disk or, on the hub, about what is to be downloaded; null where that is not known.</summary>
    public long? Bytes { get; init; }

    /// <summary>Its folder here, or its file where it is one; null on the hub.</summary>
    public string? Folder { get; init; }

    /// <summary>The branches, tags or commits in the cache.</summary>
    public IReadOnlyList<string> Revisions { get; init; } = [];
}

/// <summary>Models in the box, in the cache, and those of the hub that have short names.</summary>
static class ModelList
{
    public const string Recognition = "speech recognition";

    static readonly Dictionary<string, string> s_purposes = new(StringComparer.Ordinal)
    {
        [BundledModels.WhisperBase] = Recognition,
        [BundledModels.SileroVad] = "voice activity detection",
        [BundledModels.SmartTurn] = "end of turn",
        [BundledModels.SpeakerSegmentation] = "speaker segmentation",
        [BundledModels.SpeakerEmbedding] = "speaker embedding",
    };

    public static IReadOnlyList<ListedModel> Of(IReadOnlyList<CachedModel> cached, LocalModels local)
    {
        var here = cached.Select(model => model.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. BundledModels.List().Select(InBox).OrderBy(model => model.Name != ModelNames.Base),
            .. cached.Select(InCache),
            .. local.List(),
            .. ModelNames.Hub.Where(model => !here.Contains(model.Id)).Select(model =>
                new ListedModel
                {
                    Name = model.Id,
                    ShortNames = model.ShortNames,
                    Where = ModelPlace.Hub,
                    Purpose = Recognition,
                    Bytes = model.Bytes,
                }),
        ];
    }

    static ListedModel InBox(string folder)
    {
        var name = Path.GetFileName(folder);
        var files = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).ToList();
        return new ListedModel
        {
            Name = ModelNames.IsInBox(name) ? ModelNames.Base : name,
            Where = ModelPlace.Box,
            Purpose = s_purposes.GetValueOrDefault(name, "other"),
            IsComplete = files.Count > 0,
            Bytes = files.Sum(file => file.Length),
            Folder = folder,
        };
    }

    static ListedModel InCache(CachedModel model) => new()
    {
        Name = model.Name,
        ShortNames = ModelNames.Hub.FirstOrDefault(known => known.Id == model.Name)?.ShortNames ?? [],
        Where = ModelPlace.Cache,
        Purpose = model.HoldsGguf ? LocalModels.LanguageModel : Recognition,
        IsComplete = model.IsComplete,
        Bytes = model.Bytes,
        Folder = model.Folder,
        Revisions = model.Revisions,
    };
}
