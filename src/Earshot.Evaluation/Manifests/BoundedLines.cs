using System.Text;

namespace Earshot.Evaluation;

/// <summary>Lines of a text file, none longer than a limit, so that a file without line ends is refused and not held.</summary>
internal static class BoundedLines
{
    /// <summary>Most characters of a line: an hour of speech is about 60,000.</summary>
    public const int Longest = 1 << 20;

    /// <summary>Lines with their numbers from 1; empty ones are left out unless they are to be kept.</summary>
    /// <exception cref="ManifestException">A line is too long, or the file is not UTF-8.</exception>
    public static IEnumerable<(string Text, long Number)> Read(TextReader reader, string source, bool keepEmpty = false)
    {
        var line = new StringBuilder();
        long number = 1;
        for (int next = Next(reader, source, number); next >= 0; next = Next(reader, source, number))
        {
            if (next != '\n')
            {
                if (line.Length == Longest)
                    throw new ManifestException(source, number, $"the line is longer than {Longest:N0} characters.");
                line.Append((char)next);
                continue;
            }
            var text = Take(line, number);
            if (keepEmpty || !string.IsNullOrWhiteSpace(text)) yield return (text, number);
            number++;
        }
        var last = Take(line, number);
        if (!string.IsNullOrWhiteSpace(last)) yield return (last, number);
    }

    /// <summary>Opens a file of UTF-8, which refuses bytes that are none.</summary>
    public static StreamReader Open(Stream stream) => new(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));

    static int Next(TextReader reader, string source, long number)
    {
        try
        {
            return reader.Read();
        }
        catch (DecoderFallbackException)
        {
            throw new ManifestException(source, number, "the text is not UTF-8 (near this line).");
        }
    }

    static string Take(StringBuilder line, long number)
    {
        var text = line.ToString();
        line.Clear();
        if (number == 1) text = text.TrimStart('\uFEFF');
        return text.TrimEnd('\r');
    }
}
