using Earshot.Checkpoints.Gguf;

namespace Earshot.Tokenizers;

/// <summary>The tokenizer that the metadata of a GGUF file hold.</summary>
static class GgufTokenizer
{
    const string Prefix = "tokenizer.ggml.";

    /// <param name="preTokenizer">Replaces the file's name for how text is cut, where that is missing or wrong.</param>
    /// <exception cref="CheckpointException">The file is damaged, has no tokenizer, or names what is not implemented.</exception>
    public static TextTokenizer Load(string path, string? preTokenizer = null)
    {
        using var file = GgufFile.Open(path);
        return MetadataOf(file.Metadata).ToTokenizer(preTokenizer);
    }

    static TokenizerMetadata MetadataOf(GgufMetadata metadata)
    {
        return new TokenizerMetadata
        {
            Source = metadata.Location,
            Model = metadata.FindString(Prefix + "model") ?? throw Missing("model"),
            PreTokenizer = metadata.FindString(Prefix + "pre"),
            Tokens = metadata.FindStrings(Prefix + "tokens") ?? throw Missing("tokens"),
            TokenTypes = metadata.FindIntegers(Prefix + "token_type"),
            Scores = metadata.FindFloats(Prefix + "scores"),
            Merges = metadata.FindStrings(Prefix + "merges"),
            BeginToken = Id("bos_token_id"),
            EndToken = Id("eos_token_id"),
            UnknownToken = Id("unknown_token_id"),
            AddsBeginToken = metadata.FindBoolean(Prefix + "add_bos_token"),
            AddsSpacePrefix = metadata.FindBoolean(Prefix + "add_space_prefix"),
            ChatTemplate = metadata.FindString("tokenizer.chat_template"),
        };

        int? Id(string key) => metadata.FindInteger(Prefix + key) is not { } id ? null
            : id is >= 0 and < TokenizerVocabulary.MaxTokens ? (int)id
            : throw new CheckpointException(
                $"'{metadata.Location}': '{Prefix}{key}' is {id}; expected a token's id, at least 0 and below " +
                $"{TokenizerVocabulary.MaxTokens}. Convert or download the model again.");

        CheckpointException Missing(string key) => new(
            $"'{metadata.Location}' has no '{Prefix}{key}': it is no language model, or was converted without its tokenizer. " +
            "Convert or download the model again.");
    }
}
