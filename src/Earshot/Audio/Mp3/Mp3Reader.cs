using System.Globalization;
using NLayer;

namespace Earshot.Audio;

/// <summary>
/// MPEG audio: MPEG 1, 2 and 2.5, layers I to III, constant and variable bit rates, frame by frame in constant memory. What the
/// encoder and the decoder put before and behind the recording is left out where the stream's information frame tells how much.
/// The library that decodes frames leaves out the gains of single windows in the highest band of short blocks, which stands above
/// 15 kHz at 44.1 and 48 kHz: there alone it differs from others.
/// </summary>
public sealed class Mp3Reader : AudioReader
{
    readonly ByteSource _source;
    readonly Mp3Header _format;
    readonly MpegFrameDecoder _decoder = new();
    readonly Mp3Frame _frame = new();
    readonly float[] _decoded = new float[2 * 1152];
    readonly float[] _samples;
    int _from;
    int _to;
    long _silence;
    long _given;
    bool _ended;

    // The bytes and the number of frames so far, which tell how many frames a place without any had.
    long _frameBytes;
    long _frames;

    // The part that the last information frame describes: samples decoded of it, to leave out before, and to leave out behind.
    long _at;
    long _skip;
    (long From, long To) _behind = (long.MaxValue, long.MaxValue);
    long? _missingFrames;

    /// <summary>Finds the first frame in a stream, which the reader then owns.</summary>
    /// <exception cref="AudioFormatException">The stream holds no MPEG audio.</exception>
    public Mp3Reader(Stream stream, string name, AudioReadOptions? options = null)
        : this(new ByteSource(stream, name), start: null, options) { }

    internal Mp3Reader(ByteSource source, Mp3Sync? start, AudioReadOptions? options) : base(source.Name, options)
    {
        start ??= Mp3Sync.Find(source) ?? throw new AudioFormatException(
            $"'{source.Name}': no frames of MPEG audio follow each other at the start. " +
            "The file is damaged or of another format: copy or download it again.");
        _source = source;
        _source.Skip(start.Offset);
        _format = start.Header;
        Channels = _format.Channels;
        _samples = new float[Channels * 1152];
        if (ReadInfo(_format) is { Frames: { } frames })
            TotalFrames = Math.Max(0, (frames * _format.SampleCount) - _skip - (_behind.To - _behind.From));
    }

    public override string Format =>
        $"MP{_format.Layer}, MPEG {(_format.Version == 25 ? "2.5" : _format.Version.ToString(CultureInfo.InvariantCulture))}";

    public override int SampleRate => _format.SampleRate;

    public override int Channels { get; }

    public override long? TotalFrames { get; }

    protected override int ReadFrames(Span<float> interleaved)
    {
        while (_from == _to && _silence == 0)
        {
            if (_ended) return 0;
            ReadFrame();
        }
        var frames = interleaved.Length / Channels;
        if (_silence > 0)
        {
            frames = (int)Math.Min(frames, _silence);
            interleaved[..(frames * Channels)].Clear();
            _silence -= frames;
        }
        else
        {
            frames = Math.Min(frames, _to - _from);
            _samples.AsSpan(_from * Channels, frames * Channels).CopyTo(interleaved);
            _from += frames;
        }
        _given += frames;
        return frames;
    }

    protected override void Dispose(bool disposing) => _source.Dispose();

    /// <summary>Decodes the next frame, or deals with what stands in its place.</summary>
    void ReadFrame()
    {
        var bytes = _source.Peek(Mp3Header.ByteCount);
        if (bytes.IsEmpty)
        {
            End();
        }
        else if (Mp3Header.TryRead(bytes, out var header) && header.IsAlike(_format))
        {
            if (ReadInfo(header) is null) Decode(header);
        }
        else if (Mp3Tags.LengthOf(_source.Peek(Mp3Header.MaxLength)) is > 0 and var length)
        {
            _source.Skip(length);
        }
        else
        {
            Resynchronise();
        }
    }

