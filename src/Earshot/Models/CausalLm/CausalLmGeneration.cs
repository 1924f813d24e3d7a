using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Models;

/// <summary>
/// What a language model's <c>generation_config.json</c> says: the tokens that end a text, and the sampling that its makers recommend.
/// </summary>
public sealed record CausalLmGeneration
{
    internal const string FileName = "generation_config.json";

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>Whether drawing tokens is recommended; without it, the likeliest are taken.</summary>
    public bool DoSample { get; init; }

    public double? Temperature { get; init; }

    public int? TopK { get; init; }

    public double? TopP { get; init; }

    public double? MinP { get; init; }

    public double? RepetitionPenalty { get; init; }

    /// <exception cref="CheckpointException">A value cannot be.</exception>
    internal static CausalLmGeneration Load(ModelFolder folder, int vocabSize)
    {
        using var config = folder.OpenConfig();
        using var settings = folder.OpenIfPresent(FileName);
        if (settings is null) return new CausalLmGeneration { EndTokens = ReadEnd(config, vocabSize) ?? [] };
        double? Number(string key, double least, double most) => settings.Has(key) ? settings.Number(key, least, most) : null;
        return new CausalLmGeneration
        {
            EndTokens = ReadEnd(settings, vocabSize) ?? ReadEnd(config, vocabSize) ?? [],
            DoSample = settings.Flag("do_sample", absent: false),
            Temperature = Number("temperature", 0, 100),
            TopK = settings.OptionalInteger("top_k", 0, int.MaxValue),
            TopP = Number("top_p", 1e-6, 1),
            MinP = Number("min_p", 0, 1),
            RepetitionPenalty = Number("repetition_penalty", 1e-6, 100),
        };
    }

    /// <summary>A number, or several; null where nothing is said.</summary>
    static int[]? ReadEnd(SettingsFile settings, int vocabSize)
    {
        const string key = "eos_token_id";
        if (!settings.Has(key)) return null;
        return settings.Root.GetProperty(key).ValueKind == JsonValueKind.Array
            ? settings.OptionalIntegers(key, 0, vocabSize - 1)
            : [settings.Integer(key, 0, vocabSize - 1)];
    }
}

/// <summary>What writing with a language model has to know beside its parts.</summary>
public sealed record CausalLmPrompt(CausalLmConfig Config, CausalLmGeneration Generation) : PromptFormat;
