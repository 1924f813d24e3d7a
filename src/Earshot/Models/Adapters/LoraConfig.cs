using System.Text.Json;
using System.Text.RegularExpressions;
using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// The <c>adapter_config.json</c> of a PEFT folder: rank and factor of each module. What changes results is obeyed, or refused by its name.
/// </summary>
sealed class LoraConfig
{
    public const string FileName = "adapter_config.json";

    const int MaxRank = 1 << 14;

    static readonly TimeSpan s_longestMatch = TimeSpan.FromSeconds(1);

    // Keys that are read here, and those that matter only while an adapter is trained.
    static readonly HashSet<string> s_known =
    [
        "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "bias", "fan_in_fan_out", "peft_type", "task_type",
        "base_model_name_or_path", "init_lora_weights", "modules_to_save", "target_modules", "exclude_modules",
        "auto_mapping", "revision", "inference_mode", "peft_version", "lora_dropout", "layers_to_transform", "layers_pattern",
        "megatron_core", "runtime_config", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size",
        "ensure_weight_tying",
    ];

    // Ways to begin training that leave the base model as it is; others change it, and the adapter alone says nothing then.
    static readonly HashSet<string> s_begins = ["true", "false", "\"gaussian\"", "\"eva\"", "\"orthogonal\""];

    readonly double _alpha;
    readonly int _rank;
    readonly bool _isRankStabilised;
    readonly IReadOnlyList<(Regex Name, double Value)> _ranks;
    readonly IReadOnlyList<(Regex Name, double Value)> _alphas;

    LoraConfig(SettingsFile settings)
    {
        RefuseOthers(settings);
        Path = settings.Path;
        Base = settings.OptionalText("base_model_name_or_path");
        _rank = settings.Integer("r", 1, MaxRank);
        _alpha = settings.Has("lora_alpha") ? settings.Number("lora_alpha", -1e6, 1e6) : 8;
        _isRankStabilised = settings.Flag("use_rslora", absent: false);
        IsDora = settings.Flag("use_dora", absent: false);
        _ranks = Patterns(settings, "rank_pattern", 1, MaxRank);
        _alphas = Patterns(settings, "alpha_pattern", -1e6, 1e6);
        Targets = Texts(settings, "target_modules");
        Saved = Texts(settings, "modules_to_save") ?? [];
    }

    /// <summary>The file, for messages.</summary>
    public string Path { get; }

    /// <summary>The model that it was trained on, as its maker named it; null where the file does not tell.</summary>
    public string? Base { get; }

    /// <summary>Whether matrices are scaled to trained lengths of their rows (Liu et al. 2024, arXiv:2402.09353).</summary>
    public bool IsDora { get; }

    /// <summary>Endings of the names of the modules that were trained; null where an expression or nothing names them.</summary>
    public IReadOnlyList<string>? Targets { get; }

    /// <summary>Endings of the names of the modules that were trained as a whole.</summary>
    public IReadOnlyList<string> Saved { get; }

    /// <exception cref="CheckpointException">The file is missing, or a value in it cannot be or is not implemented.</exception>
    public static LoraConfig Load(string folder)
    {
        using var settings = SettingsFile.Open(System.IO.Path.Combine(folder, FileName), "tells an adapter's kind and its rank");
        return new LoraConfig(settings);
    }

    public int RankOf(string module) => (int)(Find(_ranks, module) ?? _rank);

    /// <summary>The factor on what a module's two matrices add.</summary>
    public double ScaleOf(string module)
    {
        int rank = RankOf(module);
        return (Find(_alphas, module) ?? _alpha) / (_isRankStabilised ? Math.Sqrt(rank) : rank);
    }

    static void RefuseOthers(SettingsFile settings)
    {
        settings.Only("peft_type", "\"LORA\"");
        settings.OnlyIfPresent("task_type", "\"CAUSAL_LM\"");
        settings.OnlyIfPresent("fan_in_fan_out", "false");
        if (settings.OptionalText("bias") is not (null or "none" or "all" or "lora_only") and var bias)
            throw settings.Wrong("bias", "none, all or lora_only", bias!);
        if (settings.Has("init_lora_weights")
            && settings.Root.GetProperty("init_lora_weights").GetRawText() is var begin && !s_begins.Contains(begin))
        {
            throw settings.Wrong(
                "init_lora_weights", "true: others change the model that the adapter is added to; have it converted by its maker", begin);
        }
        foreach (var property in settings.Root.EnumerateObject())
        {
            if (!s_known.Contains(property.Name) && !SaysNothing(property.Value))
                throw settings.Wrong(property.Name, "absent: what it asks for is not implemented", property.Value.GetRawText());
        }
    }

    static bool SaysNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    /// <summary>A number by an expression that a module's name ends with, the first that fits.</summary>
    static List<(Regex, double)> Patterns(SettingsFile settings, string key, double least, double most)
    {
        var patterns = new List<(Regex, double)>();
        if (!settings.Has(key)) return patterns;
        var section = settings.Section(key);
        foreach (var property in section.Root.EnumerateObject())
        {
            try
            {
                var name = new Regex($"^(?:.*\\.)?(?:{property.Name})$", RegexOptions.CultureInvariant, s_longestMatch);
                patterns.Add((name, section.Number(property.Name, least, most)));
            }
            catch (ArgumentException)
            {
                throw settings.Wrong(key, "numbers by module names or regular expressions", $"'{property.Name}'");
            }
        }
        return patterns;
    }

    double? Find(IReadOnlyList<(Regex Name, double Value)> patterns, string module)
    {
        foreach (var (name, value) in patterns)
        {
            try
            {
                if (name.IsMatch(module)) return value;
            }
            catch (RegexMatchTimeoutException e)
            {
                throw new CheckpointException(
                    $"'{Path}': the expression '{name}' takes longer than {s_longestMatch.TotalSeconds} s to be held against '{module}'. " +
                    "Name modules in its place.", e);
            }
        }
        return null;
    }

    static string[]? Texts(SettingsFile settings, string key)
    {
        if (!settings.Has(key) || settings.Root.GetProperty(key) is not { ValueKind: JsonValueKind.Array } value) return null;
        return
        [
            .. value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw settings.Wrong(key, "names of modules", item.GetRawText())),
        ];
    }
}
