namespace Earshot.Audio;

/// <summary>What a page adds: silence for what was lost before it, and its packets with the frames that each will give.</summary>
internal readonly record struct OggPart(long Gap, List<(byte[]? Packet, int Frames)> Packets);

/// <summary>One logical stream of an Ogg file: its packets, and the positions that its pages state.</summary>
internal sealed class OggLink : IDisposable
{
    // Positions that differ by less than this from the samples that were there are rounding of the program that wrote them.
    const double Tolerance = 0.1;

    readonly OggPackets _packets = new();

    // The position after the last page, and the frames from the stream's first one to there, missing ones with them.
    long _position;
    long _counted;

    // Frames given, and which of them are of the recording.
    long _placed;
    long _skip;
    long _end = long.MaxValue;

    OggLink(uint serial, OggDecoder decoder) => (Serial, Decoder, _skip) = (serial, decoder, decoder.PreSkip);

    public uint Serial { get; }

    public OggDecoder Decoder { get; }

    /// <summary>Whether its last page was read.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>The position of the first frame that its packets give; null before the first page of sound.</summary>
    public long? Origin { get; private set; }

    /// <summary>Begins with a stream's first page; null where its codec is none of ours.</summary>
    public static OggLink? Begin(OggPage page, string name)
    {
        if (!page.IsFirst || OggDecoder.Create(page.Body, name) is not { } decoder) return null;
        var link = new OggLink(page.Serial, decoder);
        link._packets.Add(page);
        return link;
    }

    /// <summary>Takes the next page.</summary>
    /// <exception cref="AudioFormatException">A header packet is damaged.</exception>
    public OggPart Add(OggPage page)
    {
        HasEnded = page.IsLast;
        var packets = new List<(byte[]? Packet, int Frames)>();
        long added = 0;
        foreach (var packet in _packets.Add(page))
        {
            if (!Decoder.IsReady)
            {
                Decoder.AddHeader(packet);
            }
            else if (Decoder.Measure(packet) is { } frames)
            {
                packets.Add((packet, frames));
                added += frames;
            }
        }
        var gap = page.Granule < 0 || (packets.Count == 0 && Origin is null) ? Advance(added) : Follow(page.Granule, added);
        return new OggPart(gap, packets);
    }

    /// <summary>Which of the next frames are of the recording: neither before its beginning nor behind its end.</summary>
    public (int From, int To) Place(int frames)
    {
        var from = (int)Math.Clamp(_skip - _placed, 0, frames);
        var to = (int)Math.Clamp(_end - _placed, from, frames);
        _placed += frames;
        return (from, to);
    }

    /// <summary>The recording's length when its last position is this.</summary>
    public long? LengthAt(long granule) => Origin is { } origin ? Math.Max(0, granule - origin - _skip) : null;

    public void Dispose() => Decoder.Dispose();

    long Advance(long frames)
    {
        _position += frames;
        _counted += frames;
        return 0;
    }

    /// <summary>Compares the position that a page states with the frames that were there; returns the frames that are missing.</summary>
    long Follow(long granule, long frames)
    {
        var missing = granule - _position - frames;
        Advance(frames);
        if (Origin is null) return Start(granule);
        _position = granule;
        if (HasEnded) _end = _counted + Math.Min(0, missing);
        var isGap = missing > (_packets.IsLost ? 0 : Tolerance * Decoder.SampleRate)
            && missing <= AudioLimits.MaxGap.TotalSeconds * Decoder.SampleRate;
        if (!isGap) return 0;
        _counted += missing;
        if (HasEnded) _end += missing;
        return missing;
    }

    /// <summary>
    /// The first page of sound: its frames may begin before the recording does, or long after where it was cut out of a longer one.
    /// </summary>
    long Start(long granule)
    {
        var start = granule - _counted;
        _position = granule;
        // Of a stream of one page, the last frames are left out; of any other of Vorbis, the first.
        if (start < 0 && HasEnded) (Origin, _end) = (0, granule);
        else Origin = start;
        if (start < 0 && !HasEnded && Decoder.MayBeginEarly) _skip = -start;
        if (HasEnded) _end = Math.Min(_end, _counted);
        return 0;
    }
}
