using System.Globalization;
using Earshot.Checkpoints.Gguf;

namespace Earshot.Checkpoints;

/// <summary>A model among the files of a repository or a folder: one file, or the parts that belong together.</summary>
/// <param name="Name">The first file's, below the repository.</param>
/// <param name="Bytes">What all files take, where that is known.</param>
sealed record ModelFile(string Name, IReadOnlyList<string> Files, long? Bytes)
{
    /// <summary>The name without folder, ending and number of the part.</summary>
    public string Stem
    {
        get
        {
            var name = Path.GetFileName(Name);
            return GgufPartName.Parse(name)?.Stem ?? Path.GetFileNameWithoutExtension(name);
        }
    }

    public override string ToString() =>
        Bytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{Name} ({bytes / 1e6:0} MB)") : Name;
}

/// <summary>
/// Which file of several <c>owner/repo:QUANT</c> means: never a projector, an importance matrix or an adapter, which lie beside models.
/// </summary>
static class ModelFileChoice
{
    const int MostListed = 24;

    static readonly string[] s_besides = ["mmproj", "imatrix", "lora", "adapter", "for-tests", "projector"];

    /// <summary>The models among files, in the order of their names; parts of which some are missing are none.</summary>
    public static IReadOnlyList<ModelFile> ModelsAmong(IEnumerable<(string Name, long? Bytes)> files)
    {
        var bytes = files.Where(file => IsModel(file.Name)).ToDictionary(file => file.Name, file => file.Bytes, StringComparer.Ordinal);
        var models = new List<ModelFile>();
        foreach (var name in bytes.Keys.Order(StringComparer.Ordinal))
        {
            if (GgufPartName.Parse(Path.GetFileName(name)) is not { Count: > 1 } part) models.Add(new(name, [name], bytes[name]));
            else if (part.Number == 1)
            {
                var folder = name[..^Path.GetFileName(name).Length];
                List<string> parts = [.. part.All().Select(file => folder + file)];
                if (parts.TrueForAll(bytes.ContainsKey)) models.Add(new(name, parts, parts.Sum(file => bytes[file])));
            }
        }
        return models;
    }

    /// <summary>The one model that a tag names: a quantisation such as Q4_K_M, or a file's name; without a tag, the only one.</summary>
    /// <exception cref="CheckpointException">There are several, or none.</exception>
    public static ModelFile Pick(IReadOnlyList<ModelFile> models, string repository, string? tag)
    {
        var fitting = tag is null ? models : [.. models.Where(model => Names(model, tag))];
        // A file that is called so, among others that are called so and more.
        if (tag is not null && fitting.Count > 1 && fitting.Where(model => IsCalled(model, tag)).ToList() is [var exact]) return exact;
        if (fitting is [var only]) return only;
        var listed = fitting.Count > 1 ? fitting : models;
        var have = string.Join(", ", listed.Take(MostListed)) + (listed.Count > MostListed ? " …" : "");
        throw new CheckpointException(models.Count == 0
            ? $"'{repository}' has no model in a file of its own (GGUF, or ggml-*.bin)."
            : $"'{repository}' has " +
                $"{(tag is null ? "several models" : fitting.Count > 1 ? $"several that '{tag}' may mean" : $"no '{tag}'")}: " +
                $"{have}. Name one: {repository}:{TagOf(listed[0])}");
    }

    static bool IsModel(string name)
    {
        var file = Path.GetFileName(name);
        bool isGgml = file.StartsWith("ggml-", StringComparison.OrdinalIgnoreCase) && HasEnding(file, ".bin");
        return (isGgml || HasEnding(file, ".gguf")) && !Array.Exists(s_besides, word => IsWord(file, word));
    }

    public static bool Names(ModelFile model, string tag) => IsCalled(model, tag) || IsWord(model.Name, tag);

    static bool IsCalled(ModelFile model, string tag)
    {
        bool Same(string name) => name.Equals(tag, StringComparison.OrdinalIgnoreCase);
        return Same(model.Name) || Same(Path.GetFileName(model.Name)) || Same(model.Stem)
            || (model.Stem.StartsWith("ggml-", StringComparison.OrdinalIgnoreCase) && Same(model.Stem[5..]));
    }

    /// <summary>Whether a word stands in a name and is no piece of a longer one: Q4_K is not in Q4_K_M, nor Q4_XS in IQ4_XS.</summary>
    static bool IsWord(string name, string word)
    {
        for (int at = 0; (at = name.IndexOf(word, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            int end = at + word.Length;
            bool begins = at == 0 || !char.IsAsciiLetterOrDigit(name[at - 1]);
            if (begins && (end == name.Length || !(char.IsAsciiLetterOrDigit(name[end]) || name[end] == '_' && IsQuantisation(word))))
                return true;
        }
        return false;
    }

    static bool IsQuantisation(string word) => word.Contains('_', StringComparison.Ordinal);

    /// <summary>The shortest thing to say: the last piece of the name where it tells the file from all others.</summary>
    static string TagOf(ModelFile model)
    {
        var stem = model.Stem;
        int cut = stem.LastIndexOfAny(['-', '.']);
        return cut > 0 && cut < stem.Length - 1 ? stem[(cut + 1)..] : stem;
    }

    static bool HasEnding(string name, string ending) => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase);
}
