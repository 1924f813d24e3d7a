using System.Globalization;
using System.Text;

namespace Earshot.Evaluation.Metrics;

/// <summary>A line of a field file with its place, so that every refusal can say where.</summary>
internal readonly record struct ScoreLine(string Source, int Number, string Text)
{
    public string[] Fields(int most) =>
        most == 0 ? Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : SplitFirst(Text, most);

    public ScoreFormatException Refuse(string problem) => new(Source, Number, $"{problem} The line is: {Shown}");

    /// <summary>A time in seconds that is finite, not negative, and less than 10,000 hours.</summary>
    public TimeSpan Seconds(string field, string name)
    {
        if (!decimal.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds))
        {
            throw Refuse($"expected {name} in seconds, got '{field}'.");
        }
        if (seconds is < 0 or > 36_000_000) throw Refuse($"{name} must lie between 0 and 36,000,000 s, got {field}.");
        return new TimeSpan((long)decimal.Round(seconds * TimeSpan.TicksPerSecond));
    }

    string Shown => Text.Length <= 120 ? Text : Text[..120] + "…";

    /// <summary>The first fields, and the rest of the line as the last one.</summary>
    static string[] SplitFirst(string text, int most)
    {
        var fields = new List<string>(most);
        var rest = text.AsSpan().Trim();
        while (!rest.IsEmpty && fields.Count < most - 1)
        {
            var end = rest.IndexOfAny(" \t");
            if (end < 0) break;
            fields.Add(rest[..end].ToString());
            rest = rest[end..].TrimStart();
        }
        if (!rest.IsEmpty) fields.Add(rest.ToString());
        return [.. fields];
    }
}

/// <summary>Reads and writes files of one record a line.</summary>
internal static class ScoreLines
{
    /// <summary>The lines that are neither empty nor comments (;; as NIST's tools write them).</summary>
    public static IEnumerable<ScoreLine> Read(TextReader reader, string source)
    {
        for (var number = 1; reader.ReadLine() is { } text; number++)
        {
            if (number == 1) text = text.TrimStart('\uFEFF');
            var trimmed = text.AsSpan().TrimStart();
            if (!trimmed.IsEmpty && trimmed[0] != ';') yield return new ScoreLine(source, number, text);
        }
    }

    public static List<T> ReadFile<T>(string path, Func<TextReader, string, List<T>> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var reader = new StreamReader(path, Encoding.UTF8);
        return read(reader, path);
    }

    /// <summary>Writes beside the file, then takes its place, so that no half-written file is ever seen.</summary>
    public static void WriteFile(string path, Action<TextWriter> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var beside = path + "." + Path.GetRandomFileName();
        try
        {
            using (var writer = new StreamWriter(beside, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)))
            {
                writer.NewLine = "\n";
                write(writer);
            }
            File.Move(beside, path, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    /// <summary>Seconds with as many decimals as needed, at least three.</summary>
    public static string Seconds(TimeSpan time) =>
        ((decimal)time.Ticks / TimeSpan.TicksPerSecond).ToString("0.000####", CultureInfo.InvariantCulture);

    /// <summary>A name as one field; white space would make it two.</summary>
    public static string Field(string value, string name)
    {
        if (value.Length == 0) throw new ArgumentException($"The {name} is empty; field files need one.");
        if (value.Any(char.IsWhiteSpace)) throw new ArgumentException($"The {name} '{value}' has white space; field files cannot hold it.");
        return value;
    }
}
