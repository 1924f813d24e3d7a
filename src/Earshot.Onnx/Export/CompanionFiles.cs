namespace Earshot.Onnx.Export;

/// <summary>
/// The files beside a model's weights that running it needs: settings and vocabularies. They are those files of its folder, not of folders
/// below it, that end in <c>.json</c>, <c>.txt</c>, <c>.model</c>, <c>.bin</c>, <c>.vocab</c>, <c>.tiktoken</c>, <c>.jinja</c>,
/// <c>.yaml</c>
/// or <c>.yml</c>, are not empty and have at most 64 MiB; but for indexes of weights (<c>*.index.json</c>), weights in PyTorch's formats,
/// which end in <c>.bin</c> too, and what an earlier export left.
/// </summary>
static class CompanionFiles
{
    const long MostBytes = 64 << 20;

    static readonly HashSet<string> s_endings =
        new(StringComparer.OrdinalIgnoreCase) { ".json", ".txt", ".model", ".bin", ".vocab", ".tiktoken", ".jinja", ".yaml", ".yml" };

    /// <summary>
    /// Copies them, links as the files that they lead to. A link is followed to a file of the same folder, or to a blob of the hub's cache
    /// (<c>snapshots/REVISION/file</c> → <c>blobs/…</c>), and nowhere else.
    /// </summary>
    /// <exception cref="CheckpointException">A file that belongs to the model is a link to somewhere else.</exception>
    public static void Copy(string from, string to)
    {
        var folder = new DirectoryInfo(from);
        if (folder.ResolveLinkTarget(returnFinalTarget: true) is DirectoryInfo place)
            folder = place; // so that links in it lead on from where it is
        foreach (var entry in folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            if (entry is FileInfo file && HasRightName(file.Name) && Content(file) is { } content)
                CopyContent(content, Path.Combine(to, file.Name));
        }
    }

    static bool HasRightName(string name) =>
        s_endings.Contains(Path.GetExtension(name))
        && !name.StartsWith('.')
        && !name.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase)
        && name != ExportManifest.FileName;

    // The file itself or what a link leads to; null where that is no companion.
    static FileInfo? Content(FileInfo file)
    {
        var content = file;
        if (file.LinkTarget is not null)
        {
            if (file.ResolveLinkTarget(returnFinalTarget: true) is not FileInfo { Exists: true } target) return null;
            if (target.DirectoryName != file.DirectoryName && target.DirectoryName != Blobs(file.Directory!))
                throw new CheckpointException(
                    $"'{file.FullName}' is a link to '{target.FullName}', outside the model's folder, and is not followed. " +
                    "Put the file itself into the folder, or remove the link.");
            content = target;
        }
        // Pipes and devices have no length.
        return content is { Exists: true, Length: > 0 and <= MostBytes }
            && !(HasEnding(file.Name, ".bin") && IsPyTorch(content.FullName)) ? content : null;
    }

    // Where the hub's cache keeps the files of a snapshot; null where the folder is none.
    static string? Blobs(DirectoryInfo folder) =>
        folder.Parent is { Name: "snapshots", Parent: { } model } ? Path.Combine(model.FullName, "blobs") : null;

    // A ZIP archive or a pickle.
    static bool IsPyTorch(string path)
    {
        Span<byte> head = stackalloc byte[2];
        using var stream = File.OpenRead(path);
        int read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        return read == 2 && (head.SequenceEqual("PK"u8) || head[0] == 0x80);
    }

    static void CopyContent(FileInfo content, string to)
    {
        using var source = content.OpenRead();
        using var copy = new FileStream(to, FileMode.CreateNew, FileAccess.Write);
        source.CopyTo(copy);
    }

    static bool HasEnding(string name, string ending) => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase);
}
