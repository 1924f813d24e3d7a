using Earshot.Compute;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Checkpoints.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3: its metadata and the descriptions of its tensors are read and checked at once, tensors only when asked for.
/// Tensors in blocks appear as float32, dequantised as they are read, and give the blocks themselves as <see cref="IStoredBlocks"/>.
/// </summary>
public sealed class GgufFile : ITensorStore, IDisposable
{
    readonly MappedFile _file;
    readonly GgufHeader _header;

    GgufFile(MappedFile file, GgufHeader header)
    {
        _file = file;
        _header = header;
    }

    /// <summary>The file's path.</summary>
    public string Location => _file.Path;

    public IReadOnlyCollection<string> Names => _header.Tensors.Keys;

    public GgufMetadata Metadata => _header.Metadata;

    /// <summary>The version of the format.</summary>
    public int Version => (int)_header.Version;

    /// <summary>What data begins at multiples of, in bytes.</summary>
    public int Alignment => _header.Alignment;

    /// <summary>The tensors in the file's order.</summary>
    public IReadOnlyCollection<GgufTensorInfo> Tensors => _header.Tensors.Values;

    /// <summary>The file's length in bytes.</summary>
    public long Length => _file.Length;

    /// <summary>Opens a file and checks all but the values of its tensors.</summary>
    /// <exception cref="CheckpointException">There is no such file, it cannot be opened, or it is not valid GGUF.</exception>
    public static GgufFile Open(string path)
    {
        var file = MappedFile.Open(path, GgufHeader.Format, GgufHeader.LeastLength);
        try
        {
            return new GgufFile(file, GgufHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public StoredTensor? Find(string name) => Find(name, name);

    /// <summary>A tensor under another name.</summary>
    internal StoredTensor? Find(string name, string alias)
    {
        if (!_header.Tensors.TryGetValue(name, out var info)) return null;
        var at = new FileRange(_file, info.Offset);
        return info.Type.Blocks is { } blocks
            ? new BlockTensor(alias, info.Shape, blocks, at)
            : new FileTensor(alias, info.Type.Element, info.Shape, at);
    }

    /// <summary>Closes the file; tensors found in it can no longer be read.</summary>
    public void Dispose() => _file.Dispose();
}
