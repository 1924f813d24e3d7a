using Earshot.Compute;

namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// A model in one GGUF file, or in several whose parts lie beside each other (<c>NAME-00001-of-00003.gguf</c>), of which any is given.
/// Whether a file is a part is told by its metadata: a name may look so by chance.
/// </summary>
public sealed class GgufCheckpoint : ITensorStore, IDisposable
{
    const string NumberKey = "split.no", CountKey = "split.count", TensorsKey = "split.tensors.count";

    readonly Dictionary<string, GgufFile> _fileOfTensor = new(StringComparer.Ordinal);
    readonly List<GgufFile> _parts = [];

    GgufCheckpoint(string location)
    {
        Location = location;
    }

    /// <summary>The path that was given.</summary>
    public string Location { get; }

    /// <summary>The files, in the order of their numbers.</summary>
    public IReadOnlyList<GgufFile> Parts => _parts;

    /// <summary>What the first file says; other parts say nothing of the model.</summary>
    public GgufMetadata Metadata => _parts[0].Metadata;

    public IReadOnlyCollection<string> Names => _fileOfTensor.Keys;

    /// <summary>Opens a file and, where it is a part, all others.</summary>
    /// <exception cref="CheckpointException">A part is missing or damaged, or belongs to another model.</exception>
    public static GgufCheckpoint Open(string path)
    {
        var store = new GgufCheckpoint(path);
        try
        {
            store.OpenParts(path);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public StoredTensor? Find(string name) => Find(name, name);

    /// <summary>A tensor under another name.</summary>
    internal StoredTensor? Find(string name, string alias) => _fileOfTensor.GetValueOrDefault(name)?.Find(name, alias);

    public void Dispose()
    {
        foreach (var part in _parts) part.Dispose();
    }

    void OpenParts(string path)
    {
        var given = GgufFile.Open(path);
        _parts.Add(given);
        if (given.Metadata.FindInteger(CountKey) is { } count and > 1)
        {
            var names = PartNames(given, count);
            var missing = names.Where(name => !File.Exists(name)).Select(Path.GetFileName).ToList();
            if (missing.Count > 0)
                throw new CheckpointException(
                    $"'{path}' is one of {count} parts of a model, of which {missing.Count} are not beside it: " +
                    $"{string.Join(", ", missing.Take(8))}{(missing.Count > 8 ? " …" : "")}. Download them into the same folder.");
            _parts.Clear();
            given.Dispose();
            foreach (var name in names) _parts.Add(GgufFile.Open(name));
            for (int i = 0; i < names.Count; i++) CheckPart(_parts[i], i, count);
        }
        foreach (var part in _parts)
        {
            foreach (var name in part.Names)
            {
                if (!_fileOfTensor.TryAdd(name, part))
                    throw Mixed(part, $"tensor '{name}' is in '{Path.GetFileName(_fileOfTensor[name].Location)}' too");
            }
        }
        if (_parts.Count > 1 && Metadata.FindInteger(TensorsKey) is { } tensors && tensors != _fileOfTensor.Count)
            throw Mixed(_parts[0], $"it tells of {tensors} tensors, and the parts have {_fileOfTensor.Count} together");
    }

    /// <summary>The paths of all parts, from the name of one.</summary>
    static List<string> PartNames(GgufFile given, long count)
    {
        var own = GgufPartName.Parse(Path.GetFileName(given.Location));
        if (own is null || own.Count != count)
            throw new CheckpointException(
                $"'{given.Location}' is part {given.Metadata.FindInteger(NumberKey) + 1} of {count} of a model, and its name does not " +
                $"tell so. Parts are called NAME-00001-of-{count:D5}.gguf, beside each other: give the files their names back.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(given.Location))!;
        return [.. own.All().Select(name => Path.Combine(folder, name))];
    }

    static void CheckPart(GgufFile part, int index, long count)
    {
        if (part.Metadata.FindInteger(CountKey) is var told && told != count)
            throw Mixed(part, $"it says that it is one of {told?.ToString() ?? "no"} parts; expected {count}");
        if (part.Metadata.FindInteger(NumberKey) is var number && number != index)
            throw Mixed(part, $"it says that it is part {number + 1}; its name says {index + 1}");
    }

    static CheckpointException Mixed(GgufFile part, string what) => new(
        $"'{part.Location}' does not belong to the parts beside it: {what}. " +
        "Files were swapped, or are of different versions: download all parts again.");
}

/// <summary>The name of one part of a split model: <c>NAME-00001-of-00003.gguf</c>.</summary>
sealed record GgufPartName(string Stem, int Number, int Count, string Extension)
{
    const int Digits = 5;

    /// <summary>What a file's name says; null where it is not a part's.</summary>
    public static GgufPartName? Parse(string name)
    {
        const string of = "-of-";
        if (!name.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)) return null;
        var (stem, extension) = (name[..^5], name[^5..]);
        int start = stem.Length - 2 * Digits - of.Length - 1;
        if (start < 1 || stem[start] != '-' || stem.Substring(start + 1 + Digits, of.Length) != of
            || !TryNumber(stem.AsSpan(start + 1, Digits), out int number) || !TryNumber(stem.AsSpan(stem.Length - Digits), out int count)
            || number < 1 || number > count)
        {
            return null;
        }
        return new GgufPartName(stem[..start], number, count, extension);
    }

    /// <summary>The names of all parts.</summary>
    public IEnumerable<string> All() => Enumerable.Range(1, Count).Select(number => $"{Stem}-{number:D5}-of-{Count:D5}{Extension}");

    static bool TryNumber(ReadOnlySpan<char> digits, out int number) =>
        int.TryParse(digits, System.Globalization.NumberStyles.None, null, out number);
}
