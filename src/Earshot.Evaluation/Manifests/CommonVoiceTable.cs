namespace Earshot.Evaluation;

/// <summary>
/// Common Voice's tables: tab-separated, a header with at least <c>path</c> and <c>sentence</c>, and where there are any <c>locale</c>
/// and <c>client_id</c>; recordings lie in <c>clips/</c> beside the table, or beside it.
/// </summary>
public static class CommonVoiceTable
{
    /// <exception cref="ManifestException">The table is damaged; the message says which line.</exception>
    internal static IReadOnlyList<EvaluationClip> Read(string path)
    {
        using var reader = BoundedLines.Open(File.OpenRead(path));
        return Read(reader, path, Path.GetDirectoryName(path)!);
    }

    /// <summary>Reads a table whose recordings lie under <paramref name="folder"/>.</summary>
    /// <exception cref="ManifestException">The table is damaged; the message says which line.</exception>
    public static IReadOnlyList<EvaluationClip> Read(TextReader reader, string source, string folder)
    {
        var entries = new List<(EvaluationClip Clip, long Line)>();
        Columns? columns = null;
        var clips = Path.Combine(folder, "clips");
        if (!Directory.Exists(clips)) clips = folder;
        foreach (var (text, number) in BoundedLines.Read(reader, source))
        {
            var fields = text.Split('\t');
            if (columns is null) columns = Columns.Of(fields, source, number);
            else entries.Add((Clip(fields, columns, clips, (source, number)), number));
        }
        EvaluationManifest.CheckUnique(entries, source);
        return [.. entries.Select(entry => entry.Clip)];
    }

    static EvaluationClip Clip(string[] fields, Columns columns, string folder, (string Source, long Line) place)
    {
        if (fields.Length != columns.Count)
        {
            throw new ManifestException(
                place.Source, place.Line, $"expected {columns.Count} fields between tabs, as the header has, got {fields.Length}.");
        }
        var name = fields[columns.Path];
        if (!ManifestPaths.IsName(name))
            throw new ManifestException(place.Source, place.Line, $"the path '{ManifestPaths.Shown(name)}' is no file's name.");
        return new EvaluationClip
        {
            Id = name,
            Audio = Path.Combine(folder, name),
            Reference = fields[columns.Sentence],
            Language = Field(fields, columns.Locale),
            Speaker = Field(fields, columns.Speaker),
        };
    }

    static string? Field(string[] fields, int at) => at >= 0 && fields[at].Length > 0 ? fields[at] : null;

    sealed record Columns(int Count, int Path, int Sentence, int Locale, int Speaker)
    {
        public static Columns Of(string[] header, string source, long line)
        {
            var (path, sentence) = (Array.IndexOf(header, "path"), Array.IndexOf(header, "sentence"));
            if (path < 0 || sentence < 0)
                throw new ManifestException(source, line, "the header lacks 'path' or 'sentence'; expected a table of Common Voice.");
            return new Columns(header.Length, path, sentence, Array.IndexOf(header, "locale"), Array.IndexOf(header, "client_id"));
        }
    }
}

/// <summary>Names of files that come out of a manifest.</summary>
internal static class ManifestPaths
{
    /// <summary>Whether a text is the name of a file in a folder, and leads nowhere else.</summary>
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 255 && text is not ("." or "..") && text.AsSpan().IndexOfAny("/\\:\0") < 0;

    public static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
