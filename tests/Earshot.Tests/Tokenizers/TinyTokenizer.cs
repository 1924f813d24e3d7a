using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Earshot.Tokenizers;

/// <summary>A complete tokenizer of 260 text tokens, small enough to be damaged thousands of times.</summary>
static class TinyTokenizer
{
    static readonly JsonWriterOptions s_asWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    static readonly (string Left, string Right)[] s_merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("Ġ", "hell")];

    public static Dictionary<string, int> Vocabulary { get; } = CreateVocabulary();

    public static Dictionary<string, int> Special { get; } = WhisperSpecialTokens.Compute(Vocabulary.Count, "test", null);

    public static string MergesText { get; } = "#version: 0.2\n" + string.Join('\n', s_merges.Select(m => $"{m.Left} {m.Right}"));

    public static string Ranks { get; } = string.Join('\n', Enumerable.Range(0, 256).Select(b => new[] { (byte)b })
        .Concat([Encoding.UTF8.GetBytes("he"), "ll"u8.ToArray(), "hell"u8.ToArray(), " hell"u8.ToArray()])
        .Select((bytes, rank) => $"{Convert.ToBase64String(bytes)} {rank}"));

    public static string TokenizerJson(bool mergesAsPairs = false)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_asWritten))
        {
            json.WriteStartObject();
            json.WriteStartArray("added_tokens");
            foreach (var (content, id) in Special)
            {
                json.WriteStartObject();
                json.WriteNumber("id", id);
                json.WriteString("content", content);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WritePropertyName("vocab");
            json.WriteRawValue(VocabularyJson(Vocabulary));
            json.WriteStartArray("merges");
            foreach (var (left, right) in s_merges)
            {
                if (!mergesAsPairs)
                {
                    json.WriteStringValue($"{left} {right}");
                    continue;
                }
                json.WriteStartArray();
                json.WriteStringValue(left);
                json.WriteStringValue(right);
                json.WriteEndArray();
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    public static string VocabularyJson(Dictionary<string, int> tokens)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_asWritten))
        {
            json.WriteStartObject();
            foreach (var (token, id) in tokens) json.WriteNumber(token, id);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    static Dictionary<string, int> CreateVocabulary()
    {
        var tokens = new Dictionary<string, int>();
        char standIn = '\u0100';
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (> 32 and < 127) or (> 160 and not 173);
            tokens.Add((printable ? (char)b : standIn++).ToString(), b);
        }
        foreach (var (left, right) in s_merges) tokens.Add(left + right, tokens.Count);
        return tokens;
    }
}
