namespace Earshot.Checkpoints;

/// <summary>
/// Where models come from and where they are kept; by default as the environment variables of Hugging Face's own client say, so that both
/// share one cache.
/// </summary>
public sealed record HubOptions
{
    // Where its service on Linux keeps them.
    static readonly string[] s_ollamaOfTheSystem = OperatingSystem.IsLinux() ? ["/usr/share/ollama/.ollama/models"] : [];

    /// <summary>The folder that holds <c>models--…</c> folders.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Ollama's folders of models, in which downloaded ones are looked for; none unless given.</summary>
    public IReadOnlyList<string> OllamaFolders { get; init; } = [];

    /// <summary>LM Studio's folders of models, in which downloaded ones are looked for; none unless given.</summary>
    public IReadOnlyList<string> LmStudioFolders { get; init; } = [];

    /// <summary>llama.cpp's caches, in which downloaded ones are looked for; none unless given.</summary>
    public IReadOnlyList<string> LlamaCppFolders { get; init; } = [];

    /// <summary>The hub's address.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The access token for gated and private models; sent to <see cref="Endpoint"/> only, and never written anywhere.</summary>
    public string? Token { get; init; }

    /// <summary>Whether to use cached models only.</summary>
    public bool Offline { get; init; }

    /// <summary>How many files are downloaded at once.</summary>
    public int Parallelism { get; init; } = 4;

    /// <summary>How often a download that makes no progress is tried again.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>The wait before the first retry; it doubles each time.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the hub may take to answer at all, tries again included; once it has answered, <see cref="Retries"/> and
    /// <see cref="StallTimeout"/> count.
    /// </summary>
    public TimeSpan ContactTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>What waits and limits are measured by.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Free bytes of the disk that a path is on; null where the system does not tell.</summary>
    internal Func<string, long?> FreeSpace { get; init; } = path =>
    {
        try
        {
            return new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            // A network share, say; writing tells.
            return null;
        }
    };

    /// <summary>How long a server may stay silent before the connection counts as broken.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The options that the environment gives: HF_HOME, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, XDG_CACHE_HOME, HF_ENDPOINT, HF_TOKEN,
    /// HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE; for other programs' models OLLAMA_MODELS and LLAMA_CACHE.
    /// </summary>
    /// <exception cref="CheckpointException">HF_ENDPOINT is not a web address.</exception>
    public static HubOptions FromEnvironment() =>
        FromVariables(Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));

    internal static HubOptions FromVariables(Func<string, string?> variable, string userFolder)
    {
        string? Value(params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                if (variable(name)?.Trim() is { Length: > 0 } value) return value;
            }
            return null;
        }

        string Expand(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? userFolder + path[1..] : path;

        var home = Expand(Value("HF_HOME") ?? Path.Combine(Value("XDG_CACHE_HOME") ?? Path.Combine(userFolder, ".cache"), "huggingface"));
        var caches = Value("XDG_CACHE_HOME") ?? Path.Combine(userFolder, OperatingSystem.IsMacOS() ? "Library/Caches" : ".cache");
        if (OperatingSystem.IsWindows() && Value("LOCALAPPDATA") is { } local) caches = local;
        return new HubOptions
        {
            OllamaFolders = Value("OLLAMA_MODELS") is { } ollama
                ? [Expand(ollama)]
                : [Path.Combine(userFolder, ".ollama", "models"), .. s_ollamaOfTheSystem],
            LmStudioFolders =
                [Path.Combine(userFolder, ".lmstudio", "models"), Path.Combine(userFolder, ".cache", "lm-studio", "models")],
            LlamaCppFolders = [Expand(Value("LLAMA_CACHE") ?? Path.Combine(caches, "llama.cpp"))],
            CacheFolder = Path.GetFullPath(Expand(Value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"))),
            Endpoint = ParseEndpoint(Value("HF_ENDPOINT") ?? "https://huggingface.co"),
            Token = Value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? ReadToken(Expand(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token"))),
            Offline = Value("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };
    }

    /// <summary>All options but the token's text.</summary>
    public override string ToString() =>
        $"{nameof(HubOptions)} {{ CacheFolder = {CacheFolder}, Endpoint = {Endpoint}, " +
        $"Token = {(Token is null ? "none" : "given")}, Offline = {Offline} }}";

    static Uri ParseEndpoint(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "http" or "https"
            ? endpoint
            : throw new CheckpointException($"HF_ENDPOINT is '{text}'; expected a web address such as https://huggingface.co.");

    static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Public models need no token; those that do say so when asked for.
            return null;
        }
    }
}
