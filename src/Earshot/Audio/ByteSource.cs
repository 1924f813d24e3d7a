namespace Earshot.Audio;

/// <summary>A forward-only reader of bytes with a look ahead, over any stream, seekable or not.</summary>
internal sealed class ByteSource : IDisposable
{
    /// <summary>The most bytes that can be looked at ahead.</summary>
    public const int MaxPeek = 64 * 1024;

    // Headers that are read twice stand in this many bytes, where they are of sense.
    const int MaxKept = 1024 * 1024;

    readonly byte[] _buffer = new byte[2 * MaxPeek];
    Stream _stream;
    MemoryStream? _kept;
    long? _mark;
    int _start;
    int _end;

    public ByteSource(Stream stream, string name)
    {
        _stream = stream;
        Name = name;
    }

    /// <summary>What messages call this source.</summary>
    public string Name { get; }

    /// <summary>Bytes consumed so far, from where the stream stood at the start.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes from here to the end, when the stream can tell.</summary>
    public long? Remaining => _stream.CanSeek ? Math.Max(0, _stream.Length - _stream.Position) + (_end - _start) : null;

    /// <summary>The next <paramref name="count"/> bytes without consuming them; fewer at the end of the stream.</summary>
    public ReadOnlySpan<byte> Peek(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxPeek);
        if (_end - _start < count && _start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }
        while (_end - _start < count)
        {
            var read = _stream.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0) break;
            _end += read;
        }
        return _buffer.AsSpan(_start, Math.Min(count, _end - _start));
    }

    /// <summary>Remembers this place for <see cref="Rewind"/>.</summary>
    public void Mark()
    {
        _mark = Position;
        _kept = _stream.CanSeek ? null : new MemoryStream();
    }

    /// <summary>Goes back to the marked place; false where a stream that cannot seek has gone too far for that.</summary>
    public bool Rewind()
    {
        if (_mark is not { } mark) throw new InvalidOperationException($"Call {nameof(Mark)} before {nameof(Rewind)}.");
        _mark = null;
        if (_stream.CanSeek)
        {
            _stream.Seek(mark - Position - (_end - _start), SeekOrigin.Current);
        }
        else if (_kept is null)
        {
            return false;
        }
        else
        {
            _kept.Write(_buffer, _start, _end - _start);
            _stream = new ReplayedStream(_kept.ToArray(), _stream);
            _kept = null;
        }
        _start = _end = 0;
        Position = mark;
        return true;
    }

    /// <summary>Forgets the marked place.</summary>
    public void Unmark() => (_mark, _kept) = (null, null);

    /// <summary>
    /// Reads at least <paramref name="minimum"/> bytes unless the stream ends first: a live pipe is not waited on for more.
    /// </summary>
    public int ReadAtLeast(Span<byte> destination, int minimum)
    {
        var total = Math.Min(_end - _start, destination.Length);
        _buffer.AsSpan(_start, total).CopyTo(destination);
        _start += total;
        while (total < minimum)
        {
            var read = _stream.Read(destination[total..]);
            if (read == 0) break;
            total += read;
        }
        Keep(destination[..total]);
        Position += total;
        return total;
    }

    /// <summary>Reads until the destination is full or the stream ends.</summary>
    public int Read(Span<byte> destination) => ReadAtLeast(destination, destination.Length);

    /// <summary>Passes over up to <paramref name="count"/> bytes and returns how many there were.</summary>
    public long Skip(long count)
    {
        var wanted = count;
        var buffered = (int)Math.Min(_end - _start, count);
        Keep(_buffer.AsSpan(_start, buffered));
        _start += buffered;
        count -= buffered;
        if (count > 0 && _stream.CanSeek)
        {
            var step = Math.Min(count, Math.Max(0, _stream.Length - _stream.Position));
            _stream.Seek(step, SeekOrigin.Current);
            count -= step;
        }
        else if (count > 0)
        {
            count -= Discard(count);
        }
        Position += wanted - count;
        return wanted - count;
    }

    /// <summary>The last bytes of the stream, without moving; empty where it cannot seek.</summary>
    public byte[] ReadTail(int most)
    {
        if (!_stream.CanSeek) return [];
        var here = _stream.Position;
        var tail = new byte[Math.Min(most, _stream.Length)];
        _stream.Seek(-tail.Length, SeekOrigin.End);
        var read = _stream.ReadAtLeast(tail, tail.Length, throwOnEndOfStream: false);
        _stream.Position = here;
        return tail[..read];
    }

    public void Dispose() => _stream.Dispose();

    void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_kept is null) return;
        if (_kept.Length + bytes.Length > MaxKept) _kept = null;
        else _kept.Write(bytes);
    }

    long Discard(long count)
    {
        var left = count;
        while (left > 0)
        {
            var read = _stream.Read(_buffer, 0, (int)Math.Min(left, _buffer.Length));
            if (read == 0) break;
            Keep(_buffer.AsSpan(0, read));
            left -= read;
        }
        _start = _end = 0;
        return count - left;
    }
}
