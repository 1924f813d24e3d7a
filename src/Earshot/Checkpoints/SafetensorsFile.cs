using System.Buffers.Binary;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// A safetensors file: its header is read and checked at once, tensors only when asked for.
/// Follows the format's description at https://github.com/huggingface/safetensors#format.
/// </summary>
public sealed class SafetensorsFile : ITensorStore, IDisposable
{
    const string Format = "safetensors";
    const int PrefixLength = 8;

    readonly MappedFile _file;
    readonly SafetensorsHeader _header;
    readonly long _dataStart;

    SafetensorsFile(MappedFile file)
    {
        _file = file;
        long headerLength = ReadHeaderLength(file);
        _dataStart = PrefixLength + headerLength;
        // No more than the file itself is allocated: the length was checked against it.
        var json = new byte[headerLength];
        file.Read(PrefixLength, json);
        _header = SafetensorsHeader.Parse(json, file.Path, file.Length - _dataStart);
    }

    /// <summary>The file's path.</summary>
    public string Location => _file.Path;

    public IReadOnlyCollection<string> Names => _header.Entries.Keys;

    /// <summary>The file's <c>__metadata__</c>; empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="CheckpointException">There is no such file, it cannot be opened, or it is not valid safetensors.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = MappedFile.Open(path, Format, PrefixLength);
        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public StoredTensor? Find(string name) => _header.Entries.TryGetValue(name, out var entry)
        ? new FileTensor(entry.Name, entry.Type, entry.Shape, new FileRange(_file, _dataStart + entry.Begin), Metadata)
        : null;

    /// <summary>Closes the file; tensors found in it can no longer be read.</summary>
    public void Dispose() => _file.Dispose();

    static long ReadHeaderLength(MappedFile file)
    {
        Span<byte> prefix = stackalloc byte[PrefixLength];
        file.Read(0, prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsHeader.MaxLength || (long)length > file.Length - PrefixLength)
        {
            throw new CheckpointException(
                $"Cannot read '{file.Path}' as safetensors: its first {PrefixLength} bytes give a header of {length} bytes; " +
                $"the file has {file.Length - PrefixLength} after them, and at most {SafetensorsHeader.MaxLength} are allowed. " +
                "The file is incomplete or of another format: download or convert it again.");
        }
        return (long)length;
    }
}
