using System.Globalization;

namespace Earshot.Audio;

/// <summary>
/// WAV in its forms RIFF, RIFX, RF64 and BW64: PCM of 8 to 32 bits, float, A-law and mu-law. A data size that was never filled in
/// (0, 0xFFFFFFFF) means "to the end of the stream", as recorders and pipes leave it; one that exceeds the file is told of.
/// </summary>
public sealed class WavReader : AudioReader
{
    const uint NearlyTwoGigabytes = 0x7FFF_0000;
    const long Absurd = 1L << 48;
    const int SamplesLookedAt = 4096;

    readonly ByteSource _source;
    readonly WavFormat _format;
    readonly byte[] _bytes;
    long _bytesLeft;
    long _framesRead;

    /// <summary>Reads the header from a stream, which the reader then owns.</summary>
    /// <exception cref="AudioFormatException">The stream is not WAV, or its header is damaged or unsupported.</exception>
    public WavReader(Stream stream, string name, AudioReadOptions? options = null) : this(new ByteSource(stream, name), options) { }

    internal WavReader(ByteSource source, AudioReadOptions? options = null) : this(source, WavHeader.Read(source), options) { }

    internal WavReader(ByteSource source, WavHeader header, AudioReadOptions? options) : base(source.Name, options)
    {
        _source = source;
        _format = header.Format ?? throw WavFormat.NotRead(header.Tag, source.Name);
        if (_format.ContainerBytes > _format.BytesPerSample) _format = _format.Aligned(source.Peek(SamplesLookedAt));
        var remaining = source.Remaining;
        _bytesLeft = DataLength(header.DataSize, remaining);
        TotalFrames = _bytesLeft == long.MaxValue ? null : _bytesLeft / _format.BlockAlign;
        // Room for some thousand frames, always a whole number of them.
        _bytes = new byte[Math.Max(1, 32 * 1024 / _format.BlockAlign) * _format.BlockAlign];
        if (remaining is { } there && header.DataSize > there && IsKnown(header.DataSize))
            WarnTruncated(header.DataSize - there, there / _format.BlockAlign);
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
        _framesRead += frames;
        if (frames == 0) WarnUnfinished();
        WavSamples.Decode(_format, _bytes.AsSpan(0, frames * align), interleaved[..(frames * Channels)]);
        return frames;
    }

    protected override void Dispose(bool disposing) => _source.Dispose();

    /// <summary>Bytes of samples that follow; <see cref="long.MaxValue"/> where only the end of the stream will tell.</summary>
    long DataLength(long declared, long? remaining)
    {
        // An honest data size of 0 is followed by another chunk or nothing; one never filled in by samples.
        if (declared == 0 && WavHeader.IsKnownChunk(_source.Peek(4))) return 0;
        var unknown = declared is 0 or WavHeader.UnknownSize or long.MaxValue;
        if (remaining is { } there) return unknown ? there : Math.Min(declared, there);
        return IsKnown(declared) ? declared : long.MaxValue;
    }

    // Writers to pipes also put the largest size they know of, and no recording has a quarter of a petabyte.
    static bool IsKnown(long declared) => declared is not (0 or (>= NearlyTwoGigabytes and <= WavHeader.UnknownSize) or > Absurd);

    /// <summary>At the end of a stream that could not tell its length.</summary>
    void WarnUnfinished()
    {
        if (_bytesLeft is 0 or long.MaxValue) return;
        var missing = _bytesLeft;
        _bytesLeft = 0;
        WarnTruncated(missing, _framesRead);
    }

    void WarnTruncated(long missing, long frames)
    {
        var seconds = (double)missing / _format.BlockAlign / SampleRate;
        Warn(AudioWarningKind.Truncated, string.Create(CultureInfo.InvariantCulture,
            $"the WAV file ends {seconds:0.0} s ({missing} bytes) before its header says. What is there is read; " +
            $"copy or record the file again for the rest."), TimeOf(frames));
    }
}
