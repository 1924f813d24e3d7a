using System.Text.Json;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>
/// Files of transcripts to compare with one another: a text a line, or JSON lines with <c>text</c> and, to pair by, <c>id</c> or
/// <c>audio</c>.
/// </summary>
public static class TranscriptFile
{
    static readonly string[] s_text = ["text", "reference", "hypothesis", "pred_text", "sentence"];
    static readonly string[] s_id = ["id", "audio", "file", "audio_filepath", "path"];

    /// <summary>Pairs the texts of two files: by their names where both have some, else line by line.</summary>
    /// <exception cref="ManifestException">A file is damaged, or the two do not fit together.</exception>
    public static IReadOnlyList<TextPair> Pair(string reference, string hypothesis)
    {
        List<Line> first = Read(reference), second = Read(hypothesis);
        if (first.Count == 0) throw new ManifestException($"'{reference}' has no text.");
        if (first.All(line => line.Id is not null) && second.All(line => line.Id is not null))
            return ByName(first, second, reference, hypothesis);
        if (first.Count != second.Count)
            throw new ManifestException(
                $"'{reference}' has {first.Count} texts, '{hypothesis}' has {second.Count}; " +
                "lines are paired in order, so both need as many.");
        return [.. first.Zip(second, (a, b) => new TextPair($"{a.Number}", a.Text, b.Text))];
    }

    static List<TextPair> ByName(List<Line> first, List<Line> second, string reference, string hypothesis)
    {
        var texts = new Dictionary<string, Line>(StringComparer.Ordinal);
        foreach (var line in second)
        {
            if (!texts.TryAdd(line.Id!, line))
                throw new ManifestException(hypothesis, line.Number, $"'{line.Id}' is in line {texts[line.Id!].Number} already.");
        }
        if (first.GroupBy(line => line.Id).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ManifestException(reference, twice.Last().Number, $"'{twice.Key}' is in line {twice.First().Number} already.");
        if (first.FirstOrDefault(line => !texts.ContainsKey(line.Id!)) is { Id: not null } lacking)
            throw new ManifestException(reference, lacking.Number, $"'{lacking.Id}' has no text in '{hypothesis}'.");
        return [.. first.Select(line => new TextPair(line.Id!, line.Text, texts[line.Id!].Text))];
    }

    static List<Line> Read(string path)
    {
        if (!File.Exists(path)) throw new ManifestException($"'{path}': there is no such file.");
        using var reader = BoundedLines.Open(File.OpenRead(path));
        bool json = Path.GetExtension(path).ToLowerInvariant() is ".jsonl" or ".ndjson" or ".json";
        // In plain text an empty line is an empty transcript, and counts.
        return json ? [.. BoundedLines.Read(reader, path).Select(line => Parse(line.Text, path, line.Number))]
            : [.. BoundedLines.Read(reader, path, keepEmpty: true).Select(line => new Line(null, line.Text, line.Number))];
    }

    static Line Parse(string text, string source, long number)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var entry = document.RootElement;
            if (entry.ValueKind != JsonValueKind.Object) throw new JsonException("expected an object");
            return new Line(
                Field(entry, s_id), Field(entry, s_text) ?? throw new JsonException($"it has none of {string.Join(", ", s_text)}"), number);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ManifestException(
                source, number,
                $"this is no transcript ({e.Message.Split(" LineNumber")[0].TrimEnd('.')}); " +
                "expected an object such as {\"id\": \"a\", \"text\": \"what is said\"}.");
        }
    }

    static string? Field(JsonElement entry, string[] names)
    {
        foreach (var name in names)
        {
            if (entry.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String) return value.GetString();
        }
        return null;
    }

    readonly record struct Line(string? Id, string Text, long Number);
}
