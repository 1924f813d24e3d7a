using System.Text.Json;

namespace Earshot.Checkpoints;

/// <summary>A token that decoding puts at a position whatever the model says; null leaves the choice to the model (the language, say).</summary>
public readonly record struct ForcedDecoderId(int Position, int? Token);

/// <summary>
/// How to decode with a model: <c>generation_config.json</c>, or <c>config.json</c> in older checkpoints. A null says that neither file tells;
/// the tokenizer then does.
/// </summary>
public sealed record GenerationConfig
{
    /// <summary>The file that holds this configuration.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>The cross-attention heads that follow the audio, for times of words; given by the file, or known, or derived (see <see cref="Checkpoints.AlignmentHeads"/>).</summary>
    public required IReadOnlyList<AlignmentHead> AlignmentHeads { get; init; }

    /// <summary>Tokens that are never decoded; null where the checkpoint does not tell.</summary>
    public IReadOnlyList<int>? SuppressTokens { get; init; }

    /// <summary>Tokens that are not decoded first: a lone space, and the end of the text.</summary>
    public IReadOnlyList<int>? BeginSuppressTokens { get; init; }

    public IReadOnlyList<ForcedDecoderId>? ForcedDecoderIds { get; init; }

    /// <summary>Language tokens by their written form, such as <c>&lt;|en|&gt;</c>.</summary>
    public IReadOnlyDictionary<string, int>? LangToId { get; init; }

    /// <summary>Task tokens by name: <c>transcribe</c>, <c>translate</c>.</summary>
    public IReadOnlyDictionary<string, int>? TaskToId { get; init; }

    /// <summary>The last timestamp that may come first, in steps of 0.02 s: 50 is 1 s.</summary>
    public int MaxInitialTimestampIndex { get; init; } = 50;

    /// <summary>The most tokens of one window, prompt included.</summary>
    public int MaxLength { get; init; } = 448;

    public bool IsMultilingual { get; init; }

    public int? NoTimestampsTokenId { get; init; }

    public int? DecoderStartTokenId { get; init; }

    public int? PrevSotTokenId { get; init; }

    public int? EosTokenId { get; init; }

    public int? PadTokenId { get; init; }

    /// <summary>Reads <c>generation_config.json</c> of a model folder, where it is absent <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value cannot be: a token beyond the vocabulary, a head that the decoder does not have.</exception>
    public static GenerationConfig Load(string folder, WhisperConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        using var settings = SettingsFile.OpenIfPresent(Path.Combine(folder, FileName))
            ?? SettingsFile.Open(Path.Combine(folder, WhisperConfig.FileName), "tells the model's kind and its sizes");
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new GenerationConfig
        {
            AlignmentHeads = ReadAlignmentHeads(settings, config) ?? Checkpoints.AlignmentHeads.For(config, name),
            SuppressTokens = ReadSuppressed(settings, config),
            BeginSuppressTokens = settings.OptionalIntegers("begin_suppress_tokens", 0, config.VocabSize - 1),
            ForcedDecoderIds = ReadForcedIds(settings, config),
            LangToId = settings.OptionalIntegersByName("lang_to_id", 0, config.VocabSize - 1),
            TaskToId = settings.OptionalIntegersByName("task_to_id", 0, config.VocabSize - 1),
            MaxInitialTimestampIndex = settings.OptionalInteger("max_initial_timestamp_index", 0, 1500) ?? 50,
            MaxLength = Math.Min(settings.OptionalInteger("max_length", 1, int.MaxValue) ?? int.MaxValue, config.MaxTargetPositions),
            IsMultilingual = settings.Flag("is_multilingual", absent: config.IsMultilingual),
            NoTimestampsTokenId = settings.OptionalInteger("no_timestamps_token_id", 0, config.VocabSize - 1),
            DecoderStartTokenId = settings.OptionalInteger("decoder_start_token_id", 0, config.VocabSize - 1),
            PrevSotTokenId = settings.OptionalInteger("prev_sot_token_id", 0, config.VocabSize - 1),
            EosTokenId = ReadEndOfSequence(settings, config),
            PadTokenId = settings.OptionalInteger("pad_token_id", 0, config.VocabSize - 1),
        };
    }

    /// <summary>A token of -1 stands for the reference's own list, which the tokenizer gives.</summary>
    static int[]? ReadSuppressed(SettingsFile settings, WhisperConfig config)
    {
        var tokens = settings.OptionalIntegers("suppress_tokens", -1, config.VocabSize - 1);
        return tokens is null || tokens.Contains(-1) ? null : tokens;
    }

    static List<AlignmentHead>? ReadAlignmentHeads(SettingsFile settings, WhisperConfig config)
    {
        const string key = "alignment_heads";
        if (!settings.Has(key)) return null;
        var heads = new List<AlignmentHead>();
        foreach (var item in settings.Array(settings.Root.GetProperty(key), key))
        {
            var pair = settings.Array(item, key).ToList();
            if (pair.Count != 2) throw settings.Wrong(key, "pairs of a layer and a head", item.GetRawText());
            heads.Add(new AlignmentHead(
                settings.AsInteger(pair[0], key, 0, config.DecoderLayers - 1),
                settings.AsInteger(pair[1], key, 0, config.DecoderAttentionHeads - 1)));
        }
        return heads.Count > 0 ? heads : null;
    }

    static List<ForcedDecoderId>? ReadForcedIds(SettingsFile settings, WhisperConfig config)
    {
        const string key = "forced_decoder_ids";
        if (!settings.Has(key)) return null;
        var forced = new List<ForcedDecoderId>();
        foreach (var item in settings.Array(settings.Root.GetProperty(key), key))
        {
            var pair = settings.Array(item, key).ToList();
            if (pair.Count != 2) throw settings.Wrong(key, "pairs of a position and a token", item.GetRawText());
            int? token = pair[1].ValueKind == JsonValueKind.Null ? null : settings.AsInteger(pair[1], key, 0, config.VocabSize - 1);
            forced.Add(new ForcedDecoderId(settings.AsInteger(pair[0], key, 0, 1 << 20), token));
        }
        return forced;
    }

    /// <summary>One token, or in some files a list of which the first is the one.</summary>
    static int? ReadEndOfSequence(SettingsFile settings, WhisperConfig config)
    {
        const string key = "eos_token_id";
        if (!settings.Has(key) || settings.Root.GetProperty(key).ValueKind != JsonValueKind.Array)
            return settings.OptionalInteger(key, 0, config.VocabSize - 1);
        return settings.OptionalIntegers(key, 0, config.VocabSize - 1) is [var first, ..] ? first : null;
    }
}
