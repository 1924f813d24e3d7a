using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Earshot.Checkpoints;

/// <summary>
/// A file of weights: read in pieces, which a file that became shorter ends with a message, or mapped for whoever computes with its bytes
/// where they lie. Pieces are read and not copied out of the mapping, since there a page that the file no longer has ends the process.
/// </summary>
sealed class MappedFile : IDisposable
{
    // Asking the system takes a microsecond: once in so many milliseconds.
    const int MillisecondsBetweenChecks = 10;

    readonly FileStream _stream;
    readonly string _format;
    readonly string? _origin;
    readonly DateTime _written;
    readonly Lock _mapping = new();
    MemoryMappedFile? _map;
    MemoryMappedViewAccessor? _view;
    long _checked = long.MinValue;

    MappedFile(FileStream stream, string format, string? origin)
    {
        _stream = stream;
        _format = format;
        _origin = origin;
        Length = stream.Length;
        _written = File.GetLastWriteTimeUtc(Handle);
    }

    public string Path => _origin ?? _stream.Name;

    /// <summary>Whether it is what was unpacked of another file, and is gone when it is closed.</summary>
    public bool IsTemporary => _origin is not null;

    /// <summary>The length when it was opened.</summary>
    public long Length { get; }

    /// <summary>The whole file in memory; it stays there until this is disposed of.</summary>
    /// <exception cref="CheckpointException">The file was changed since it was opened.</exception>
    public SafeBuffer Memory
    {
        get
        {
            lock (_mapping)
            {
                ThrowIfChanged();
                if (_view is null)
                {
                    _map = MemoryMappedFile.CreateFromFile(
                        _stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                    _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
                }
                return _view.SafeMemoryMappedViewHandle;
            }
        }
    }

    SafeFileHandle Handle => _stream.SafeFileHandle;

    /// <summary>Opens a file of a format, which the messages name.</summary>
    /// <exception cref="CheckpointException">There is no such file, it cannot be opened, or it is too short for its format.</exception>
    public static MappedFile Open(string path, string format, int leastLength)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            var file = new MappedFile(stream, format, origin: null);
            return file.Length >= leastLength ? file : throw new CheckpointException(
                $"Cannot read '{path}' as {format}: it is {file.Length} bytes long, " +
                $"and the format begins with {leastLength} bytes of header. Download or convert it again.");
        }
        catch (Exception e)
        {
            stream?.Dispose();
            if (e is FileNotFoundException or DirectoryNotFoundException)
                throw new CheckpointException(
                    $"There is no file '{path}', which should hold the model's weights. Check the path, or download the model again.", e);
            if (e is IOException or UnauthorizedAccessException or NotSupportedException)
                throw new CheckpointException($"Cannot open the weights '{path}': {e.Message}", e);
            throw;
        }
    }

    /// <summary>
    /// Takes over what was unpacked into a file without a name; messages speak of the one that it came from.
    /// </summary>
    public static MappedFile OfUnpacked(FileStream unpacked, string format, string origin) => new(unpacked, format, origin);

    /// <summary>Copies bytes of the file; safe on several threads at once.</summary>
    /// <exception cref="CheckpointException">The file became shorter, or cannot be read.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count;
            try
            {
                count = RandomAccess.Read(Handle, destination, offset);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new CheckpointException($"Cannot read '{Path}' at byte {offset}: {e.Message}", e);
            }
            if (count == 0) throw Changed($"ends at byte {offset}, where it had {Length} bytes when it was opened");
            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>Notices a file that was shortened or written to since it was opened.</summary>
    /// <exception cref="CheckpointException">It was.</exception>
    public void ThrowIfChanged()
    {
        long now = Environment.TickCount64;
        if (now - Volatile.Read(ref _checked) is >= 0 and < MillisecondsBetweenChecks) return;
        long length = RandomAccess.GetLength(Handle);
        if (length < Length) throw Changed($"is {length} bytes long, and was {Length} when it was opened");
        if (File.GetLastWriteTimeUtc(Handle) != _written) throw Changed("was written to since it was opened");
        Volatile.Write(ref _checked, now);
    }

    public void Dispose()
    {
        _view?.Dispose();
        _map?.Dispose();
        _stream.Dispose();
    }

    CheckpointException Changed(string how) => new(
        $"'{Path}' ({_format}) {how}: it was changed while a model is open from it. " +
        "Load the model again, and replace such files by renaming a new one to their name, never by writing into them.");
}
