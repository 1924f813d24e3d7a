using System.Text.Json;
using Earshot.Checkpoints;

namespace Earshot.Tokenizers;

/// <summary>
/// Hugging Face's <c>tokenizer.json</c>: byte-level BPE with the expressions of known families, and SentencePiece's BPE with a token for
/// each byte. Every other normaliser, pre-tokenizer, decoder and model is refused by its name.
/// </summary>
static class TokenizerJson
{
    /// <param name="settings">What <c>tokenizer_config.json</c> beside it says.</param>
    /// <exception cref="CheckpointException">The file is damaged, or asks for what is not implemented.</exception>
    public static TextTokenizer Read(SettingsFile json, TextTokenizerSettings settings)
    {
        var model = json.Section("model");
        if (model.OptionalText("type") is { } type and not "BPE")
            throw model.Wrong("type", "\"BPE\", the only one that is implemented", type);
        foreach (var key in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (model.OptionalText(key) is { Length: > 0 } affix)
                throw model.Wrong(key, "empty, the only value that is implemented", affix);
        }
        if (model.Has("dropout")) model.Only("dropout", "0");
        var vocabulary = ReadVocabulary(json, model);
        settings = WithAddedTokens(json, settings, vocabulary);
        var pipeline = TokenizerPipeline.Read(json);
        if (!pipeline.IsByteLevel) return SentencePiece(model, vocabulary, settings, pipeline);
        if (model.Flag("byte_fallback", absent: false))
            throw model.Wrong("byte_fallback", "false with a ByteLevel pre-tokenizer", "true");
        var encoding = vocabulary.ToByteLevel(settings.AddedTokens, model.Flag("ignore_merges", absent: false));
        return new BytePairTokenizer(encoding, pipeline.Splitter, pipeline.Normalizes, settings);
    }

    static TokenizerVocabulary ReadVocabulary(SettingsFile json, SettingsFile model)
    {
        var vocabulary = new TokenizerVocabulary(json.Path);
        foreach (var token in model.Section("vocab").Root.EnumerateObject())
            vocabulary.Add(token.Name, json.AsInteger(token.Value, $"model.vocab: {token.Name}", 0, TokenizerVocabulary.MaxTokens - 1));
        if (!model.Has("merges")) throw model.Wrong("merges", "an array of pairs of tokens", "nothing");
        foreach (var merge in model.Array(model.Root.GetProperty("merges"), "merges"))
        {
            // Written "a b" until 2024 and ["a", "b"] since.
            bool isRead = merge.ValueKind switch
            {
                JsonValueKind.String => vocabulary.TryAddMerge(merge.GetString()!),
                JsonValueKind.Array => merge.GetArrayLength() == 2 && TryAddPair(vocabulary, merge[0], merge[1]),
                _ => false,
            };
            if (!isRead) throw model.Wrong("merges", "pairs of tokens", merge.GetRawText());
        }
        return vocabulary;
    }

    static bool TryAddPair(TokenizerVocabulary vocabulary, JsonElement left, JsonElement right)
    {
        if (left.ValueKind != JsonValueKind.String || right.ValueKind != JsonValueKind.String) return false;
        if (left.GetString() is not { Length: > 0 } first || right.GetString() is not { Length: > 0 } second) return false;
        vocabulary.AddMerge(first, second);
        return true;
    }

