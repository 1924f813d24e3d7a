using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>How <see cref="WavWriter"/> stores samples.</summary>
public enum WavEncoding
{
    /// <summary>16-bit integers: floats are scaled by 32768, rounded to the nearest, and clipped.</summary>
    Pcm16,

    /// <summary>32-bit floats, stored as they are.</summary>
    IeeeFloat,
}

/// <summary>
/// Writes interleaved float samples as WAV. A file is written beside its place and renamed by <see cref="Complete"/>;
/// disposed without that, nothing is left behind.
/// </summary>
public sealed class WavWriter : IDisposable
{
    const int HeaderLength = 44;
    const long MaxDataLength = uint.MaxValue - HeaderLength;
    const int BytesAtOnce = 32 * 1024;

    readonly Stream _stream;
    readonly WavEncoding _encoding;
    readonly int _sampleRate;
    readonly int _channels;
    readonly string? _path;
    readonly string? _partialPath;
    readonly long _start;
    readonly byte[] _bytes = new byte[BytesAtOnce];
    long _dataLength;
    bool _closed;

    /// <summary>Writes to a stream, which stays the caller's; where it is not seekable the header's sizes say "to the end".</summary>
    public WavWriter(Stream stream, int sampleRate, int channels = 1, WavEncoding encoding = WavEncoding.Pcm16)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentOutOfRangeException.ThrowIfLessThan(sampleRate, AudioLimits.MinSampleRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampleRate, AudioLimits.MaxSampleRate);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(channels, AudioLimits.MaxChannels);
        if (!Enum.IsDefined(encoding)) throw new ArgumentOutOfRangeException(nameof(encoding), encoding, "Unknown encoding.");
        (_stream, _sampleRate, _channels, _encoding) = (stream, sampleRate, channels, encoding);
        _start = stream.CanSeek ? stream.Position : 0;
        WriteHeader(uint.MaxValue);
    }

    WavWriter(string path, string partialPath, int sampleRate, int channels, WavEncoding encoding)
        : this(new FileStream(partialPath, FileMode.CreateNew, FileAccess.Write), sampleRate, channels, encoding) =>
        (_path, _partialPath) = (path, partialPath);

    int BytesPerSample => _encoding == WavEncoding.Pcm16 ? 2 : 4;

    /// <summary>Starts a file that appears at <paramref name="path"/> once <see cref="Complete"/> is called.</summary>
    public static WavWriter Create(string path, int sampleRate, int channels = 1, WavEncoding encoding = WavEncoding.Pcm16)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var full = Path.GetFullPath(path);
        return new WavWriter(full, $"{full}.{Guid.NewGuid():N}.partial", sampleRate, channels, encoding);
    }

    /// <summary>Writes a whole file of interleaved samples.</summary>
    public static void Write(
        string path, ReadOnlySpan<float> interleaved, int sampleRate, int channels = 1, WavEncoding encoding = WavEncoding.Pcm16)
    {
        using var writer = Create(path, sampleRate, channels, encoding);
        writer.Write(interleaved);
        writer.Complete();
    }

    /// <summary>Appends whole frames of interleaved samples; samples that are no number become silence in 16 bits.</summary>
    /// <exception cref="AudioFormatException">The file would pass the 4 GiB that WAV can hold.</exception>
    public void Write(ReadOnlySpan<float> interleaved)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (interleaved.Length % _channels != 0)
            throw new ArgumentException($"{interleaved.Length} samples are not whole frames of {_channels} channels.", nameof(interleaved));
        if (_dataLength + ((long)interleaved.Length * BytesPerSample) > MaxDataLength)
            throw new AudioFormatException(
                $"'{_path ?? "stream"}': WAV holds at most 4 GiB of samples. Write several files, or fewer channels.");

        var most = BytesAtOnce / BytesPerSample;
        while (!interleaved.IsEmpty)
        {
            var block = interleaved[..Math.Min(most, interleaved.Length)];
            Encode(block);
            _stream.Write(_bytes, 0, block.Length * BytesPerSample);
            _dataLength += block.Length * BytesPerSample;
            interleaved = interleaved[block.Length..];
        }
    }

    /// <summary>Fills in the header's sizes and, for a file, moves it to its place.</summary>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (_stream.CanSeek)
        {
            var end = _stream.Position;
            _stream.Position = _start;
            WriteHeader((uint)_dataLength);
            _stream.Position = end;
        }
        _stream.Flush();
        _closed = true;
        if (_path is null) return;
        _stream.Dispose();
        File.Move(_partialPath!, _path, overwrite: true);
    }

    public void Dispose()
    {
        if (_closed) return;
        _closed = true;
        if (_path is null) return;
        _stream.Dispose();
        File.Delete(_partialPath!);
    }

    void Encode(ReadOnlySpan<float> block)
    {
        if (_encoding == WavEncoding.IeeeFloat)
        {
            for (var i = 0; i < block.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(_bytes.AsSpan(4 * i), block[i]);
            return;
        }
        for (var i = 0; i < block.Length; i++)
        {
            // The conversion of a value that is no number gives 0.
            var value = Math.Clamp(MathF.Round(block[i] * 32768), short.MinValue, short.MaxValue);
            BinaryPrimitives.WriteInt16LittleEndian(_bytes.AsSpan(2 * i), float.IsNaN(value) ? (short)0 : (short)value);
        }
    }

    void WriteHeader(uint dataLength)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], dataLength == uint.MaxValue ? uint.MaxValue : dataLength + HeaderLength - 8);
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], (ushort)(_encoding == WavEncoding.Pcm16 ? 1 : 3));
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], (ushort)_channels);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)_sampleRate);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)(_sampleRate * _channels * BytesPerSample));
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], (ushort)(_channels * BytesPerSample));
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], (ushort)(BytesPerSample * 8));
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], dataLength);
        _stream.Write(header);
    }
}
