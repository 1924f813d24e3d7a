using System.Globalization;

namespace Earshot.Audio;

/// <summary>
/// Vorbis and Opus in Ogg: the first such stream of a file, at its own rate, as long as its positions say, to the sample. Streams
/// that follow one another are read on; other streams between its pages are passed over; lost pages become silence of their length.
/// </summary>
public sealed class OggReader : AudioReader
{
    readonly ByteSource _source;
    readonly OggPages _pages;
    readonly Queue<(byte[]? Packet, int Frames)> _queue = new();
    OggLink _link;
    float[] _samples = [];
    int _from;
    int _to;
    long _given;
    bool _ended;

    OggReader(ByteSource source, AudioReadOptions options) : base(source.Name, options)
    {
        _source = source;
        _pages = new OggPages(source);
        _link = FirstLink();
        (SampleRate, Channels) = (_link.Decoder.SampleRate, _link.Decoder.Channels);
        // The first page of sound tells what its positions count from, and with the last how long the recording is.
        while (_link.Origin is null && !_ended) ReadPage();
        TotalFrames = Length();
    }

    public override string Format => $"Ogg {_link.Decoder.Name}";

    public override int SampleRate { get; }

    public override int Channels { get; }

    public override long? TotalFrames { get; }

    /// <summary>
    /// Opens the source, and owns it, where one of the streams that begin in it is Vorbis or plain Opus; null, with nothing read, where
    /// none is.
    /// </summary>
    internal static OggReader? Open(ByteSource source, AudioReadOptions options)
    {
        for (var bytes = source.Peek(
            ByteSource.MaxPeek); OggPage.Read(bytes) is { IsFirst: true } page; bytes = bytes[OggPage.LengthOf(bytes)..])
        {
            if (VorbisHeader.IsHeader(page.Body) || (OpusHead.IsHeader(page.Body) && OpusHead.Read(page.Body, source.Name).IsPlain))
                return new OggReader(source, options);
        }
        return null;
    }

    protected override int ReadFrames(Span<float> interleaved)
    {
        while (_from == _to)
        {
            if (_queue.TryDequeue(out var next)) Decode(next.Packet, next.Frames);
            else if (_ended) return 0;
            else ReadPage();
        }
        var frames = Math.Min(interleaved.Length / Channels, _to - _from);
        _samples.AsSpan(_from * Channels, frames * Channels).CopyTo(interleaved);
        _from += frames;
        _given += frames;
        return frames;
    }

    protected override void Dispose(bool disposing)
    {
        _link.Dispose();
        _source.Dispose();
    }

    OggLink FirstLink()
    {
        while (_pages.Next() is { } page)
        {
            if (OggLink.Begin(page, Name) is { } link) return link;
        }
        throw new AudioFormatException($"'{Name}': the Ogg file has no Vorbis or Opus stream. Check that it is the right file.");
    }

    /// <summary>Takes the next page of this stream, or begins the stream that follows it.</summary>
    void ReadPage()
    {
        if (_pages.Next() is not { } page)
        {
            End();
            return;
        }
        if (page.IsFirst && (_link.HasEnded || page.Serial == _link.Serial) && OggLink.Begin(page, Name) is { } following)
        {
            Follow(following);
            return;
        }
        if (page.Serial != _link.Serial || _link.HasEnded) return;
        var part = _link.Add(page);
        if (part.Gap > 0) Lose(part.Gap);
        foreach (var packet in part.Packets) _queue.Enqueue(packet);
    }

    void Follow(OggLink link)
    {
        if (link.Decoder.SampleRate != SampleRate)
        {
            Warn(
                AudioWarningKind.Damaged,
                $"the stream that follows has {link.Decoder.SampleRate} Hz, the first {SampleRate}; it is not read. Cut the file there.",
                TimeOf(_given + Queued()));
            _ended = true;
            link.Dispose();
            return;
        }
        _link.Dispose();
        _link = link;
    }

    void Lose(long gap)
    {
        Warn(AudioWarningKind.Damaged, string.Create(CultureInfo.InvariantCulture,
            $"Ogg pages are missing or damaged before byte {_pages.Position}. " +
            $"Silence of {(double)gap / SampleRate:0.00} s stands in for them."), TimeOf(_given + Queued()));
        for (; gap > 0; gap -= Math.Min(gap, SampleRate)) _queue.Enqueue((null, (int)Math.Min(gap, SampleRate)));
    }

    long Queued() => _queue.Sum(next => (long)next.Frames);

    /// <summary>Decodes a packet, or makes silence, and leaves out what stands outside the recording.</summary>
    void Decode(byte[]? packet, int frames)
    {
        var channels = packet is null ? Channels : _link.Decoder.Channels;
        var needed = frames * Math.Max(channels, Channels);
        if (_samples.Length < needed) _samples = new float[needed];
        var samples = _samples.AsSpan(0, frames * channels);
        samples.Clear();
        try
        {
            if (packet is not null) _link.Decoder.Decode(packet, samples);
        }
        catch (InvalidDataException e)
        {
            samples.Clear();
            Warn(
                AudioWarningKind.Damaged,
                $"a packet of {_link.Decoder.Name} before byte {_source.Position} cannot be decoded ({e.Message.TrimEnd('.')}). " +
                "Silence of its length stands in for it.", TimeOf(_given));
        }
        if (channels != Channels) ChannelCount.Change(_samples, frames, channels, Channels);
        (_from, _to) = _link.Place(frames);
    }

    void End()
    {
        _ended = true;
        if (!_link.HasEnded)
            Warn(
                AudioWarningKind.Truncated,
                $"the Ogg stream ends without its last page, at byte {_source.Position}. " +
                "The file is probably truncated: copy or download it again.", TimeOf(_given + Queued()));
    }

    /// <summary>The length by the file's last page, where it can be seen and is of this stream.</summary>
    long? Length()
    {
        var tail = _source.ReadTail(OggPage.MaxLength);
        for (var at = tail.Length; (at = tail.AsSpan(0, at).LastIndexOf("OggS"u8)) >= 0;)
        {
            if (OggPage.Read(tail.AsSpan(at)) is not { } page) continue;
            return page.Serial == _link.Serial && page.Granule >= 0 && page.IsLast ? _link.LengthAt(page.Granule) : null;
        }
        return null;
    }
}