    static TextTokenizerSettings WithAddedTokens(SettingsFile json, TextTokenizerSettings settings, TokenizerVocabulary vocabulary)
    {
        var tokens = new Dictionary<int, AddedToken>();
        if (json.Has("added_tokens"))
        {
            foreach (var value in json.Array(json.Root.GetProperty("added_tokens"), "added_tokens"))
            {
                var token = TextTokenizerFolder.ReadAddedToken(json, value, "added_tokens", id: null);
                if (!tokens.TryAdd(token.Id, token)) throw json.Wrong("added_tokens", "tokens with ids of their own", $"{token.Id} twice");
                if (vocabulary.Find(token.Text) is { } other && other != token.Id)
                    throw json.Wrong("added_tokens", $"'{token.Text}' with its id of the vocabulary, {other}", $"{token.Id}");
            }
        }
        var known = tokens.Values.Select(token => token.Text).ToHashSet(StringComparer.Ordinal);
        var beside = settings.AddedTokens.Where(token => !tokens.ContainsKey(token.Id) && !known.Contains(token.Text)).ToList();
        settings = settings with
        {
            Source = json.Path,
            AddedTokens = [.. tokens.Values.Concat(beside).OrderBy(token => token.Id)],
            AddsBeginToken = settings.AddsBeginToken || BeginsByTemplate(json),
        };
        return settings.WithRoles(vocabulary.Find);
    }

    /// <summary>Whether the post-processor puts a special token before a text.</summary>
    static bool BeginsByTemplate(SettingsFile json)
    {
        if (!json.Has("post_processor")) return false;
        return Begins(json.Section("post_processor"));

        static bool Begins(SettingsFile processor) => processor.OptionalText("type") switch
        {
            "ByteLevel" => false,
            "Sequence" => Items(processor, "processors")
                .Aggregate(false, (begins, item) => begins | Begins(processor.AsSection(item, "processors"))),
            "TemplateProcessing" => Items(processor, "single").FirstOrDefault() is { ValueKind: JsonValueKind.Object } first
                && first.TryGetProperty("SpecialToken", out _),
            var other => throw processor.Wrong("type", "ByteLevel, TemplateProcessing or a Sequence of them", other ?? "nothing"),
        };

        static IEnumerable<JsonElement> Items(SettingsFile processor, string key) =>
            processor.Has(key) ? processor.Array(processor.Root.GetProperty(key), key) : [];
    }

    static SentencePieceTokenizer SentencePiece(
        SettingsFile model, TokenizerVocabulary vocabulary, TextTokenizerSettings settings, TokenizerPipeline pipeline)
    {
        if (!model.Flag("byte_fallback", absent: false))
            throw model.Wrong("byte_fallback", "true, since there is no ByteLevel pre-tokenizer", "false");
        var unknown = model.OptionalText("unk_token") ?? throw model.Wrong("unk_token", "a token", "nothing");
        var added = settings.AddedTokens.ToDictionary(token => token.Id);
        var pieces = vocabulary.Texts().Select((text, id) => new Piece(text ?? "", 0, TypeOf(text, id))).ToList();
        var merges = vocabulary.MergesById();
        // Merges stay within words by themselves where no piece has a space after its first character.
        char space = SentencePieceModel.Space[0];
        if (pipeline.SplitsWords && pieces.Any(piece => piece.Text.Trim(space).Contains(space)))
            throw model.Wrong("vocab", "pieces of single words, since the pre-tokenizer cuts text at spaces", "one with a space within");
        return new SentencePieceTokenizer(
            new SentencePieceModel
            {
                Source = model.Path,
                Pieces = pieces,
                Merges = merges,
                // Without pieces for bytes, what is unknown stays so.
                ByteFallback = vocabulary.Find("<0x00>") is not null,
                UnknownToken = vocabulary.Find(unknown) ?? throw model.Wrong("unk_token", "a token of the vocabulary", unknown),
                UnknownSurface = unknown,
                DummyPrefix = pipeline.DummyPrefix,
                RemovesExtraSpaces = pipeline.RemovesExtraSpaces,
            },
            settings);

        PieceType TypeOf(string? text, int id) => text is null || text.Length == 0 ? PieceType.Unused
            : text == unknown ? PieceType.Unknown
            : added.TryGetValue(id, out var token) && token.IsSpecial ? PieceType.Control
            : text is ['<', '0', 'x', _, _, '>'] ? PieceType.Byte
            : PieceType.Normal;
    }
}
