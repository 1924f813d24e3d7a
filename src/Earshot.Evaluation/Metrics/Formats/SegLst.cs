using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Earshot.Evaluation.Metrics;

/// <summary>
/// SegLST, the JSON of the CHiME challenges and MeetEval: an array of objects with session_id, speaker, start_time, end_time
/// (numbers or strings of seconds) and words; other members are passed over.
/// </summary>
public static class SegLst
{
    static readonly JsonWriterOptions Indented = new() { Indented = true };

    /// <summary>Reads the segments; refuses what is not SegLST with <see cref="ScoreFormatException"/>.</summary>
    public static IReadOnlyList<TranscriptSegment> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = File.OpenRead(path);
        return Read(stream, path);
    }

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="source">What the stream holds, for messages.</param>
    public static IReadOnlyList<TranscriptSegment> Read(Stream stream, string source)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            using var document = JsonDocument.Parse(stream);
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                throw new ScoreFormatException(source, 1, $"expected an array of segments, got {document.RootElement.ValueKind}.");
            }
            return [.. document.RootElement.EnumerateArray().Select((element, i) => Segment(element, $"{source}, segment {i + 1}"))];
        }
        catch (JsonException exception)
        {
            throw new ScoreFormatException($"{source}, line {exception.LineNumber + 1}: not valid JSON. {exception.Message}", exception);
        }
        catch (InvalidOperationException exception) // how JsonElement reports text that is not UTF-8, or half a surrogate pair
        {
            throw new ScoreFormatException($"{source}, a string is not valid Unicode. {exception.Message}", exception);
        }
    }

    public static void Write(string path, IEnumerable<TranscriptSegment> segments) => ScoreLines.WriteFile(path, writer =>
    {
        using var stream = new MemoryStream();
        Write(stream, segments);
        writer.Write(Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    });

    public static void Write(Stream stream, IEnumerable<TranscriptSegment> segments)
    {
        ArgumentNullException.ThrowIfNull(segments);
        using var writer = new Utf8JsonWriter(stream, Indented);
        writer.WriteStartArray();
        foreach (var segment in segments)
        {
            writer.WriteStartObject();
            writer.WriteString("session_id", segment.Session);
            writer.WriteString("speaker", segment.Speaker);
            writer.WriteNumber("start_time", (decimal)segment.Start.Ticks / TimeSpan.TicksPerSecond);
            writer.WriteNumber("end_time", (decimal)segment.End.Ticks / TimeSpan.TicksPerSecond);
            writer.WriteString("words", segment.Words);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    static TranscriptSegment Segment(JsonElement element, string place)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw new ScoreFormatException($"{place}: expected an object, got {element.ValueKind}.");
        var (start, end) = (Seconds(element, "start_time", place), Seconds(element, "end_time", place));
        if (end < start) throw new ScoreFormatException($"{place}: the end_time is before the start_time.");
        return new TranscriptSegment
        {
            Session = Text(element, "session_id", place),
            Speaker = Text(element, "speaker", place),
            Start = start,
            End = end,
            Words = Text(element, "words", place),
        };
    }

    static JsonElement Member(JsonElement element, string name, string place) =>
        element.TryGetProperty(name, out var value) ? value : throw new ScoreFormatException($"{place}: lacks the member '{name}'.");

    /// <summary>A string; a number counts as the name that it spells.</summary>
    static string Text(JsonElement element, string name, string place)
    {
        var value = Member(element, name, place);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => throw new ScoreFormatException($"{place}: expected '{name}' to be a string, got {value.ValueKind}."),
        };
    }

    static TimeSpan Seconds(JsonElement element, string name, string place)
    {
        var text = Text(element, name, place);
        if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) || seconds is < 0 or > 36_000_000)
        {
            throw new ScoreFormatException(
                $"{place}: expected '{name}' between 0 and 36,000,000 s, got '{(text.Length > 40 ? text[..40] + "…" : text)}'.");
        }
        return new TimeSpan((long)decimal.Round(seconds * TimeSpan.TicksPerSecond));
    }
}
