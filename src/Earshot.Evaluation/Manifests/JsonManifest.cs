using System.Text.Json;

namespace Earshot.Evaluation;

/// <summary>
/// Manifests of JSON: an object a line, or one array of objects. The recording is <c>audio</c>, <c>file</c>, <c>audio_filepath</c> or
/// <c>path</c>, relative to the manifest; its words <c>text</c>, <c>reference</c> or <c>sentence</c>; then <c>language</c>, <c>speaker</c>,
/// <c>duration</c> or <c>seconds</c>, and <c>id</c>. Other fields are left alone.
/// </summary>
public static class JsonManifest
{
    const long LargestArray = 256L << 20;

    static readonly string[] s_audio = ["audio", "file", "audio_filepath", "path"];
    static readonly string[] s_text = ["text", "reference", "sentence"];
    static readonly string[] s_language = ["language", "lang", "locale"];
    static readonly string[] s_speaker = ["speaker", "speaker_id", "client_id"];
    static readonly string[] s_duration = ["duration", "seconds"];
    static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <exception cref="ManifestException">The file is damaged; the message says which line.</exception>
    internal static IReadOnlyList<EvaluationClip> Read(string path)
    {
        using var stream = File.OpenRead(path);
        return Read(stream, path, Path.GetDirectoryName(path)!);
    }

    /// <summary>Reads a manifest from a stream that can seek; <paramref name="folder"/> is what paths are relative to.</summary>
    /// <exception cref="ManifestException">The content is damaged; the message says which line.</exception>
    public static IReadOnlyList<EvaluationClip> Read(Stream stream, string source, string folder)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var entries = BeginsArray(stream) ? ReadArray(stream, source, folder) : ReadLines(stream, source, folder);
        EvaluationManifest.CheckUnique(entries, source);
        return [.. entries.Select(entry => entry.Clip)];
    }

    static bool BeginsArray(Stream stream)
    {
        int first = stream.ReadByte();
        // The mark of UTF-8 at a file's start, and white space.
        while (first is ' ' or '\t' or '\r' or '\n' or 0xEF or 0xBB or 0xBF) first = stream.ReadByte();
        stream.Position = 0;
        return first == '[';
    }

    static List<(EvaluationClip Clip, long Line)> ReadLines(Stream stream, string source, string folder)
    {
        using var reader = BoundedLines.Open(stream);
        var entries = new List<(EvaluationClip, long)>();
        foreach (var (text, number) in BoundedLines.Read(reader, source))
        {
            try
            {
                using var document = JsonDocument.Parse(text, s_options);
                entries.Add((Clip(document.RootElement, new Place(source, number, folder)), number));
            }
            catch (JsonException e)
            {
                throw new ManifestException(
                    source, number,
                    $"this is no JSON object ({Brief(e)}); expected one clip a line, such as {{\"audio\": \"a.wav\", " +
                    "\"text\": \"what is said\"}.");
            }
        }
        return entries;
    }

    static List<(EvaluationClip Clip, long Line)> ReadArray(Stream stream, string source, string folder)
    {
        if (stream.Length > LargestArray)
            throw new ManifestException($"'{source}': an array of {stream.Length:N0} bytes is too large; write one object a line.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var content = bytes.AsMemory(bytes.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0);
        try
        {
            using var document = JsonDocument.Parse(content, s_options);
            var lines = LinesOfElements(content.Span);
            return [.. document.RootElement.EnumerateArray()
                .Select((element, at) => (Clip(element, new Place(source, lines[at], folder)), lines[at]))];
        }
        catch (JsonException e)
        {
            throw new ManifestException(source, (e.LineNumber ?? 0) + 1, $"the JSON is damaged ({Brief(e)}).");
        }
    }

    /// <summary>The line on which each element of the outermost array begins.</summary>
    static List<long> LinesOfElements(ReadOnlySpan<byte> json)
    {
        var lines = new List<long>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 32 });
        long line = 1, counted = 0;
        while (reader.Read())
        {
            if (reader.CurrentDepth != 1 || reader.TokenType is JsonTokenType.EndArray or JsonTokenType.EndObject) continue;
            line += json[(int)counted..(int)reader.TokenStartIndex].Count((byte)'\n');
            counted = reader.TokenStartIndex;
            lines.Add(line);
        }
        return lines;
    }

    static EvaluationClip Clip(JsonElement entry, Place place)
    {
        if (entry.ValueKind != JsonValueKind.Object)
            throw place.Refuse($"expected an object, got {entry.ValueKind.ToString().ToLowerInvariant()}.");
        var audio = Audio(entry, place) ?? throw place.Refuse("the clip has no 'audio'; expected the recording's path.");
        if (audio.Length == 0 || audio.Contains('\0', StringComparison.Ordinal)) throw place.Refuse("the clip's 'audio' is no path.");
        return new EvaluationClip
        {
            Id = Text(entry, ["id"], place) is { Length: > 0 } id ? id : audio,
            Audio = Path.GetFullPath(audio, Path.GetFullPath(place.Folder)),
            Reference = Text(entry, s_text, place),
            Language = Text(entry, s_language, place) is { Length: > 0 } language ? language : null,
            Speaker = Text(entry, s_speaker, place) is { Length: > 0 } speaker ? speaker : null,
            Duration = Seconds(entry, place),
        };
    }

    /// <summary>A path, or an object with one, as datasets of Hugging Face have it.</summary>
    static string? Audio(JsonElement entry, Place place) =>
        entry.TryGetProperty("audio", out var nested) && nested.ValueKind == JsonValueKind.Object
            ? Text(nested, ["path"], place)
            : Text(entry, s_audio, place);

    static string? Text(JsonElement entry, string[] names, Place place)
    {
        foreach (var name in names)
        {
            if (!entry.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) continue;
            if (value.ValueKind == JsonValueKind.Number && name is "id" or "speaker" or "speaker_id") return value.GetRawText();
            if (value.ValueKind != JsonValueKind.String)
                throw place.Refuse($"'{name}' is {value.ValueKind.ToString().ToLowerInvariant()}; expected text.");
            return StringOf(value, name, place);
        }
        return null;
    }

    static string StringOf(JsonElement value, string name, Place place)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw place.Refuse($"'{name}' has half a surrogate pair; it is no Unicode text.");
        }
    }

    static TimeSpan? Seconds(JsonElement entry, Place place)
    {
        foreach (var name in s_duration)
        {
            if (!entry.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) continue;
            if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds) && seconds is >= 0 and <= 36_000_000)
                return TimeSpan.FromSeconds(seconds);
            throw place.Refuse($"'{name}' is {Shown(value)}; expected seconds from 0 to 36,000,000.");
        }
        return null;
    }

    static string Shown(JsonElement value) => value.GetRawText() is { Length: > 40 } text ? text[..40] + "…" : value.GetRawText();

    static string Brief(JsonException e) => e.Message.Split(" LineNumber", 2)[0].TrimEnd('.');

    readonly record struct Place(string Source, long Line, string Folder)
    {
        public ManifestException Refuse(string problem) => new(Source, Line, problem);
    }
}
