using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Earshot.Checkpoints;

/// <summary>
/// Models by local folder, by name on the Hugging Face hub (<c>openai/whisper-tiny</c>, <c>openai/whisper-tiny@main</c>) or by a short name
/// (<c>base</c> is the model in the box, <c>turbo</c> one of the hub), in the same cache as Hugging Face's own client. What is cached is
/// used as it is, without asking the network.
/// </summary>
public sealed partial class ModelHub : IDisposable
{
    static readonly HashSet<string> s_wanted = new(StringComparer.Ordinal)
    {
        ModelFolder.ConfigName, "generation_config.json", PreprocessorConfig.FileName,
        ModelFolder.VocabularyName, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
        "added_tokens.json", "normalizer.json",
    };

    readonly HubOptions _options;
    readonly HubCache _cache;
    readonly HubClient _client;

    /// <param name="options">By default, those of the environment.</param>
    public ModelHub(HubOptions? options = null)
    {
        _options = options ?? HubOptions.FromEnvironment();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.Parallelism, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Retries, nameof(options));
        _cache = new HubCache(_options.CacheFolder);
        _client = new HubClient(_options);
    }

    /// <summary>The folder of a model: the given one, that in the box, or that in the cache. Nothing is downloaded.</summary>
    /// <exception cref="CheckpointException">There is no such folder, and no such model in the box or in the cache.</exception>
    public string Resolve(string nameOrFolder) => TryResolve(nameOrFolder) ?? throw NotHere(nameOrFolder);

    /// <summary>As <see cref="Resolve"/>, but null where there is nothing.</summary>
    public string? TryResolve(string nameOrFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFolder);
        bool isShort = ModelNames.Short.Contains(nameOrFolder, StringComparer.OrdinalIgnoreCase);
        // A folder of results that happens to be called base or tiny is not meant.
        if (Directory.Exists(nameOrFolder) && (!isShort || HoldsModel(nameOrFolder))) return Path.GetFullPath(nameOrFolder);
        if (ModelNames.IsInBox(nameOrFolder)) return BundledModels.Find(BundledModels.WhisperBase);
        return HubModelName.TryParse(ModelNames.Full(nameOrFolder)) is { } model ? _cache.Find(model) : null;
    }

    /// <summary>The folder of a model, downloaded first where it is neither a folder, nor in the box, nor cached.</summary>
    /// <exception cref="CheckpointException">There is no such model, access is not granted, the network or the disk fails; the message says
    /// what to do.</exception>
    public async Task<string> GetAsync(
        string nameOrFolder, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (TryResolve(nameOrFolder) is { } folder) return folder;
        if (_options.Offline || !CanDownload(nameOrFolder, out var model)) throw NotHere(nameOrFolder);
        return await DownloadAsync(model, progress, cancellationToken).ConfigureAwait(false);
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
        return await DownloadAsync(CanDownload(name, out var model) ? model : throw NotHere(name), progress, cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>The models in the cache, complete or not.</summary>
    public IReadOnlyList<CachedModel> ListCached() => _cache.List();

    /// <summary>
    /// The models in the box, those in the cache, and those of the hub that have a short name and are not here; the hub is not asked.
    /// </summary>
    public IReadOnlyList<ListedModel> List() => ModelList.Of(_cache.List());

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

    async Task<string> DownloadAsync(HubModelName model, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        var listing = await _client.ListAsync(model, cancellationToken).ConfigureAwait(false);
        var files = Select(listing.Files, model);
        var download = new HubDownload(_client, _options, _cache, model);
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
        return _cache.SnapshotOf(model, listing.Commit);
    }

    /// <summary>Settings, tokenizer and safetensors weights; other formats of the same weights stay where they are.</summary>
    static List<string> Select(IReadOnlyList<string> files, HubModelName model)
    {
        var selected = files.Where(s_wanted.Contains).ToList();
        if (!selected.Contains(ModelFolder.ConfigName))
            throw new CheckpointException(
                $"'{model}' has no '{ModelFolder.ConfigName}'{ForeignWeights.Among(files)}, so it is not a model in Hugging Face format. " +
                "Choose one that is, such as openai/whisper-large-v3-turbo.");
        if (files.Contains(SafetensorsCheckpoint.FileName)) return [.. selected, SafetensorsCheckpoint.FileName];
        if (files.Contains(SafetensorsCheckpoint.IndexName))
            return [.. selected, SafetensorsCheckpoint.IndexName, .. files.Where(f => ShardName().IsMatch(f))];
        throw new CheckpointException(
            $"'{model}' has no safetensors weights{ForeignWeights.Among(files)}. Choose a revision or a model with " +
            $"'{SafetensorsCheckpoint.FileName}', or convert it: in Python, `model.save_pretrained(folder, safe_serialization=True)`.");
    }

    static bool IsWeights(string file) => file.EndsWith(".safetensors", StringComparison.Ordinal);

    static bool HoldsModel(string folder) =>
        Directory.EnumerateFiles(folder).Any(
            file => Path.GetFileName(file) == ModelFolder.ConfigName || Path.GetExtension(file) is ".safetensors" or ".bin" or ".onnx");

    static bool CanDownload(string name, [NotNullWhen(true)] out HubModelName? model)
    {
        model = ModelNames.IsInBox(name) || File.Exists(name) ? null : HubModelName.TryParse(ModelNames.Full(name));
        return model is not null;
    }

    CheckpointException NotHere(string name)
    {
        if (ModelNames.IsInBox(name)) return BundledModels.NotHere(BundledModels.WhisperBase);
        if (File.Exists(name)) return ForeignWeights.OfFile(name);
        name = ModelNames.Full(name);
        if (HubModelName.TryParse(name) is null)
            return new CheckpointException(
                $"'{name}' is neither a folder nor a model's name. Give a folder that holds a model, " +
                "or a name such as openai/whisper-large-v3-turbo.");
        var cached = _cache.List().Where(m => m.IsComplete).Select(m => m.Name).ToList();
        var offline = _options.Offline ? "and HF_HUB_OFFLINE is set: unset it to download the model" : "download it first";
        return new CheckpointException(
            $"'{name}' is neither a folder nor a model in the cache at '{_cache.Root}', " +
            $"which has {(cached.Count == 0 ? "none" : string.Join(", ", cached))}; {offline}, or give a folder that holds a model.");
    }

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors\z")]
    private static partial Regex ShardName();
}
