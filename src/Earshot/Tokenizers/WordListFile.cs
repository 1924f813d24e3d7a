using System.Text.Json;

namespace Earshot.Tokenizers;

/// <summary>A list of all tokens in the order of their ids, as CTranslate2's folders have it.</summary>
static class WordListFile
{
    const long MaxLength = 64 << 20;

    /// <summary>The words of <c>vocabulary.json</c>, else of <c>vocabulary.txt</c>; null where neither is there.</summary>
    /// <exception cref="CheckpointException">The file is damaged, or cannot be read.</exception>
    public static (string Path, IReadOnlyList<string> Words)? Find(string folder)
    {
        string json = Path.Combine(folder, "vocabulary.json"), text = Path.Combine(folder, "vocabulary.txt");
        if (File.Exists(json)) return (json, ReadJson(json));
        if (!File.Exists(text)) return null;
        return (text, [.. System.Text.Encoding.UTF8.GetString(Read(text)).TrimEnd('\n').Split('\n').Select(line => line.TrimEnd('\r'))]);
    }

    static List<string> ReadJson(string path)
    {
        var words = new List<string>();
        try
        {
            var reader = new Utf8JsonReader(Read(path));
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray) throw new JsonException("It is no list.");
            while (reader.Read() && reader.TokenType == JsonTokenType.String) words.Add(reader.GetString()!);
            if (reader.TokenType != JsonTokenType.EndArray) throw new JsonException($"Its item {words.Count} is no string.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"'{path}' is not a JSON list of tokens: {e.Message} Download it again.", e);
        }
        return words;
    }

    static byte[] Read(string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxLength
                ? File.ReadAllBytes(path)
                : throw new CheckpointException($"'{path}' is larger than {MaxLength:N0} bytes; no vocabulary is. Download it again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"Cannot read '{path}', which lists the tokenizer's tokens: {e.Message}", e);
        }
    }
}
