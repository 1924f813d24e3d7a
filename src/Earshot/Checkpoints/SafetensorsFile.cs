using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Earshot.Compute;
using Microsoft.Win32.SafeHandles;

namespace Earshot.Checkpoints;

/// <summary>
/// A safetensors file, mapped into memory: its header is read and checked at once, tensors only when asked for.
/// Follows the format's description at https://github.com/huggingface/safetensors#format.
/// </summary>
public sealed class SafetensorsFile : ITensorStore, IDisposable
{
    const int PrefixLength = 8;

    readonly MemoryMappedFile _map;
    readonly MemoryMappedViewAccessor _view;
    readonly SafetensorsHeader _header;
    readonly long _dataStart;

    SafetensorsFile(string path, MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        Location = path;
        _map = map;
        _view = view;
        var handle = view.SafeMemoryMappedViewHandle;
        long headerLength = ReadHeaderLength(path, handle, length);
        _dataStart = PrefixLength + headerLength;
        // No more than the file itself is allocated: the length was checked against it.
        var json = new byte[headerLength];
        handle.ReadSpan(PrefixLength, json.AsSpan());
        _header = SafetensorsHeader.Parse(json, path, length - _dataStart);
    }

    /// <summary>The file's path.</summary>
    public string Location { get; }

    public IReadOnlyCollection<string> Names => _header.Entries.Keys;

    /// <summary>The file's <c>__metadata__</c>; empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="CheckpointException">There is no such file, it cannot be opened, or it is not valid safetensors.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            long length = stream.Length;
            if (length < PrefixLength)
            {
                stream.Dispose();
                throw new CheckpointException(
                    $"Cannot read '{path}' as safetensors: it is {length} bytes long, " +
                    $"and the format begins with {PrefixLength} bytes of header length. Download or convert it again.");
            }
            map = MemoryMappedFile.CreateFromFile(
                stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            return new SafetensorsFile(path, map, view, length);
        }
        catch (Exception e)
        {
            view?.Dispose();
            map?.Dispose();
            if (e is FileNotFoundException or DirectoryNotFoundException)
                throw new CheckpointException(
                    $"There is no file '{path}', which should hold the model's weights. Check the path, or download the model again.", e);
            if (e is IOException or UnauthorizedAccessException)
                throw new CheckpointException($"Cannot open the weights '{path}': {e.Message}", e);
            throw;
        }
    }

    public StoredTensor? Find(string name) =>
        _header.Entries.TryGetValue(name, out var entry) ? new MappedTensor(this, entry) : null;

    /// <summary>Unmaps the file; tensors found in it can no longer be read.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }

    static long ReadHeaderLength(string path, SafeMemoryMappedViewHandle handle, long fileLength)
    {
        Span<byte> prefix = stackalloc byte[PrefixLength];
        handle.ReadSpan(0, prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsHeader.MaxLength || (long)length > fileLength - PrefixLength)
        {
            throw new CheckpointException(
                $"Cannot read '{path}' as safetensors: its first {PrefixLength} bytes give a header of {length} bytes; " +
                $"the file has {fileLength - PrefixLength} after them, and at most {SafetensorsHeader.MaxLength} are allowed. " +
                "The file is incomplete or of another format: download or convert it again.");
        }
        return (long)length;
    }

    sealed class MappedTensor(SafetensorsFile owner, SafetensorsEntry entry)
        : StoredTensor(entry.Name, entry.Type, entry.Shape), IMappedTensor
    {
        public (System.Runtime.InteropServices.SafeBuffer Memory, long Offset) Mapped =>
            (owner._view.SafeMemoryMappedViewHandle, FileOffset);

        public IReadOnlyDictionary<string, string> Metadata => owner.Metadata;

        public override string File => owner.Location;

        public override long FileOffset => owner._dataStart + entry.Begin;

        public override void Read(long offset, Span<byte> destination)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteLength - destination.Length);
            owner._view.SafeMemoryMappedViewHandle.ReadSpan((ulong)(FileOffset + offset), destination);
        }
    }
}
