using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>
/// WAV, RF64 and BW64: PCM of 8 to 32 bits, float, A-law and mu-law. A data size that was never filled in
/// (0, 0xFFFFFFFF) or that exceeds the file means "to the end of the stream", as recorders and pipes leave it.
/// </summary>
public sealed class WavReader : AudioReader
{
    const uint UnknownSize = uint.MaxValue;
    const uint NearlyTwoGigabytes = 0x7FFF_0000;
    const long Absurd = 1L << 48;
    const int MaxFormatBytes = 40;

    readonly ByteSource _source;
    readonly WavFormat _format;
    readonly byte[] _bytes;
    long _bytesLeft;

    /// <summary>Reads the header from a stream, which the reader then owns.</summary>
    /// <exception cref="AudioFormatException">The stream is not WAV, or its header is damaged or unsupported.</exception>
    public WavReader(Stream stream, string name) : this(new ByteSource(stream, name)) { }

    internal WavReader(ByteSource source) : base(source.Name)
    {
        _source = source;
        var dataSize64 = ReadRiffHeader();
        (_format, var declared) = FindData(dataSize64);
        var remaining = source.Remaining;
        _bytesLeft = DataLength(declared, remaining);
        TotalFrames = _bytesLeft == long.MaxValue ? null : _bytesLeft / _format.BlockAlign;
        // Room for some thousand frames, always a whole number of them.
        _bytes = new byte[Math.Max(1, 32 * 1024 / _format.BlockAlign) * _format.BlockAlign];
    }

    public override string Format => _format.ToString();

    public override int SampleRate => _format.SampleRate;

    public override int Channels => _format.Channels;

    public override long? TotalFrames { get; }

    protected override int ReadFrames(Span<float> interleaved)
    {
        var align = _format.BlockAlign;
        var wanted = (int)Math.Min(Math.Min((long)interleaved.Length / Channels * align, _bytes.Length), _bytesLeft / align * align);
        if (wanted == 0) return 0;
        var read = _source.ReadAtLeast(_bytes.AsSpan(0, wanted), align);
        var over = read % align;
        if (over != 0) read += _source.Read(_bytes.AsSpan(read, align - over));
        var frames = read / align;
        if (_bytesLeft != long.MaxValue) _bytesLeft -= read;
        WavSamples.Decode(_format, _bytes.AsSpan(0, frames * align), interleaved[..(frames * Channels)]);
        return frames;
    }

    protected override void Dispose(bool disposing) => _source.Dispose();

    /// <summary>Reads the outer header and, for RF64 and BW64, the 64-bit data size of the <c>ds64</c> chunk.</summary>
    long? ReadRiffHeader()
    {
        Span<byte> header = stackalloc byte[12];
        ReadHeader(header, "RIFF header");
        var large = header.StartsWith("RF64"u8) || header.StartsWith("BW64"u8);
        if ((!large && !header.StartsWith("RIFF"u8)) || !header[8..].SequenceEqual("WAVE"u8))
            throw new AudioFormatException($"'{Name}': not a WAV file (it begins {Convert.ToHexString(header)}); expected RIFF, RF64 or BW64 and WAVE.");
        if (!large || !_source.Peek(4).SequenceEqual("ds64"u8)) return null;

        Span<byte> ds64 = stackalloc byte[8 + 24];
        ReadHeader(ds64, "ds64 chunk");
        long size = BinaryPrimitives.ReadUInt32LittleEndian(ds64[4..]);
        if (size < 24) throw new AudioFormatException($"'{Name}': the ds64 chunk has {size} bytes; expected at least 24. The header is damaged: export the file again.");
        SkipRest(size + (size & 1) - 24, "ds64 chunk");
        var dataSize = BinaryPrimitives.ReadUInt64LittleEndian(ds64[16..]);
        return dataSize > long.MaxValue ? long.MaxValue : (long)dataSize;
    }

    /// <summary>Walks the chunks up to the start of the samples.</summary>
    (WavFormat Format, long DataSize) FindData(long? dataSize64)
    {
        WavFormat? format = null;
        Span<byte> header = stackalloc byte[8];
        while (true)
        {
            ReadHeader(header, format is null ? "format chunk" : "data chunk");
            long size = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            if (header.StartsWith("data"u8))
            {
                if (format is null) throw new AudioFormatException($"'{Name}': the WAV data chunk at byte {_source.Position - 8} comes before any format chunk. The header is damaged: export the file again.");
                return (format, size == UnknownSize && dataSize64 is { } large ? large : size);
            }
            if (header.StartsWith("fmt "u8)) format = ReadFormat(size);
            else SkipRest(size + (size & 1), "chunk before the data");
        }
    }

    WavFormat ReadFormat(long size)
    {
        Span<byte> chunk = stackalloc byte[(int)Math.Min(size, MaxFormatBytes)];
        ReadHeader(chunk, "format chunk");
        SkipRest(size + (size & 1) - chunk.Length, "format chunk");
        return WavFormat.Parse(chunk, Name);
    }

    /// <summary>Bytes of samples that follow; <see cref="long.MaxValue"/> where only the end of the stream will tell.</summary>
    long DataLength(long declared, long? remaining)
    {
        if (declared == 0 && NextIsChunk()) return 0;
        var unknown = declared is 0 or UnknownSize or long.MaxValue;
        if (remaining is { } there) return unknown ? there : Math.Min(declared, there);
        // Writers to pipes also put the largest size they know of, and no pipe carries a quarter of a petabyte.
        return unknown || declared is (>= NearlyTwoGigabytes and <= UnknownSize) or > Absurd ? long.MaxValue : declared;
    }

    /// <summary>An honest data size of 0 is followed by another chunk or nothing; one never filled in by samples.</summary>
    bool NextIsChunk()
    {
        var next = _source.Peek(4);
        return next.SequenceEqual("LIST"u8) || next.SequenceEqual("fact"u8) || next.SequenceEqual("id3 "u8)
            || next.SequenceEqual("bext"u8) || next.SequenceEqual("cue "u8) || next.SequenceEqual("JUNK"u8);
    }

    void ReadHeader(Span<byte> destination, string what)
    {
        var at = _source.Position;
        var read = _source.Read(destination);
        if (read < destination.Length) throw Truncated(what, at, destination.Length, read);
    }

    void SkipRest(long count, string what)
    {
        var at = _source.Position;
        if (count <= 0) return;
        var skipped = _source.Skip(count);
        if (skipped < count) throw Truncated(what, at, count, skipped);
    }

    AudioFormatException Truncated(string what, long at, long expected, long got) =>
        new($"'{Name}': the WAV file ends inside its {what} at byte {at}: expected {expected} bytes, got {got}. The file is truncated: copy or record it again.");
}
