namespace Earshot.Cli.Files;

/// <summary>
/// Where transcripts go: standard output, one file, a folder, or a template with <c>{name}</c>, <c>{ext}</c>,
/// <c>{language}</c> and <c>{folder}</c>.
/// </summary>
internal sealed class OutputPlan
{
    const string ByName = "{name}.{ext}";

    readonly string? _template;

    OutputPlan(string? template) => _template = template;

    /// <summary>Everything to standard output.</summary>
    public static OutputPlan StandardOutput { get; } = new(null);

    /// <summary>Whether transcripts go to standard output.</summary>
    public bool IsStandardOutput => _template is null;

    /// <summary>Whether paths are known only once the language is.</summary>
    public bool NeedsLanguage => _template?.Contains("{language}", StringComparison.Ordinal) == true;

    /// <summary>Understands <c>--output</c> for these files and formats.</summary>
    /// <exception cref="UsageException">Several transcripts would go to one place.</exception>
    public static OutputPlan For(string? output, IReadOnlyList<InputFile> files, IReadOnlyList<string> extensions)
    {
        bool several = files.Count > 1 || extensions.Count > 1;
        if (output == "-" || output is null && !several)
        {
            if (several)
            {
                throw new UsageException(
                    "several transcripts cannot share standard output; give --output a folder or a template such as '{name}.{ext}'.");
            }
            return StandardOutput;
        }
        var plan = new OutputPlan(Template(output));
        if (several && !plan._template!.Contains('{', StringComparison.Ordinal))
            throw new UsageException(
                $"several transcripts cannot share the file '{output}'; " +
                $"give --output a folder ('{output}/') or a template such as '{{name}}.{{ext}}'.");
        CheckTemplate(plan._template!);
        plan.CheckDistinct(files, extensions);
        return plan;
    }

    /// <summary>The path of a transcript.</summary>
    public string PathFor(InputFile file, string extension, string? language)
    {
        if (_template is null) throw new InvalidOperationException("Standard output has no path.");
        var folder = file.IsStandardInput ? "" : Path.GetDirectoryName(file.Path) ?? "";
        var path = _template
            .Replace("{ext}", extension, StringComparison.Ordinal)
            .Replace("{language}", language ?? "unknown", StringComparison.Ordinal)
            .Replace("{folder}", folder.Length == 0 ? "." : folder, StringComparison.Ordinal)
            .Replace("{name}", file.Name, StringComparison.Ordinal);
        return path;
    }

    static string Template(string? output)
    {
        if (output is null) return ByName;
        if (output.Length == 0) throw new UsageException("--output is empty; expected a file, a folder, or a template.");
        return Directory.Exists(output) || Path.EndsInDirectorySeparator(output) ? Path.Combine(output, ByName) : output;
    }

    static void CheckTemplate(string template)
    {
        for (int open = template.IndexOf('{', StringComparison.Ordinal); open >= 0; open = template.IndexOf('{', open + 1))
        {
            int close = template.IndexOf('}', open);
            var name = close < 0 ? template[open..] : template[open..(close + 1)];
            if (name is not ("{name}" or "{ext}" or "{language}" or "{folder}"))
                throw new UsageException($"--output has '{name}'; expected {{name}}, {{ext}}, {{language}} or {{folder}}.");
        }
    }

    void CheckDistinct(IReadOnlyList<InputFile> files, IReadOnlyList<string> extensions)
    {
        var owners = new Dictionary<string, InputFile>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            foreach (var extension in extensions)
            {
                var path = Path.GetFullPath(PathFor(file, extension, "{language}"));
                if (!owners.TryAdd(path, file))
                    throw new UsageException(
                        $"'{owners[path].Label}' and '{file.Label}' would both be written to '{PathFor(file, extension, "{language}")}'; " +
                        "use {folder}, {name} and {ext} in --output.");
            }
        }
    }
}
