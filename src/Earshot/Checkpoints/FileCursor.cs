using System.Buffers.Binary;
using System.Text;

namespace Earshot.Checkpoints;

/// <summary>
/// Reads numbers and strings out of a file one after the other, little-endian; what would reach beyond the end is refused, with its place,
/// before anything is allocated for it.
/// </summary>
sealed class FileCursor
{
    const int BufferLength = 1 << 16;
    static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly MappedFile _file;
    readonly string _format;
    readonly long _end;
    readonly byte[] _buffer;
    long _bufferStart;
    int _buffered;

    public FileCursor(MappedFile file, string format) : this(new FileExtent(file, 0, file.Length), format) { }

    /// <summary>Reads a part of a file as if nothing were behind it.</summary>
    public FileCursor(FileExtent extent, string format)
    {
        (_file, _format) = (extent.File, format);
        Position = _bufferStart = extent.Start;
        _end = extent.Start + extent.Length;
        _buffer = new byte[(int)Math.Min(BufferLength, extent.Length)];
    }

    /// <summary>Where in the file the next value begins.</summary>
    public long Position { get; private set; }

    public long Remaining => _end - Position;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    /// <summary>So many bytes as a string. Where <paramref name="strict"/>, it must be valid UTF-8.</summary>
    /// <exception cref="CheckpointException">The file ends before, or the bytes are not UTF-8.</exception>
    public string ReadText(int length, bool strict, string what)
    {
        long start = Position;
        var bytes = ReadBytes(length, what);
        try
        {
            return (strict ? s_strict : Encoding.UTF8).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw Damaged($"{what} at byte {start} is not UTF-8", e);
        }
    }

    /// <summary>So many bytes.</summary>
    /// <exception cref="CheckpointException">The file ends before.</exception>
    public byte[] ReadBytes(long length, string what)
    {
        Require(length, what);
        var bytes = new byte[checked((int)length)];
        ReadInto(bytes);
        return bytes;
    }

    /// <summary>Fills a buffer whose length was checked.</summary>
    public void ReadInto(Span<byte> destination)
    {
        int held = Math.Min((int)(_bufferStart + _buffered - Position), destination.Length);
        _buffer.AsSpan((int)(Position - _bufferStart), held).CopyTo(destination);
        if (held < destination.Length) _file.Read(Position + held, destination[held..]);
        Move(destination.Length);
    }

    /// <summary>Goes on so many bytes further.</summary>
    public void Skip(long length, string what)
    {
        Require(length, what);
        Move(length);
    }

    /// <summary>Refuses what is longer than what is left of the file.</summary>
    public void Require(long length, string what)
    {
        if (length < 0 || length > Remaining)
            throw Damaged($"{what} at byte {Position} takes {length} bytes, and the file has {Remaining} left");
    }

    public CheckpointException Damaged(
        string what, Exception? inner = null, string advice = "The file is damaged or incomplete: download or convert it again.") =>
        new($"Cannot read '{_file.Path}' as {_format}: {Printable(what)}. {advice}", inner);

    /// <summary>A text that may quote the file, on one line and without what a terminal would obey.</summary>
    public static string Printable(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString())) : text;

    ReadOnlySpan<byte> Take(int count)
    {
        if (Position < _bufferStart || Position + count > _bufferStart + _buffered)
        {
            if (Remaining < count)
                throw Damaged($"it ends at byte {_end}, in the middle of a value of {count} bytes at byte {Position}");
            _bufferStart = Position;
            _buffered = (int)Math.Min(_buffer.Length, Remaining);
            _file.Read(Position, _buffer.AsSpan(0, _buffered));
        }
        var taken = _buffer.AsSpan((int)(Position - _bufferStart), count);
        Position += count;
        return taken;
    }

    void Move(long length)
    {
        Position += length;
        if (Position <= _bufferStart + _buffered) return;
        _bufferStart = Position;
        _buffered = 0;
    }
}
