using System.Text.Json;
using System.Text.Json.Nodes;
using Earshot.Checkpoints;
using Earshot.Compute.Parts;
using Earshot.Tokenizers;

namespace Earshot.Models;

/// <summary>
/// A token that decoding puts at a position whatever the model says; null leaves the choice to the model (the language, say).
/// </summary>
public readonly record struct ForcedDecoderId(int Position, int? Token);

/// <summary>
/// How to decode with a model: <c>generation_config.json</c>, or <c>config.json</c> in older checkpoints. A null says that neither file
/// tells; the tokenizer then does. Rules that change what a model says and are not implemented are refused by their keys. How it is
/// searched (beams, temperature, sampling), in which language and with or without timestamps is the caller's choice and not read.
/// </summary>
public sealed record WhisperGenerationConfig
{
    /// <summary>The file that holds this configuration.</summary>
    public const string FileName = "generation_config.json";

    static readonly string[] s_idleAtZero =
    [
        "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "diversity_penalty", "min_length", "min_new_tokens",
    ];

    static readonly string[] s_idleIfAbsent =
        [
            "bad_words_ids", "force_words_ids", "sequence_bias", "forced_bos_token_id", "forced_eos_token_id",
            "exponential_decay_length_penalty",
        ];

    /// <summary>
    /// The cross-attention heads that follow the audio, for times of words; given by the file, or known, or derived (see
    /// <see cref="WhisperAlignmentHeads"/>).
    /// </summary>
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

    /// <summary>The most tokens of one window, of the prompt's its last alone (transformers adds the others to it).</summary>
    public int MaxLength { get; init; } = 448;

    /// <summary>Whether the model writes languages other than English; null where the checkpoint does not tell.</summary>
    public bool? IsMultilingual { get; init; }

    public int? NoTimestampsTokenId { get; init; }

    public int? DecoderStartTokenId { get; init; }

    public int? PrevSotTokenId { get; init; }

    public int? EosTokenId { get; init; }

    public int? PadTokenId { get; init; }

    /// <summary>The file that it was read from, for messages.</summary>
    public string Source { get; init; } = FileName;

