using System.IO.Compression;
using Earshot.Checkpoints.Torch;
using Earshot.Compute;

namespace Earshot.Checkpoints.Nemo;

/// <summary>
/// A model of NVIDIA's NeMo: a tar (<c>.nemo</c>, in older ones compressed with gzip) of settings in YAML, weights as PyTorch saves them,
/// and the tokenizer's files; or the folder that one was unpacked to.
/// </summary>
sealed class NemoArchive : IDisposable
{
    /// <summary>The kind that settings of such models go by here.</summary>
    public const string ModelType = "nemo";

    public const string ConfigName = "model_config.yaml", WeightsName = "model_weights.ckpt";

    const string Extension = ".nemo", Format = "a NeMo archive";
    const int MaxText = 64 << 20;

    // Weights hardly get smaller: what grows more than that was made to fill a disk.
    const long MostGrowth = 8, LeastRoom = 64 << 20;

    readonly Dictionary<string, FileExtent> _members = new(StringComparer.Ordinal);
    readonly List<MappedFile> _files = [];

    NemoArchive(string path)
    {
        Path = path;
        try
        {
            if (Directory.Exists(path)) AddFolder(path);
            else AddArchive(path);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The archive or folder.</summary>
    public string Path { get; }

    public IReadOnlyCollection<string> Members => _members.Keys;

    /// <summary>
    /// The archive that a path means: itself, the only one in a folder without another model, or a folder that one was unpacked to. Null
    /// where there is none.
    /// </summary>
    public static string? Find(string path)
    {
        if (File.Exists(path)) return IsArchive(path) ? path : null;
        if (!Directory.Exists(path) || File.Exists(System.IO.Path.Combine(path, ModelFolder.ConfigName))) return null;
        if (File.Exists(System.IO.Path.Combine(path, ConfigName))) return path;
        string[] archives = [.. Directory.EnumerateFiles(path, "*" + Extension).Where(IsArchive).Take(2)];
        return archives is [var only] ? only : null;
    }

    /// <exception cref="CheckpointException">It is damaged, or its files cannot be read.</exception>
    public static NemoArchive Open(string path) => new(path);

    /// <summary>The settings of an archive.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public static SettingsFile ReadConfig(string path)
    {
        using var archive = Open(path);
        return archive.ReadConfig();
    }

    /// <summary>The weights of an archive, which are to be disposed of.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public static ITensorStore OpenWeights(string path)
    {
        var archive = Open(path);
        try
        {
            return new Weights(archive, TorchCheckpoint.Within(archive.Require(WeightsName, "holds the weights")));
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>The settings, as JSON, with the model's kind among them.</summary>
    /// <exception cref="CheckpointException">They are missing or damaged.</exception>
    public SettingsFile ReadConfig()
    {
        var source = $"{Path}: {ConfigName}";
        return SettingsFile.Parse(source, Yaml.ToJson(ReadMember(ConfigName, "holds the settings"), source, ("model_type", ModelType)));
    }

    /// <summary>A file's content; <paramref name="purpose"/> finishes the sentence "the file … that …".</summary>
    /// <exception cref="CheckpointException">It is missing or too large.</exception>
    public byte[] ReadMember(string name, string purpose)
    {
        var member = Require(name, purpose);
        if (member.Length > MaxText)
            throw new CheckpointException($"'{Path}': '{name}' is {member.Length} bytes long; expected at most {MaxText}.");
        var content = new byte[member.Length];
        member.File.Read(member.Start, content);
        return content;
    }

    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    /// <summary>Whether a file is an archive by its name.</summary>
    public static bool IsArchive(string path) => System.IO.Path.GetExtension(path).Equals(Extension, StringComparison.OrdinalIgnoreCase);

    FileExtent Require(string name, string purpose) => _members.TryGetValue(name, out var member)
        ? member
        : throw new CheckpointException($"'{Path}' has no file '{name}', which {purpose}. Download the archive again.");

    void AddFolder(string path)
    {
        foreach (var file in Directory.EnumerateFiles(path))
        {
            if (new FileInfo(file).Length == 0) continue;
            var mapped = MappedFile.Open(file, Format, leastLength: 0);
            _files.Add(mapped);
            _members.Add(System.IO.Path.GetFileName(file), new FileExtent(mapped, 0, mapped.Length));
        }
    }

    void AddArchive(string path)
    {
        var file = MappedFile.Open(path, Format, leastLength: 512);
        _files.Add(file);
        var head = new byte[2];
        file.Read(0, head);
        if (head is [0x1F, 0x8B])
        {
            file = Unpack(file);
            _files.Add(file);
        }
        foreach (var (name, member) in TarDirectory.Read(new FileExtent(file, 0, file.Length))) _members.Add(name, member);
    }

    /// <summary>What was compressed, in a file of the system's folder for such that is gone when it is closed.</summary>
    static MappedFile Unpack(MappedFile packed)
    {
        var path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"earshot-{Guid.NewGuid():N}.tar");
        FileStream? unpacked = null;
        try
        {
            unpacked = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.Read | FileShare.Delete,
                Options = FileOptions.DeleteOnClose,
            });
            using var source = new FileStream(packed.Path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            using var gzip = new GZipStream(source, CompressionMode.Decompress);
            Copy(gzip, unpacked, LeastRoom + MostGrowth * packed.Length, packed.Path);
            unpacked.Flush();
            return MappedFile.OfUnpacked(unpacked, Format, packed.Path);
        }
        catch (Exception e)
        {
            unpacked?.Dispose();
            if (e is IOException or InvalidDataException or UnauthorizedAccessException)
                throw new CheckpointException($"Cannot unpack '{packed.Path}': {e.Message}", e);
            throw;
        }
    }

    static void Copy(GZipStream gzip, FileStream unpacked, long most, string path)
    {
        var buffer = new byte[1 << 16];
        for (int read; (read = gzip.Read(buffer)) > 0;)
        {
            unpacked.Write(buffer.AsSpan(0, read));
            if (unpacked.Position > most)
                throw new CheckpointException(
                    $"Cannot unpack '{path}': it becomes more than {most} bytes, which no model's weights do. Do not trust this archive.");
        }
    }

    sealed class Weights(NemoArchive archive, TorchCheckpoint checkpoint) : ITensorStore, IDisposable
    {
        public string Location => checkpoint.Location;

        public IReadOnlyCollection<string> Names => checkpoint.Names;

        public StoredTensor? Find(string name) => checkpoint.Find(name);

        public void Dispose()
        {
            checkpoint.Dispose();
            archive.Dispose();
        }
    }
}
