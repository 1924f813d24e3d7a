using System.Buffers;

namespace Earshot.Audio;

/// <summary>Joins the segments of one logical stream's pages to packets.</summary>
internal sealed class OggPackets
{
    // Vorbis' tables are the longest packets, some 100 kB; pictures in its comments are passed over in pieces.
    const int MaxLength = 16 * 1024 * 1024;

    readonly ArrayBufferWriter<byte> _partial = new();
    uint? _sequence;
    bool _isPartial;

    /// <summary>Whether pages or parts of packets were missing before the last page.</summary>
    public bool IsLost { get; private set; }

    /// <summary>The packets that end in a page.</summary>
    public List<byte[]> Add(OggPage page)
    {
        IsLost = _sequence is { } last && page.Sequence != last + 1;
        _sequence = page.Sequence;
        if (IsLost || page.IsContinued != _isPartial) Drop();
        // The rest of a packet whose beginning is not here.
        var skipping = page.IsContinued && !_isPartial;
        var packets = new List<byte[]>();
        var at = 0;
        foreach (var length in page.Lacing)
        {
            if (!skipping) Append(page.Body.AsSpan(at, length));
            at += length;
            _isPartial = !skipping;
            if (length == 255) continue;
            if (!skipping) packets.Add(_partial.WrittenSpan.ToArray());
            _partial.ResetWrittenCount();
            (_isPartial, skipping) = (false, false);
        }
        return packets;
    }

    void Append(ReadOnlySpan<byte> segment)
    {
        // What is longer than any packet of sound ends as one that cannot be decoded.
        if (_partial.WrittenCount + segment.Length <= MaxLength) _partial.Write(segment);
    }

    void Drop()
    {
        IsLost |= _isPartial;
        _isPartial = false;
        _partial.ResetWrittenCount();
    }
}