    /// <summary>Takes an information frame out of the stream; null where the next frame is one of sound, which stays.</summary>
    Mp3InfoTag? ReadInfo(Mp3Header header)
    {
        var bytes = _source.Peek(header.Length);
        if (bytes.Length < header.Length || Mp3InfoTag.Read(header, bytes) is not { } info) return null;
        _source.Skip(header.Length);
        _at = 0;
        _skip = info.Delay is { } delay ? delay + Mp3InfoTag.DecoderDelay : 0;
        var end = info.Frames * header.SampleCount;
        // The decoder's delay moves the recording's end too: so much less of the padding is decoded.
        var behind = info.Delay is null ? 0 : Math.Max(0, info.Padding - Mp3InfoTag.DecoderDelay);
        _behind = end is { } known ? (Math.Max(0, known - behind), known) : (long.MaxValue, long.MaxValue);
        _missingFrames = info.Frames;
        return info;
    }

    void Decode(Mp3Header header)
    {
        var bytes = _source.Peek(header.Length);
        if (bytes.Length < header.Length)
        {
            Warn(
                AudioWarningKind.Truncated,
                $"the MPEG stream ends inside a frame, at byte {_source.Position + bytes.Length}. " +
                "The file is truncated: copy or download it again.", TimeOf(_given));
            _source.Skip(bytes.Length);
            return;
        }
        _frame.Set(header, bytes);
        var at = _source.Position;
        _source.Skip(header.Length);
        _frameBytes += header.Length;
        _frames++;
        _missingFrames--;
        Take(DecodeFrame(at), header);
    }

    /// <summary>Decodes into <see cref="_decoded"/>; false where there is no sound to be had.</summary>
    bool DecodeFrame(long at)
    {
        try
        {
            // Nothing comes of a frame whose first bits stand in frames that were cut off.
            return _decoder.DecodeFrame(_frame, _decoded, 0) > 0;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The library throws whatever its tables and buffers do when a frame describes the impossible.
            _decoder.Reset();
            Warn(
                AudioWarningKind.Damaged,
                $"the MPEG frame at byte {at} cannot be decoded ({e.Message.TrimEnd('.')}). Silence of its length stands in for it.",
                TimeOf(_given));
            return false;
        }
    }

    /// <summary>Puts a decoded frame's samples, or silence, in place, less what is not of the recording.</summary>
    void Take(bool hasSound, Mp3Header header)
    {
        var count = header.SampleCount;
        Remix(hasSound, header.Channels, count);
        var (first, last) = ((int)Math.Clamp(_skip - _at, 0, count), count);
        if (_behind.From < _at + count && _behind.To > _at) last = (int)Math.Max(first, _behind.From - _at);
        _at += count;
        (_from, _to) = (first, last);
    }

    void Remix(bool hasSound, int channels, int count)
    {
        if (!hasSound) _decoded.AsSpan().Clear();
        else if (channels != Channels) ChannelCount.Change(_decoded, count, channels, Channels);
        _decoded.AsSpan(0, count * Channels).CopyTo(_samples);
    }

    /// <summary>Looks for the next frames, and puts silence for those that the bytes passed over would have held.</summary>
    void Resynchronise()
    {
        var at = _source.Position;
        Mp3Sync? next;
        while ((next = Mp3Sync.Find(_source, _format)) is null && _source.Peek(Mp3Header.ByteCount).Length == Mp3Header.ByteCount)
            _source.Skip(Math.Max(1, _source.Peek(ByteSource.MaxPeek).Length - Mp3Header.MaxLength));
        _source.Skip(next?.Offset ?? Mp3Header.ByteCount);
        var skipped = _source.Position - at;
        // What stands behind the last frame is mostly a tag of some other kind.
        if (next is null && skipped <= Mp3Header.MaxLength) return;
        var lost = next is null || _frames == 0 ? 0 : (long)Math.Round((double)skipped * _frames / _frameBytes);
        _silence = lost * _format.SampleCount;
        _at += _silence;
        Warn(AudioWarningKind.Damaged, string.Create(CultureInfo.InvariantCulture,
            $"{skipped} bytes from byte {at} on are no MPEG audio of this stream's format. " +
            $"Silence of {(double)_silence / SampleRate:0.00} s stands in for them."), TimeOf(_given));
        _decoder.Reset();
    }

    void End()
    {
        _ended = true;
        // Some encoders count the information frame too.
        if (_missingFrames is not > 2) return;
        Warn(AudioWarningKind.Truncated, string.Create(CultureInfo.InvariantCulture,
            $"the MPEG stream ends {(double)_missingFrames * _format.SampleCount / SampleRate:0.0} s before its header says. " +
            $"The file is truncated: copy or download it again."), TimeOf(_given));
    }
}
