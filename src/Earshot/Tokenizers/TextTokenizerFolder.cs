using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>A language model's folder in Hugging Face's format, as far as tokens go.</summary>
static class TextTokenizerFolder
{
    const int MaxTemplateLength = 1 << 20;

    public static TextTokenizer Load(string folder)
    {
        using var config = SettingsFile.OpenIfPresent(Path.Combine(folder, "tokenizer_config.json"));
        var settings = ReadConfig(folder, config);
        using (var json = SettingsFile.OpenIfPresent(Path.Combine(folder, "tokenizer.json")))
        {
            if (json is not null) return TokenizerJson.Read(json, settings);
        }
        using (var vocabulary = SettingsFile.OpenIfPresent(Path.Combine(folder, "vocab.json")))
        {
            if (vocabulary is not null) return ReadVocabulary(folder, vocabulary, config, settings);
        }
        var model = Path.Combine(folder, "tokenizer.model");
        if (File.Exists(model)) return ReadSentencePiece(model, config, settings);
        throw new CheckpointException(
            $"'{folder}' has no tokenizer: expected 'tokenizer.json', or 'vocab.json' with 'merges.txt', or 'tokenizer.model'. " +
            "Download the model again.");
    }

    /// <summary>The text of a token's role, which may be written with how it is to be told from text.</summary>
    static string? Role(SettingsFile config, string key) =>
        config.Has(key) && config.Root.GetProperty(key).ValueKind == JsonValueKind.Object
            ? config.Section(key).OptionalText("content")
            : config.OptionalText(key);

    /// <summary>An added token of either file; <paramref name="id"/> stands in the one's key.</summary>
    public static AddedToken ReadAddedToken(SettingsFile file, JsonElement value, string key, int? id)
    {
        var token = file.AsSection(value, key);
        if (token.Flag("single_word", absent: false))
            throw token.Wrong("single_word", "false, the only value that is implemented", "true");
        return new AddedToken(
            id ?? token.Integer("id", 0, TokenizerVocabulary.MaxTokens - 1),
            token.OptionalText("content") ?? throw token.Wrong("content", "a string", "nothing"),
            token.Flag("special", absent: false))
        {
            IsNormalized = token.Flag("normalized", absent: false),
            TakesSpacesBefore = token.Flag("lstrip", absent: false),
            TakesSpacesAfter = token.Flag("rstrip", absent: false),
        };
    }

    static TextTokenizerSettings ReadConfig(string folder, SettingsFile? config)
    {
        var added = new List<AddedToken>();
        if (config?.Has("added_tokens_decoder") == true)
        {
            foreach (var property in config.Section("added_tokens_decoder").Root.EnumerateObject())
            {
                if (!int.TryParse(property.Name, System.Globalization.NumberStyles.None, null, out int id)
                    || id >= TokenizerVocabulary.MaxTokens)
                {
                    throw config.Wrong("added_tokens_decoder", "an object of tokens by id", property.Name);
                }
                added.Add(ReadAddedToken(config, property.Value, "added_tokens_decoder", id));
            }
        }
        return new TextTokenizerSettings
        {
            Source = config?.Path ?? folder,
            AddedTokens = [.. added.OrderBy(token => token.Id)],
            BeginText = config is null ? null : Role(config, "bos_token"),
            EndText = config is null ? null : Role(config, "eos_token"),
            AddsBeginToken = config?.Flag("add_bos_token", absent: false) ?? false,
            ChatTemplate = ReadTemplate(folder, config),
        };
    }

    static string? ReadTemplate(string folder, SettingsFile? config)
    {
        var path = Path.Combine(folder, "chat_template.jinja");
        try
        {
            if (File.Exists(path))
            {
                return new FileInfo(path).Length <= MaxTemplateLength
                    ? File.ReadAllText(path)
                    : throw new CheckpointException($"'{path}' is longer than {MaxTemplateLength:N0} bytes; no chat template is.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}': {e.Message}", e);
        }
        if (config?.Has("chat_template") != true) return null;
        var value = config.Root.GetProperty("chat_template");
        if (value.ValueKind != JsonValueKind.Array) return config.OptionalText("chat_template");
        // Several, by name.
        foreach (var item in value.EnumerateArray())
        {
            var named = config.AsSection(item, "chat_template");
            if (named.OptionalText("name") == "default") return named.OptionalText("template");
        }
        return null;
    }

    static BytePairTokenizer ReadVocabulary(string folder, SettingsFile file, SettingsFile? config, TextTokenizerSettings settings)
    {
        var name = config?.OptionalText("tokenizer_class");
        var (splitter, normalizes) = name switch
        {
            "Qwen2Tokenizer" or "Qwen2TokenizerFast" => (new TextSplitter(SplitPattern.Qwen2), true),
            "GPT2Tokenizer" or "GPT2TokenizerFast" or null => (new TextSplitter(SplitPattern.Gpt2), false),
            _ => throw config!.Wrong(
                "tokenizer_class", "Qwen2Tokenizer or GPT2Tokenizer, those that are known without a 'tokenizer.json'", name),
        };
        var vocabulary = new TokenizerVocabulary(file.Path);
        foreach (var token in file.Root.EnumerateObject())
            vocabulary.Add(token.Name, file.AsInteger(token.Value, token.Name, 0, TokenizerVocabulary.MaxTokens - 1));
        int number = 0;
        var merges = Path.Combine(folder, "merges.txt");
        foreach (var line in ReadLines(merges))
        {
            number++;
            if (line.Length == 0 || number == 1 && line.StartsWith("#version", StringComparison.Ordinal)) continue;
            if (!vocabulary.TryAddMerge(line))
                throw new CheckpointException(
                    $"'{merges}', line {number}: expected two tokens with a space between them. Download the file again.");
        }
        settings = settings.WithRoles(vocabulary.Find);
        return new BytePairTokenizer(vocabulary.ToByteLevel(settings.AddedTokens, ignoreMerges: false), splitter, normalizes, settings);
    }

    static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which lists the tokenizer's merges: {e.Message}", e);
        }
    }

    static SentencePieceTokenizer ReadSentencePiece(string path, SettingsFile? config, TextTokenizerSettings settings)
    {
        var model = SentencePieceFile.Read(path);
        var own = SentencePieceTokenizer.SettingsOf(model);
        // Tokens that were added to the model's own have ids behind them.
        return new SentencePieceTokenizer(model, own with
        {
            AddedTokens = [.. own.AddedTokens, .. settings.AddedTokens.Where(token => token.Id >= model.Pieces.Count)],
            AddsBeginToken = config?.Flag("add_bos_token", own.AddsBeginToken) ?? own.AddsBeginToken,
            ChatTemplate = settings.ChatTemplate,
        });
    }
}
