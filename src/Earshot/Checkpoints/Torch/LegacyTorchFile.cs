using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// What <c>torch.save</c> wrote before PyTorch 1.6: pickles of a magic number, a version, the machine's sizes, the object and the storages'
/// names, and then each storage's count and elements.
/// </summary>
static class LegacyTorchFile
{
    const string Format = "a checkpoint of PyTorch's older form";
    const long Version = 1001;

    // The pickle of 0x1950a86a20f9469cfc6c.
    static ReadOnlySpan<byte> Magic => [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'];

    public static bool Is(FileExtent file)
    {
        if (file.Length < Magic.Length) return false;
        var head = new byte[Magic.Length];
        file.File.Read(file.Start, head);
        return head.AsSpan().SequenceEqual(Magic);
    }

    /// <exception cref="CheckpointException">It is damaged, or asks for what is not plain data.</exception>
    public static TorchTensors Read(FileExtent file)
    {
        var cursor = new FileCursor(file, Format);
        cursor.Skip(Magic.Length, "its magic number");
        if (Next(cursor) is not Version) throw cursor.Damaged($"its version is not {Version}");
        if (Next(cursor) is not PickleDictionary machine || machine["little_endian"] is not true)
            throw cursor.Damaged("it does not say that its numbers are little-endian");
        var root = Next(cursor);
        if (Next(cursor) is not List<object?> keys || keys.Any(key => key is not string))
            throw cursor.Damaged("it has no list of its storages");
        // What a storage's elements take is known by the tensors alone.
        var places = new Dictionary<string, (long Count, FileExtent Bytes)>(StringComparer.Ordinal);
        var sizes = new Dictionary<string, int>(StringComparer.Ordinal);
        Collect(root, sizes, new HashSet<object>(ReferenceEqualityComparer.Instance));
        foreach (string key in keys.Cast<string>())
        {
            ulong count = cursor.ReadUInt64();
            if (!sizes.TryGetValue(key, out int size)) throw cursor.Damaged($"its storage '{key}' is no tensor's");
            if (count > (ulong)cursor.Remaining) throw cursor.Damaged($"its storage '{key}' claims {count} elements");
            long bytes = (long)count * size;
            var extent = new FileExtent(file.File, cursor.Position, bytes);
            cursor.Skip(bytes, $"its storage '{key}'");
            if (!places.TryAdd(key, ((long)count, extent))) throw cursor.Damaged($"it has two storages '{key}'");
        }
        return new TorchTensors(root, file.File.Path, storage =>
            places.TryGetValue(storage.Key, out var place) && place.Count == storage.Count
            && place.Bytes.Length == storage.Count * storage.Type.Size()
                ? place.Bytes
                : throw cursor.Damaged($"the storage '{storage.Key}' of {storage.Count} elements is missing"));
    }

    static object? Next(FileCursor cursor) => new PickleReader(cursor).Read();

    // Values may be shared, and lists may hold themselves.
    static void Collect(object? root, Dictionary<string, int> sizes, HashSet<object> seen)
    {
        var waiting = new Stack<object?>([root]);
        while (waiting.TryPop(out var value))
        {
            if (value is null || !seen.Add(value)) continue;
            if (value is TorchView view) sizes[view.Storage.Key] = view.Storage.Type.Size();
            IEnumerable<object?> items = value switch
            {
                PickleDictionary dictionary => dictionary.Items.Select(item => item.Value),
                PickleTuple tuple => tuple.Items,
                List<object?> list => list,
                _ => [],
            };
            foreach (var item in items) waiting.Push(item);
        }
    }
}
