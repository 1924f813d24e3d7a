using Earshot.Checkpoints.Nemo;
using Earshot.Checkpoints.Torch;

namespace Earshot.Checkpoints;

/// <summary>A model in the cache.</summary>
/// <param name="Name">Its name on the hub.</param>
/// <param name="Revisions">The branches, tags or commits that are there.</param>
/// <param name="Bytes">What it takes on disk.</param>
/// <param name="IsComplete">Whether a revision has all that a model needs.</param>
public sealed record CachedModel(string Name, string Folder, IReadOnlyList<string> Revisions, long Bytes, bool IsComplete)
{
    /// <summary>Whether it is one or several GGUF files, and nothing else that is opened here.</summary>
    public bool HoldsGguf { get; init; }
}

/// <summary>The folders of Hugging Face's cache: <c>models--org--name/{blobs,refs,snapshots}</c>.</summary>
sealed class HubCache(string root)
{
    public string Root => root;

    public string FolderOf(HubModelName model) => Path.Combine(root, model.FolderName);

    public string BlobsOf(HubModelName model) => Path.Combine(FolderOf(model), "blobs");

    public string SnapshotOf(HubModelName model, string commit) => Path.Combine(FolderOf(model), "snapshots", commit);

    public string LockOf(HubModelName model, string blob) => Path.Combine(root, ".locks", model.FolderName, blob + ".lock");

    /// <summary>
    /// The complete snapshot of a model's revision, or, with a tag or where it has nothing else, its one file that holds a model; null
    /// where neither is there.
    /// </summary>
    /// <exception cref="CheckpointException">The tag, or its absence, leaves a choice.</exception>
    public string? Find(HubModelName model, string? tag = null)
    {
        var commit = IsCommit(model.Revision) ? model.Revision : ReadRef(model);
        if (commit is null || SnapshotOf(model, commit) is var snapshot && !Directory.Exists(snapshot)) return null;
        if (tag is null && IsComplete(snapshot)) return snapshot;
        var models = LocalModels.ModelsIn(snapshot);
        // What is not here yet may still be on the hub.
        if (tag is not null && !models.Any(file => ModelFileChoice.Names(file, tag))) return null;
        return models.Count == 0 ? null : Path.Combine(snapshot, ModelFileChoice.Pick(models, model.ToString(), tag).Name);
    }

