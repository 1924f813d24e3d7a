using System.Text.RegularExpressions;
using Earshot.Tokenizers;

namespace Earshot.Checkpoints;

/// <summary>
/// Models by local folder or by name on the Hugging Face hub (<c>openai/whisper-tiny</c>, <c>openai/whisper-tiny@main</c>), in the same cache
/// as Hugging Face's own client. What is cached is used as it is, without asking the network.
/// </summary>
public sealed partial class ModelHub : IDisposable
{
    static readonly HashSet<string> s_wanted = new(StringComparer.Ordinal)
    {
        WhisperConfig.FileName, GenerationConfig.FileName, PreprocessorConfig.FileName,
        VocabularyFile.FileName, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "added_tokens.json", "normalizer.json",
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

    /// <summary>The folder of a model: the given one, or that in the cache. Nothing is downloaded.</summary>
    /// <exception cref="CheckpointException">There is no such folder, and no such model in the cache.</exception>
    public string Resolve(string nameOrFolder) => TryResolve(nameOrFolder) ?? throw NotCached(nameOrFolder);

    /// <summary>As <see cref="Resolve"/>, but null where there is nothing.</summary>
    public string? TryResolve(string nameOrFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFolder);
        if (Directory.Exists(nameOrFolder)) return Path.GetFullPath(nameOrFolder);
        return HubModelName.TryParse(nameOrFolder) is { } model ? _cache.Find(model) : null;
    }

    /// <summary>The folder of a model, downloaded first where it is neither a folder nor cached.</summary>
    /// <exception cref="CheckpointException">There is no such model, access is not granted, the network or the disk fails; the message says what to do.</exception>
    public async Task<string> GetAsync(string nameOrFolder, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (TryResolve(nameOrFolder) is { } folder) return folder;
        if (_options.Offline || HubModelName.TryParse(nameOrFolder) is not { } model) throw NotCached(nameOrFolder);
        return await DownloadAsync(model, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Brings the newest commit of a model's revision into the cache; files that are there already are not downloaded again.</summary>
    /// <exception cref="CheckpointException">As for <see cref="GetAsync"/>.</exception>
    public async Task<string> UpdateAsync(string name, IProgress<DownloadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_options.Offline) throw new CheckpointException($"Cannot update '{name}': HF_HUB_OFFLINE is set. Unset it to use the network.");
        return await DownloadAsync(HubModelName.TryParse(name) ?? throw NotCached(name), progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The models in the cache, complete or not.</summary>
    public IReadOnlyList<CachedModel> ListCached() => _cache.List();

    /// <summary>Deletes a model from the cache (with <c>@revision</c>, only that revision) and gives the bytes freed.</summary>
    /// <exception cref="CheckpointException">The cache has no such model.</exception>
    public long Remove(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (HubModelName.TryParse(name) is not { } model || !Directory.Exists(_cache.FolderOf(model))) throw NotCached(name);
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
        await Parallel.ForEachAsync(files, parallel, async (file, token) =>
            await download.RunAsync(listing.Commit, file, progress, token).ConfigureAwait(false)).ConfigureAwait(false);
        // Last, so that a revision is found in the cache only when all its files are there.
        _cache.WriteRef(model, listing.Commit);
        return _cache.SnapshotOf(model, listing.Commit);
    }

    /// <summary>Settings, tokenizer and safetensors weights; other formats of the same weights stay where they are.</summary>
    static List<string> Select(IReadOnlyList<string> files, HubModelName model)
    {
        var selected = files.Where(s_wanted.Contains).ToList();
        if (!selected.Contains(WhisperConfig.FileName))
            throw new CheckpointException($"'{model}' has no '{WhisperConfig.FileName}', so it is not a model in Hugging Face format. Choose one that is, such as openai/whisper-large-v3-turbo.");
        if (files.Contains(SafetensorsCheckpoint.FileName)) return [.. selected, SafetensorsCheckpoint.FileName];
        if (files.Contains(SafetensorsCheckpoint.IndexName)) return [.. selected, SafetensorsCheckpoint.IndexName, .. files.Where(f => ShardName().IsMatch(f))];
        throw new CheckpointException($"'{model}' has no safetensors weights{(files.Contains("pytorch_model.bin") ? ", only Python pickles, which can run any code and are never opened here" : "")}. Choose a revision or a model with '{SafetensorsCheckpoint.FileName}', or convert it: in Python, `model.save_pretrained(folder, safe_serialization=True)`.");
    }

    CheckpointException NotCached(string name)
    {
        if (HubModelName.TryParse(name) is null)
            return new CheckpointException($"'{name}' is neither a folder nor a model's name. Give a folder that holds a model, or a name such as openai/whisper-large-v3-turbo.");
        var cached = _cache.List().Where(m => m.IsComplete).Select(m => m.Name).ToList();
        var offline = _options.Offline ? "and HF_HUB_OFFLINE is set: unset it to download the model" : "download it first";
        return new CheckpointException($"'{name}' is neither a folder nor a model in the cache at '{_cache.Root}', which has {(cached.Count == 0 ? "none" : string.Join(", ", cached))}; {offline}, or give a folder that holds a model.");
    }

    [GeneratedRegex(@"^model-\d{5}-of-\d{5}\.safetensors\z")]
    private static partial Regex ShardName();
}
