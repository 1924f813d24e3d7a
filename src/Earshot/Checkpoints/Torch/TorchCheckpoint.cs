using System.Text;
using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// A file of <c>torch.save</c> (<c>.pt</c>, <c>.pth</c>, <c>.ckpt</c>, <c>pytorch_model.bin</c>): a zip of a pickle and of the bytes of
/// its tensors, or, before PyTorch 1.6, the same one after the other. Its pickle is read as plain data and never executed; tensors stay in
/// the file until they are read. All that they need are a few names, which <see cref="TorchGlobals"/> lists.
/// </summary>
sealed class TorchCheckpoint : ITensorStore, IDisposable
{
    /// <summary>The name of a checkpoint in one file.</summary>
    public const string FileName = "pytorch_model.bin";

    /// <summary>The name of the index of a checkpoint in several files.</summary>
    public const string IndexName = "pytorch_model.bin.index.json";

    const string Format = "a checkpoint of PyTorch's";
    const string PickleName = "/data.pkl";
    const long MaxPickle = 256 << 20;

    readonly MappedFile? _owned;
    readonly TorchTensors _tensors;

    TorchCheckpoint(FileExtent file, MappedFile? owned)
    {
        _tensors = LegacyTorchFile.Is(file) ? LegacyTorchFile.Read(file) : ReadZip(file);
        _owned = owned;
    }

    public string Location => _tensors.Location;

    public IReadOnlyCollection<string> Names => _tensors.Names;

    /// <exception cref="CheckpointException">There is no such file, it is damaged, or asks for what is not plain data.</exception>
    public static TorchCheckpoint Open(string path)
    {
        var file = MappedFile.Open(path, Format, leastLength: 2);
        try
        {
            return new TorchCheckpoint(new FileExtent(file, 0, file.Length), file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>One within another file, which stays its opener's.</summary>
    /// <exception cref="CheckpointException">It is damaged, or asks for what is not plain data.</exception>
    public static TorchCheckpoint Within(FileExtent extent) => new(extent, owned: null);

    public StoredTensor? Find(string name) => _tensors.Find(name);

    public void Dispose() => _owned?.Dispose();

    static TorchTensors ReadZip(FileExtent file)
    {
        var zip = ZipDirectory.Read(file);
        string[] pickles = [.. zip.Entries.Keys.Where(name => name.EndsWith(PickleName, StringComparison.Ordinal))];
        if (pickles is not [var pickle] || pickle.Count(c => c == '/') != 1)
            throw ZipDirectory.Damaged(file, $"it has {pickles.Length} entries that end in '{PickleName}'; expected one, in a folder");
        var root = pickle[..^PickleName.Length];
        RequireLittleEndian(zip, root);
        var extent = zip.Entries[pickle];
        if (extent.Length > MaxPickle) throw ZipDirectory.Damaged(file, $"its pickle is {extent.Length} bytes long");
        var value = new PickleReader(new FileCursor(extent, Format)).Read();
        return new TorchTensors(value, file.File.Path, storage => Find(zip, root, storage, file));
    }

    static void RequireLittleEndian(ZipDirectory zip, string root)
    {
        if (!zip.Entries.TryGetValue($"{root}/byteorder", out var entry)) return;
        var order = new byte[Math.Min(entry.Length, 16)];
        entry.File.Read(entry.Start, order);
        if (!order.AsSpan().SequenceEqual("little"u8))
            throw ZipDirectory.Damaged(entry, $"its byte order is '{Encoding.UTF8.GetString(order)}'; expected 'little'");
    }

    static FileExtent Find(ZipDirectory zip, string root, TorchStorage storage, FileExtent file)
    {
        if (storage.Key.Length is 0 or > 20 || !storage.Key.All(char.IsAsciiDigit))
            throw ZipDirectory.Damaged(file, $"a storage has the name '{storage.Key}'; expected digits");
        if (!zip.Entries.TryGetValue($"{root}/data/{storage.Key}", out var entry))
            throw ZipDirectory.Damaged(file, $"the storage {storage.Key} is missing");
        return (Int128)storage.Count * storage.Type.Size() == entry.Length
            ? entry
            : throw ZipDirectory.Damaged(
                file, $"the storage {storage.Key} has {entry.Length} bytes; expected {storage.Count} elements of {storage.Type}");
    }
}