    /// <summary>Reads <c>generation_config.json</c> of a model folder, where it is absent <c>config.json</c>.</summary>
    /// <exception cref="CheckpointException">A value cannot be: a token beyond the vocabulary, a head that the decoder does not
    /// have.</exception>
    public static WhisperGenerationConfig Load(string folder, WhisperConfig config)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(config);
        using var settings = SettingsFile.OpenIfPresent(Path.Combine(folder, FileName))
            ?? SettingsFile.Open(Path.Combine(folder, ModelFolder.ConfigName), "tells the model's kind and its sizes");
        RefuseOtherRules(settings);
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new WhisperGenerationConfig
        {
            Source = settings.Path,
            AlignmentHeads = ReadAlignmentHeads(settings, config) ?? WhisperAlignmentHeads.For(config, name),
            SuppressTokens = ReadSuppressed(settings, config),
            BeginSuppressTokens = settings.OptionalIntegers("begin_suppress_tokens", 0, config.VocabSize - 1),
            ForcedDecoderIds = ReadForcedIds(settings, config),
            LangToId = settings.OptionalIntegersByName("lang_to_id", 0, config.VocabSize - 1),
            TaskToId = settings.OptionalIntegersByName("task_to_id", 0, config.VocabSize - 1),
            MaxInitialTimestampIndex = settings.OptionalInteger("max_initial_timestamp_index", 0, 1500) ?? 50,
            MaxLength = Math.Min(settings.OptionalInteger("max_length", 1, int.MaxValue) ?? int.MaxValue, config.MaxTargetPositions),
            IsMultilingual = settings.Has("is_multilingual") ? settings.Flag("is_multilingual", absent: false) : null,
            NoTimestampsTokenId = settings.OptionalInteger("no_timestamps_token_id", 0, config.VocabSize - 1),
            DecoderStartTokenId = settings.OptionalInteger("decoder_start_token_id", 0, config.VocabSize - 1),
            PrevSotTokenId = settings.OptionalInteger("prev_sot_token_id", 0, config.VocabSize - 1),
            EosTokenId = ReadEndOfSequence(settings, config),
            PadTokenId = settings.OptionalInteger("pad_token_id", 0, config.VocabSize - 1),
        };
    }

    /// <summary>Refuses a tokenizer in which the tokens that this configuration names are others.</summary>
    /// <exception cref="CheckpointException">They are; the message names the key.</exception>
    public void RequireFit(WhisperTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        Same("decoder_start_token_id", DecoderStartTokenId, tokenizer.StartOfTranscript);
        Same("eos_token_id", EosTokenId, tokenizer.EndOfText);
        Same("prev_sot_token_id", PrevSotTokenId, tokenizer.StartOfPrevious);
        Same("no_timestamps_token_id", NoTimestampsTokenId, tokenizer.NoTimestamps);
        Same("task_to_id.transcribe", Task("transcribe"), tokenizer.Transcribe);
        Same("task_to_id.translate", Task("translate"), tokenizer.Translate);
        if (IsMultilingual is { } isMultilingual && isMultilingual != tokenizer.IsMultilingual)
            throw Refused(
                "is_multilingual", $"{(isMultilingual ? "false" : "true")}, as the tokenizer says", isMultilingual ? "true" : "false");
        foreach (var (written, token) in LangToId ?? new Dictionary<string, int>())
        {
            if (!IsLanguage(written, token))
                throw Refused($"lang_to_id.{written}", "the tokenizer's token of that language",
                    $"{token}, {tokenizer.LanguageOf(token) ?? "which is no language's"}");
        }
        foreach (var (position, token) in ForcedDecoderIds ?? [])
        {
            if (token is { } forced && (position > 3 || !IsOfPrompt(forced)))
                throw Refused($"forced_decoder_ids[{position}]", "a language, a task or no timestamps, of which a prompt is made anyway",
                    $"{forced}");
        }

        int? Task(string name) => TaskToId is { } tasks && tasks.TryGetValue(name, out int token) ? token : null;

        bool IsLanguage(string written, int token) =>
            written is ['<', '|', .. var code, '|', '>']
            && tokenizer.LanguageOf(token) == (WhisperLanguages.TryParse(code, out var known) ? known : code);

        bool IsOfPrompt(int token) =>
            token == tokenizer.NoTimestamps || token == tokenizer.Transcribe || token == tokenizer.Translate
                || tokenizer.LanguageOf(token) is not null;

        void Same(string key, int? told, int? known)
        {
            if (told is { } token && token != known)
                throw Refused(key, known is null ? "a token of the tokenizer" : $"{known}, as the tokenizer says", $"{token}");
        }
    }

    /// <summary>The text of a file from which <see cref="Load"/> reads what another program's file told.</summary>
    internal string ToJson()
    {
        var json = new JsonObject
        {
            ["alignment_heads"] = new JsonArray([.. AlignmentHeads.Select(head => (JsonNode)new JsonArray(head.Layer, head.Head))]),
            ["max_length"] = MaxLength,
        };
        if (IsMultilingual is { } multilingual) json["is_multilingual"] = multilingual;
        if (SuppressTokens is { } suppressed) json["suppress_tokens"] = ToArray(suppressed);
        if (BeginSuppressTokens is { } first) json["begin_suppress_tokens"] = ToArray(first);
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

        static JsonArray ToArray(IEnumerable<int> tokens) => new([.. tokens.Select(token => (JsonNode)token)]);
    }

    /// <summary>The most tokens that are written of one window: half the context, as the reference does, or what is configured.</summary>
    internal int MostNewTokens(int context) => Math.Min(context / 2, Math.Max(1, MaxLength - 1));

    CheckpointException Refused(string key, string expected, string got) =>
        new($"'{Source}': '{key}' should be {expected}; got {got}. " +
            "The files belong to different models, or ask for what is not implemented: "
            + "download all of them again, or correct the file.");

    // Each at the value with which it does nothing.
    static void RefuseOtherRules(SettingsFile settings)
    {
        foreach (var key in (ReadOnlySpan<string>)["repetition_penalty", "encoder_repetition_penalty"]) settings.OnlyIfPresent(key, "1");
        foreach (var key in s_idleAtZero) settings.OnlyIfPresent(key, "0");
        foreach (var key in s_idleIfAbsent)
        {
            if (settings.Has(key))
                throw settings.Wrong(
                    key, "absent or null, the only value that is implemented", settings.Root.GetProperty(key).GetRawText());
        }
    }

    /// <summary>A token of -1 stands for the reference's own list, which the tokenizer gives.</summary>
    internal static int[]? ReadSuppressed(SettingsFile settings, WhisperConfig config, string key = "suppress_tokens")
    {
        var tokens = settings.OptionalIntegers(key, -1, config.VocabSize - 1);
        return tokens is null || tokens.Contains(-1) ? null : tokens;
    }

    internal static List<AlignmentHead>? ReadAlignmentHeads(SettingsFile settings, WhisperConfig config)
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
