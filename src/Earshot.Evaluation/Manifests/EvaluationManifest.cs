namespace Earshot.Evaluation;

/// <summary>A test set: recordings with what is said in them.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Source">The file or folder that it was read from.</param>
public sealed record EvaluationManifest(string Name, string Source, IReadOnlyList<EvaluationClip> Clips)
{
    /// <summary>
    /// Reads a manifest: a file of JSON (objects a line, or one array), a table of Common Voice (.tsv), or a folder by a rule of names
    /// (LibriSpeech's *.trans.txt, Common Voice's *.tsv, or a .txt beside each recording).
    /// </summary>
    /// <exception cref="ManifestException">There is no such file, or it is damaged.</exception>
    public static EvaluationManifest Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        IReadOnlyList<EvaluationClip> clips;
        if (Directory.Exists(full)) clips = FolderManifest.Read(full);
        else if (!File.Exists(full))
            throw new ManifestException(
                $"'{path}': there is no such manifest; expected a .jsonl, .json or .tsv file, or a folder of a corpus.");
        else if (Path.GetExtension(full).Equals(".tsv", StringComparison.OrdinalIgnoreCase)) clips = CommonVoiceTable.Read(full);
        else clips = JsonManifest.Read(full);
        if (clips.Count == 0) throw new ManifestException($"'{path}': the manifest has no clips.");
        var name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(full));
        // "manifest.json" in a folder says less than the folder's name.
        if (name.Equals("manifest", StringComparison.OrdinalIgnoreCase))
            name = Path.GetFileName(Path.GetDirectoryName(full)) is { Length: > 0 } folder ? folder : name;
        return new EvaluationManifest(name, full, clips);
    }

    /// <summary>Refuses clips that share a name.</summary>
    internal static void CheckUnique(IEnumerable<(EvaluationClip Clip, long Line)> clips, string source)
    {
        var lines = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (clip, line) in clips)
        {
            if (!lines.TryAdd(clip.Id, line))
            {
                throw new ManifestException(
                    source, line, $"the clip '{clip.Id}' is in line {lines[clip.Id]} already; give each an 'id' of its own.");
            }
        }
    }
}
