using System.Text;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>
/// The models that a <see cref="ModelRouter"/> chooses from, in order of preference, and how it listens for the language. A JSON file:
/// <c>docs/routing.md</c>.
/// </summary>
public sealed record RoutingTable
{
    /// <summary>The format that this version reads.</summary>
    public const string CurrentFormat = "earshot-routing-1";

    const int MostModels = 1000;

    static readonly string[] s_keys =
    [
        "format", "detector", "first_seconds", "most_seconds", "confidence", "among", "most_memory_mb", "most_real_time_factor", "groups",
        "models",
    ];

    static readonly string[] s_modelKeys =
    [
        "model", "languages", "translates", "word_timestamps", "streaming", "word_error_rates", "memory_mb", "real_time_factor", "download",
    ];

    /// <summary>The model that tells the language.</summary>
    public string Detector { get; init; } = ModelNames.Default;

    /// <summary>How much is listened to first.</summary>
    public TimeSpan FirstListening { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How much is listened to at most while the language is not sure.</summary>
    public TimeSpan MostListening { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The probability from which on a language is believed.</summary>
    public float Confidence { get; init; } = 0.6f;

    /// <summary>The languages that may be spoken, by code; empty for all that the detector knows.</summary>
    public IReadOnlyList<string> Among { get; init; } = [];

    /// <summary>The memory that a model may take, in bytes; null for any.</summary>
    public long? MostMemory { get; init; }

    /// <summary>Computing time over sound's that a model may take at most; null for any.</summary>
    public double? MostRealTimeFactor { get; init; }

    /// <summary>Names for several languages, such as <c>western</c>, with their codes.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Groups { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    public required IReadOnlyList<RoutedModel> Models { get; init; }

    /// <summary>
    /// Whisper from large to small, those that are here: the box has base. Word error rates of base are those of <c>eval/whisper-base</c>.
    /// </summary>
    public static RoutingTable Default { get; } = new()
    {
        MostRealTimeFactor = null,
        Models =
        [
            new("large-v3"), new("turbo"), new("large-v2"), new("medium"), new("small"),
            new(ModelNames.Base)
            {
                WordErrorRates = new Dictionary<string, double> { ["en"] = 6.85, ["de"] = 22.1, ["nl"] = 27.6 },
            },
        ],
    };

    /// <summary>Reads a table.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or says what cannot be; the message names the key.</exception>
    public static RoutingTable Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var settings = SettingsFile.OpenIfPresent(path)
            ?? throw new CheckpointException($"There is no routing table '{path}'. Check the path; docs/routing.md shows one.");
        return Read(settings);
    }

    /// <summary>Reads a table from its text; <paramref name="name"/> is what messages call it.</summary>
    /// <inheritdoc cref="Load"/>
    public static RoutingTable Parse(string json, string name)
    {
        ArgumentNullException.ThrowIfNull(json);
        using var settings = SettingsFile.Parse(name, Encoding.UTF8.GetBytes(json));
        return Read(settings);
    }

    static RoutingTable Read(SettingsFile settings)
    {
        settings.Only("format", $"\"{CurrentFormat}\"");
        RequireKnown(settings, s_keys);
        var groups = GroupsOf(settings);
        var defaults = new RoutingTable { Models = [] };
        if (!settings.Has("models")) throw settings.Wrong("models", "a list of models", "nothing");
        var models = settings.Array(settings.Root.GetProperty("models"), "models").ToList();
        if (models.Count is 0 or > MostModels) throw settings.Wrong("models", $"1 to {MostModels} models", $"{models.Count}");
        double first = Optional(settings, "first_seconds", 0.1, 30) ?? defaults.FirstListening.TotalSeconds;
        return new RoutingTable
        {
            Detector = settings.OptionalText("detector") ?? defaults.Detector,
            FirstListening = TimeSpan.FromSeconds(first),
            MostListening = TimeSpan.FromSeconds(Optional(settings, "most_seconds", first, 30) ?? defaults.MostListening.TotalSeconds),
            Confidence = (float)(Optional(settings, "confidence", 0, 1) ?? defaults.Confidence),
            Among = LanguagesOf(settings, "among", groups),
            MostMemory = Megabytes(settings, "most_memory_mb"),
            MostRealTimeFactor = Optional(settings, "most_real_time_factor", 1e-6, 1e6),
            Groups = groups,
            Models = [.. models.Select((model, i) => ModelOf(settings.AsSection(model, $"models[{i}]"), groups))],
        };
    }

    static RoutedModel ModelOf(SettingsFile settings, IReadOnlyDictionary<string, IReadOnlyList<string>> groups)
    {
        RequireKnown(settings, s_modelKeys);
        return new RoutedModel(settings.OptionalText("model") is { Length: > 0 } name
            ? name
            : throw settings.Wrong("model", "a model's folder or name", "nothing"))
        {
            Languages = LanguagesOf(settings, "languages", groups),
            Translates = OptionalFlag(settings, "translates"),
            WordTimestamps = OptionalFlag(settings, "word_timestamps"),
            Streaming = OptionalFlag(settings, "streaming"),
            WordErrorRates = RatesOf(settings),
            Memory = Megabytes(settings, "memory_mb"),
            RealTimeFactor = Optional(settings, "real_time_factor", 1e-6, 1e6),
            Download = settings.Flag("download", absent: false),
        };
    }

    static void RequireKnown(SettingsFile settings, string[] known)
    {
        foreach (var property in settings.Root.EnumerateObject())
            if (!known.Contains(property.Name))
                throw settings.Wrong(property.Name, $"one of the keys {string.Join(", ", known)}", "a key of this name");
    }

    static Dictionary<string, IReadOnlyList<string>> GroupsOf(SettingsFile settings)
    {
        var groups = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        if (!settings.Has("groups")) return groups;
        var section = settings.Section("groups");
        foreach (var group in section.Root.EnumerateObject())
            groups[group.Name] = LanguagesOf(section, group.Name, new Dictionary<string, IReadOnlyList<string>>());
        return groups;
    }

    static string[] LanguagesOf(SettingsFile settings, string key, IReadOnlyDictionary<string, IReadOnlyList<string>> groups)
    {
        if (!settings.Has(key)) return [];
        return [.. settings.Array(settings.Root.GetProperty(key), key).SelectMany(Language).Distinct(StringComparer.Ordinal)];

        IReadOnlyList<string> Language(JsonElement item)
        {
            if (item.ValueKind != JsonValueKind.String) throw settings.Wrong(key, "a list of languages", item.GetRawText());
            var name = item.GetString()!;
            if (groups.TryGetValue(name, out var group)) return group;
            return [CodeOf(settings, key, name)];
        }
    }

    static string CodeOf(SettingsFile settings, string key, string name)
    {
        try
        {
            return WhisperLanguages.Parse(name);
        }
        catch (ModelException)
        {
            throw settings.Wrong(key, "languages by code or English name, or the table's groups", name);
        }
    }

    static Dictionary<string, double> RatesOf(SettingsFile settings)
    {
        var rates = new Dictionary<string, double>(StringComparer.Ordinal);
        if (!settings.Has("word_error_rates")) return rates;
        var section = settings.Section("word_error_rates");
        foreach (var rate in section.Root.EnumerateObject())
            rates[CodeOf(section, rate.Name, rate.Name)] = section.Number(rate.Name, 0, 1000);
        return rates;
    }

    static double? Optional(SettingsFile settings, string key, double least, double most) =>
        settings.Has(key) ? settings.Number(key, least, most) : null;

    static long? Megabytes(SettingsFile settings, string key) =>
        Optional(settings, key, 1, 1e9) is { } megabytes ? (long)(megabytes * 1e6) : null;

    static bool? OptionalFlag(SettingsFile settings, string key) => settings.Has(key) ? settings.Flag(key, absent: false) : null;
}

/// <summary>
/// A model in a <see cref="RoutingTable"/>. What is not said of it is found out where it is here, and taken to be so where not.
/// </summary>
/// <param name="Model">Its folder or name.</param>
public sealed record RoutedModel(string Model)
{
    /// <summary>The languages that it is to be used for, by code; empty for all that it knows.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>Whether it translates into English.</summary>
    public bool? Translates { get; init; }

    /// <summary>Whether it tells when each word is said.</summary>
    public bool? WordTimestamps { get; init; }

    /// <summary>Whether its encoder hears sound as it comes.</summary>
    public bool? Streaming { get; init; }

    /// <summary>Measured word error rates in %, by language's code: on one set of recordings for all models of a table.</summary>
    public IReadOnlyDictionary<string, double> WordErrorRates { get; init; } = new Dictionary<string, double>();

    /// <summary>Bytes of memory that it takes; null: estimated where it is here.</summary>
    public long? Memory { get; init; }

    /// <summary>Computing time over sound's, as measured on this machine; null: estimated where that is asked for.</summary>
    public double? RealTimeFactor { get; init; }

    /// <summary>Whether it may be downloaded for this; else it counts only where it is here.</summary>
    public bool Download { get; init; }
}