    /// <summary>Notes which commit a branch or tag stands for; commits stand for themselves.</summary>
    public void WriteRef(HubModelName model, string commit)
    {
        if (model.Revision == commit) return;
        var path = RefPath(model);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var temporary = $"{path}.{Guid.NewGuid():N}.partial";
            File.WriteAllText(temporary, commit);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(
                $"Cannot write to the cache at '{root}': {e.Message} Free space there, or set HF_HUB_CACHE to another folder.", e);
        }
    }

    /// <summary>Gives a blob its name in a snapshot: by a link, or where links cannot be made, by a copy.</summary>
    public void Place(HubModelName model, string commit, string fileName, string blob)
    {
        var path = Path.Combine(SnapshotOf(model, commit), fileName);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}.partial";
        var blobPath = Path.Combine(BlobsOf(model), blob);
        try
        {
            File.CreateSymbolicLink(temporary, Path.GetRelativePath(Path.GetDirectoryName(path)!, blobPath));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            CopyInstead(blobPath, temporary);
        }
        File.Move(temporary, path, overwrite: true);
    }

    static void CopyInstead(string source, string destination)
    {
        try
        {
            File.Copy(source, destination);
        }
        catch
        {
            File.Delete(destination);
            throw;
        }
    }

    public IReadOnlyList<CachedModel> List()
    {
        if (!Directory.Exists(root)) return [];
        var models = new List<CachedModel>();
        foreach (var folder in Directory.EnumerateDirectories(root, "models--*").Order(StringComparer.Ordinal))
        {
            if (HubModelName.FromFolderName(Path.GetFileName(folder)) is not { } name) continue;
            var snapshots = Snapshots(folder);
            var revisions = Refs(folder).Select(r => r.Name)
                .Concat(snapshots.Select(Path.GetFileName).Except(Refs(folder).Select(r => r.Commit)))
                .OfType<string>().ToList();
            bool isFolder = snapshots.Any(IsComplete), isFile = !isFolder && snapshots.Any(path => LocalModels.ModelsIn(path).Count > 0);
            models.Add(new CachedModel(name.Id, folder, revisions, Size(folder), isFolder || isFile) { HoldsGguf = isFile });
        }
        return models;
    }

    /// <summary>
    /// Deletes a model, or where <paramref name="wholeModel"/> is false its one revision with the blobs that no other uses; gives the bytes
    /// freed.
    /// </summary>
    public long Remove(HubModelName model, bool wholeModel)
    {
        var folder = FolderOf(model);
        long before = Size(folder);
        if (wholeModel)
        {
            Directory.Delete(folder, recursive: true);
            var locks = Path.Combine(root, ".locks", model.FolderName);
            if (Directory.Exists(locks)) Directory.Delete(locks, recursive: true);
            return before;
        }
        var commit = IsCommit(model.Revision) ? model.Revision : ReadRef(model);
        if (commit is null || !Directory.Exists(SnapshotOf(model, commit)))
            throw new CheckpointException(
                $"'{model}' is not in the cache at '{root}'; of this model it has {string.Join(", ", Refs(folder).Select(r => r.Name))}.");
        Directory.Delete(SnapshotOf(model, commit), recursive: true);
        foreach (var reference in Refs(folder).Where(r => r.Commit == commit)) File.Delete(Path.Combine(folder, "refs", reference.Name));
        DeleteUnusedBlobs(model);
        return before - Size(folder);
    }

    public static bool IsCommit(string revision) => revision.Length == 40 && revision.All(char.IsAsciiHexDigitLower);

    void DeleteUnusedBlobs(HubModelName model)
    {
        if (!Directory.Exists(BlobsOf(model))) return;
        var used = Snapshots(FolderOf(model))
            .SelectMany(snapshot => Directory.EnumerateFiles(snapshot, "*", SearchOption.AllDirectories))
            .Select(file => Path.GetFileName(new FileInfo(file).LinkTarget))
            .ToHashSet();
        foreach (var blob in Directory.GetFiles(BlobsOf(model)))
        {
            if (!used.Contains(Path.GetFileName(blob))) File.Delete(blob);
        }
    }

    string RefPath(HubModelName model) => Path.Combine(FolderOf(model), "refs", model.Revision);

    string? ReadRef(HubModelName model)
    {
        var path = RefPath(model);
        return File.Exists(path) && File.ReadAllText(path).Trim() is var commit && IsCommit(commit) ? commit : null;
    }

    /// <summary>Whether a folder has what a model needs; another client may have fetched a file or two only.</summary>
    static bool IsComplete(string snapshot)
    {
        bool Has(string file) => File.Exists(Path.Combine(snapshot, file));
        if (!Has(ModelFolder.ConfigName)) return NemoArchive.Find(snapshot) is not null;
        if (Has(CTranslate2File.FileName)
            && (Has("vocabulary.json") || Has("vocabulary.txt"))
            && ForeignWeights.ContainerOf(snapshot) == ModelContainer.CTranslate2)
        {
            return true;
        }
        if (!(Has("tokenizer.json") || Has("vocab.json"))) return false;
        if (Has(SafetensorsCheckpoint.FileName) || Has(TorchCheckpoint.FileName)) return true;
        try
        {
            using var index = SettingsFile.OpenIfPresent(Path.Combine(snapshot, SafetensorsCheckpoint.IndexName))
                ?? SettingsFile.OpenIfPresent(Path.Combine(snapshot, TorchCheckpoint.IndexName));
            return index is not null && index.Root.TryGetProperty("weight_map", out var map)
                && map.EnumerateObject().Select(p => p.Value.GetString()).Distinct()
                    .All(shard => shard is not null && File.Exists(Path.Combine(snapshot, shard)));
        }
        catch (Exception e) when (e is CheckpointException or InvalidOperationException)
        {
            return false;
        }
    }

    static string[] Snapshots(string folder)
    {
        var snapshots = Path.Combine(folder, "snapshots");
        return Directory.Exists(snapshots) ? Directory.GetDirectories(snapshots) : [];
    }

    static List<(string Name, string Commit)> Refs(string folder)
    {
        var refs = Path.Combine(folder, "refs");
        if (!Directory.Exists(refs)) return [];
        return [.. Directory.EnumerateFiles(refs, "*", SearchOption.AllDirectories)
            .Select(file => (Path.GetRelativePath(refs, file), File.ReadAllText(file).Trim()))];
    }

    /// <summary>What the files take; links take nothing.</summary>
    static long Size(string folder) => Directory.Exists(folder)
        ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Where(f => f.LinkTarget is null).Sum(f => f.Length)
        : 0;
}
