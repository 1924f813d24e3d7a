using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Earshot.ForcedAlignment;

/// <summary>Writes an alignment as other programs read it.</summary>
public static class AlignmentWriter
{
    static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Praat's TextGrid, with a tier each of segments, words and characters. Times are those of the alignment; what lies between is empty.
    /// </summary>
    public static string ToTextGrid(TextAlignment alignment)
    {
        ArgumentNullException.ThrowIfNull(alignment);
        var grid = new StringBuilder();
        double end = alignment.Duration.TotalSeconds;
        grid.Append(CultureInfo.InvariantCulture,
            $"File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = {Number(end)}\n" +
            $"tiers? <exists>\nsize = 3\nitem []:\n");
        Tier(grid, 1, "segments", end, alignment.Segments.Select(segment => (segment.Start, segment.End, segment.Text)));
        Tier(grid, 2, "words", end, alignment.Words.Select(word => (word.Start, word.End, word.Text)));
        Tier(grid, 3, "characters", end, alignment.Words.SelectMany(word => word.Characters)
            .Select(character => (character.Start, character.End, character.Text)));
        return grid.ToString();
    }

    /// <summary>JSON: the verdict, and segments with words and characters; times in seconds, a guessed word without a score.</summary>
    public static string ToJson(TextAlignment alignment)
    {
        ArgumentNullException.ThrowIfNull(alignment);
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_json)) Write(json, alignment);
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    static void Write(Utf8JsonWriter json, TextAlignment alignment)
    {
        json.WriteStartObject();
        json.WriteString("text", string.Concat(alignment.Words.Select(word => word.Text)).Trim());
        json.WriteNumber("duration", Seconds(alignment.Duration));
        json.WriteString("verdict", alignment.Verdict switch
        {
            AlignmentVerdict.Matches => "matches",
            AlignmentVerdict.MatchesInParts => "matches_in_parts",
            _ => "does_not_match",
        });
        double other = alignment.SpeechWithoutText.Sum(range => range.Duration.TotalSeconds);
        json.WriteNumber("seconds_of_speech_without_text", Math.Round(other, 2));
        json.WriteStartArray("speech_without_text");
        foreach (var range in alignment.SpeechWithoutText) WriteTimed(json, null, (range.Start, range.End), null, null);
        json.WriteEndArray();
        json.WriteNumber("words_without_speech", alignment.WordsWithoutSpeech.Count);
        json.WriteStartArray("segments");
        foreach (var segment in alignment.Segments)
        {
            WriteTimed(json, ("text", segment.Text), (segment.Start, segment.End), null, () =>
            {
                json.WriteStartArray("words");
                foreach (var word in segment.Words) WriteWord(json, word);
                json.WriteEndArray();
            });
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void WriteWord(Utf8JsonWriter json, AlignedWord word) =>
        WriteTimed(json, ("word", word.Text), (word.Start, word.End), word.Score, () =>
        {
            if (word.Score is null)
            {
                json.WriteBoolean("guessed", true);
                return;
            }
            json.WriteStartArray("characters");
            foreach (var character in word.Characters)
                WriteTimed(json, ("character", character.Text), (character.Start, character.End), character.Score, null);
            json.WriteEndArray();
        });

    static void WriteTimed(
        Utf8JsonWriter json, (string Key, string Text)? text, (TimeSpan Start, TimeSpan End) times, float? score, Action? more)
    {
        json.WriteStartObject();
        if (text is { } given) json.WriteString(given.Key, given.Text);
        json.WriteNumber("start", Seconds(times.Start));
        json.WriteNumber("end", Seconds(times.End));
        if (score is { } value) json.WriteNumber("score", Math.Round(value, 4));
        more?.Invoke();
        json.WriteEndObject();
    }

    // Intervals follow each other without gaps, as the format has it.
    static void Tier(
        StringBuilder grid, int number, string name, double end, IEnumerable<(TimeSpan Start, TimeSpan End, string Text)> items)
    {
        var intervals = new List<(double Start, double End, string Text)>();
        double at = 0;
        foreach (var (start, until, text) in items)
        {
            double from = Math.Max(at, start.TotalSeconds), to = Math.Min(end, until.TotalSeconds);
            if (to <= from) continue;
            if (from > at) intervals.Add((at, from, ""));
            intervals.Add((from, to, text.Trim()));
            at = to;
        }
        if (at < end) intervals.Add((at, end, ""));
        grid.Append(CultureInfo.InvariantCulture,
            $"    item [{number}]:\n        class = \"IntervalTier\"\n        name = \"{name}\"\n        xmin = 0\n" +
            $"        xmax = {Number(end)}\n        intervals: size = {intervals.Count}\n");
        for (int i = 0; i < intervals.Count; i++)
        {
            var (start, until, text) = intervals[i];
            grid.Append(CultureInfo.InvariantCulture,
                $"        intervals [{i + 1}]:\n            xmin = {Number(start)}\n            xmax = {Number(until)}\n" +
                $"            text = \"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"\n");
        }
    }

    static string Number(double seconds) => seconds.ToString("0.######", CultureInfo.InvariantCulture);

    static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);
}
