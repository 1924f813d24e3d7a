namespace Earshot.Checkpoints;

/// <summary>
/// Models that other programs have downloaded: LM Studio's folders (<c>owner/repo/file.gguf</c>), llama.cpp's cache
/// (<c>owner_repo_file.gguf</c>), and Ollama's. Read, and never written.
/// </summary>
sealed class LocalModels(HubOptions options)
{
    public const string LanguageModel = "language model";

    readonly OllamaModels _ollama = new(options.OllamaFolders);

    /// <summary>
    /// The file of a model by the name that its program has for it, by <c>owner/repo:QUANT</c>, or by the file's own name; null where none
    /// of them has it.
    /// </summary>
    /// <exception cref="CheckpointException">The name fits several files, or what it names is damaged.</exception>
    public string? Find(string text)
    {
        var (name, tag) = TaggedName.Parse(text);
        var parts = name.Split('/');
        if (parts is [var owner, var repository] && TaggedName.IsPlain(owner) && TaggedName.IsPlain(repository))
        {
            foreach (var root in options.LmStudioFolders)
            {
                var folder = Path.Combine(root, owner, repository);
                if (Directory.Exists(folder) && In(folder, "", name, tag) is { } found) return found;
            }
            foreach (var root in options.LlamaCppFolders.Where(Directory.Exists))
            {
                if (In(root, $"{owner}_{repository}_", name, tag) is { } found) return found;
            }
        }
        else if (parts is [var file] && TaggedName.IsPlain(file) && (HasEnding(file, ".gguf") || HasEnding(file, ".bin")))
        {
            foreach (var path in options.LlamaCppFolders.Concat(options.LmStudioFolders).Where(Directory.Exists).SelectMany(Files))
            {
                if (Path.GetFileName(path) == file) return path;
            }
        }
        return _ollama.Find(text);
    }

    /// <summary>All models of the other programs.</summary>
    public IEnumerable<ListedModel> List() =>
    [
        .. options.LmStudioFolders.Where(Directory.Exists).SelectMany(root => Listed(root, ModelPlace.LmStudio)),
        .. options.LlamaCppFolders.Where(Directory.Exists).SelectMany(root => Listed(root, ModelPlace.LlamaCpp)),
        .. _ollama.List(),
    ];

    /// <summary>The files below a folder, those of which the system lets us know.</summary>
    public static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(
        folder, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 5 })
        .Order(StringComparer.Ordinal);

    /// <summary>The models below a folder, by their paths from there.</summary>
    public static IReadOnlyList<ModelFile> ModelsIn(string folder) => ModelFileChoice.ModelsAmong(
        Files(folder).Select(path => (Path.GetRelativePath(folder, path).Replace('\\', '/'), (long?)LengthOf(path))));

    static string? In(string folder, string prefix, string name, string? tag)
    {
        var models = ModelsIn(folder).Where(model => model.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)).ToList();
        return models.Count == 0 ? null : Path.Combine(folder, ModelFileChoice.Pick(models, name, tag).Name);
    }

    static IEnumerable<ListedModel> Listed(string root, ModelPlace place) => ModelsIn(root).Select(model => new ListedModel
    {
        Name = model.Name.Split('/') is [var owner, var repository, .., _] ? $"{owner}/{repository}:{model.Stem}" : model.Name,
        Where = place,
        Purpose = HasEnding(model.Name, ".gguf") ? LanguageModel : ModelList.Recognition,
        IsComplete = true,
        Bytes = model.Bytes,
        Folder = Path.Combine(root, model.Name),
    });

    /// <summary>The length of what a link leads to.</summary>
    static long LengthOf(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true) is FileInfo { Exists: true } target
        ? target.Length
        : new FileInfo(path).Length;

    static bool HasEnding(string name, string ending) => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase);
}
