using System.Diagnostics.CodeAnalysis;

namespace Earshot.Checkpoints;

/// <summary>
/// Models by local folder, by name on the Hugging Face hub (<c>openai/whisper-tiny</c>, <c>openai/whisper-tiny@main</c>) or by a short name
/// (<c>base</c> is the model in the box, <c>turbo</c> one of the hub), in the same cache as Hugging Face's own client. A model that is a
/// file (GGUF, <c>ggml-*.bin</c>) is named by its path, or as <c>owner/repo:Q4_K_M</c>, and found in the folders of Ollama, LM Studio and
/// llama.cpp too. What is here is used as it is, without asking the network.
/// </summary>
public sealed class ModelHub : IDisposable
{
    readonly HubOptions _options;
    readonly HubCache _cache;
    readonly LocalModels _local;
    readonly HubClient _client;

    /// <param name="options">By default, those of the environment.</param>
    public ModelHub(HubOptions? options = null)
    {
        _options = options ?? HubOptions.FromEnvironment();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.Parallelism, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Retries, nameof(options));
        _cache = new HubCache(_options.CacheFolder);
        _local = new LocalModels(_options);
        _client = new HubClient(_options);
    }

    /// <summary>
    /// The folder of a model, or its file: the given one, that in the box, that in the cache, or another program's. Nothing is downloaded.
    /// </summary>
    /// <exception cref="CheckpointException">There is no such folder, and no such model in the box or in the cache.</exception>
    public string Resolve(string nameOrFolder) => TryResolve(nameOrFolder) ?? throw NotHere(nameOrFolder);

    /// <summary>As <see cref="Resolve"/>, but null where there is nothing.</summary>
    public string? TryResolve(string nameOrFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFolder);
        bool isShort = ModelNames.Short.Contains(nameOrFolder, StringComparer.OrdinalIgnoreCase);
        // A folder of results that happens to be called base or tiny is not meant.
        if (Directory.Exists(nameOrFolder) && (!isShort || HoldsModel(nameOrFolder))) return Path.GetFullPath(nameOrFolder);
        if (File.Exists(nameOrFolder)) return IsModelFile(nameOrFolder) ? Path.GetFullPath(nameOrFolder) : null;
        if (ModelNames.IsInBox(nameOrFolder)) return BundledModels.Find(BundledModels.WhisperBase);
        var (name, tag) = Parse(nameOrFolder);
        return (name is null ? null : _cache.Find(name, tag)) ?? _local.Find(nameOrFolder);
    }

    /// <summary>The folder of a model, downloaded first where it is neither a folder, nor in the box, nor cached.</summary>
    /// <exception cref="CheckpointException">There is no such model, access is not granted, the network or the disk fails; the message says
    /// what to do.</exception>
    public async Task<string> GetAsync(
        string nameOrFolder, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (TryResolve(nameOrFolder) is { } folder) return folder;
        if (_options.Offline || !CanDownload(nameOrFolder, out var model)) throw NotHere(nameOrFolder);
        return await DownloadAsync(model, Parse(nameOrFolder).Tag, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Brings the newest commit of a model's revision into the cache; files that are there already are not downloaded again.
    /// </summary>
    /// <exception cref="CheckpointException">As for <see cref="GetAsync"/>.</exception>
    public async Task<string> UpdateAsync(
        string name, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_options.Offline) throw new CheckpointException($"Cannot update '{name}': HF_HUB_OFFLINE is set. Unset it to use the network.");
        return await DownloadAsync(
            CanDownload(name, out var model) ? model : throw NotHere(name), Parse(name).Tag, progress, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>The models in the cache, complete or not.</summary>
    public IReadOnlyList<CachedModel> ListCached() => _cache.List();

    /// <summary>
    /// The models in the box, those in the cache, those of other programs, and those of the hub that have a short name and are not here;
    /// the hub is not asked.
    /// </summary>
    public IReadOnlyList<ListedModel> List() => ModelList.Of(_cache.List(), _local);

    /// <summary>Whether a name is one that the hub could know: neither a path to a file, nor that of the model in the box.</summary>
    public static bool IsHubName(string name) => CanDownload(name, out _);

    /// <summary>Deletes a model from the cache (with <c>@revision</c>, only that revision) and gives the bytes freed.</summary>
    /// <exception cref="CheckpointException">The cache has no such model.</exception>
    public long Remove(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (ModelNames.IsInBox(name))
            throw new CheckpointException(
                $"'{name}' is the model in the box: it came with the program and is not in the cache at '{_cache.Root}', " +
                "which alone is removed from. (The hub's is openai/whisper-base.)");
        if (HubModelName.TryParse(ModelNames.Full(name)) is not { } model || !Directory.Exists(_cache.FolderOf(model))) throw NotHere(name);
        try
        {
            return _cache.Remove(model, wholeModel: !name.Contains('@', StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot remove '{name}' from the cache at '{_cache.Root}': {e.Message}", e);
        }
    }

    public void Dispose() => _client.Dispose();

    async Task<string> DownloadAsync(
        HubModelName model, string? tag, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var listing = await _client.ListAsync(model, cancellationToken).ConfigureAwait(false);
        var (files, first) = HubSelection.Of(listing.Files, model, tag);
        var download = new HubDownload(_client, _options, _cache, model);
        await download.RequireSpaceAsync(listing.Commit, [.. files.Where(IsWeights)], cancellationToken).ConfigureAwait(false);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.Parallelism, CancellationToken = cancellationToken };
        // Weights after all else: a commit that is asked for by its hash has no reference to wait for, and counts as whole with its
        // weights.
        foreach (var part in files.GroupBy(IsWeights).OrderBy(part => part.Key))
        {
            await Parallel.ForEachAsync(part, parallel, async (file, token) =>
                await download.RunAsync(listing.Commit, file, progress, token).ConfigureAwait(false)).ConfigureAwait(false);
        }
        // Last, so that a revision is found in the cache only when all its files are there.
        _cache.WriteRef(model, listing.Commit);
        var snapshot = _cache.SnapshotOf(model, listing.Commit);
        return first is null ? snapshot : Path.Combine(snapshot, first);
    }

    static bool IsWeights(string file) => Path.GetExtension(file).ToUpperInvariant() is ".SAFETENSORS" or ".BIN" or ".GGUF" or ".NEMO"
        && Path.GetFileName(file) != ModelFolder.VocabularyName;

    static bool IsModelFile(string path) => ForeignWeights.ContainerOf(path) != ModelContainer.HuggingFace;

    /// <summary>The hub's name of a model, and what names one of its files; no name where it is none.</summary>
    static (HubModelName? Name, string? Tag) Parse(string text)
    {
        var (name, tag) = TaggedName.Parse(text);
        // Only names with an owner have tags on the hub: others are Ollama's.
        if (tag is not null && !name.Contains('/', StringComparison.Ordinal)) return (null, tag);
        return (HubModelName.TryParse(ModelNames.Full(name)), tag);
    }

    static bool HoldsModel(string folder) =>
        Directory.EnumerateFiles(folder).Any(
            file => Path.GetFileName(file) == ModelFolder.ConfigName
                || Path.GetExtension(file) is ".safetensors" or ".bin" or ".onnx" or ".nemo");

    static bool CanDownload(string name, [NotNullWhen(true)] out HubModelName? model)
    {
        model = ModelNames.IsInBox(name) || File.Exists(name) ? null : Parse(name).Name;
        return model is not null;
    }

    CheckpointException NotHere(string name)
    {
        if (ModelNames.IsInBox(name)) return BundledModels.NotHere(BundledModels.WhisperBase);
        if (File.Exists(name)) return ForeignWeights.OfFile(name);
        name = ModelNames.Full(name);
        if (TaggedName.Parse(name).Tag is not null && !name.Contains('/', StringComparison.Ordinal))
            return new CheckpointException(
                $"'{name}' is neither a folder nor a model that Ollama has downloaded (looked in: " +
                $"{string.Join(", ", _options.OllamaFolders)}). Run `ollama pull {name}`, or name a model of the hub as owner/repo:QUANT.");
        if (Parse(name).Name is null)
            return new CheckpointException(
                $"'{name}' is neither a folder nor a model's name. Give a folder that holds a model, " +
                "or a name such as openai/whisper-large-v3-turbo.");
        var cached = _cache.List().Where(m => m.IsComplete).Select(m => m.Name).ToList();
        var offline = _options.Offline ? "and HF_HUB_OFFLINE is set: unset it to download the model" : "download it first";
        return new CheckpointException(
            $"'{name}' is neither a folder nor a model in the cache at '{_cache.Root}', " +
            $"which has {(cached.Count == 0 ? "none" : string.Join(", ", cached))}; {offline}, or give a folder that holds a model.");
    }
}
