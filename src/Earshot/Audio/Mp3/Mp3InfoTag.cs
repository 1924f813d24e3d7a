using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>
/// The first frame of most streams of layer III: no sound, but Xing's, LAME's or Fraunhofer's account of the stream.
/// </summary>
/// <param name="Frames">The number of frames that follow, where it is given.</param>
/// <param name="Delay">Samples that the encoder put before the recording; null where it does not say.</param>
/// <param name="Padding">Samples that it put behind.</param>
internal sealed record Mp3InfoTag(long? Frames, int? Delay, int Padding)
{
    // A decoder of layer III is this many samples late.
    public const int DecoderDelay = 529;

    const int HasFrames = 1, HasBytes = 2, HasPlaces = 4, HasQuality = 8;
    const int PlacesLength = 100;
    const int FraunhoferOffset = 36;

    /// <summary>Reads it out of a frame; null where the frame is one of sound.</summary>
    public static Mp3InfoTag? Read(Mp3Header header, ReadOnlySpan<byte> frame)
    {
        if (header.Layer != 3) return null;
        var at = Mp3Header.ByteCount + header.SideInfoLength;
        return ReadXing(frame, at) ?? (header.HasCrc ? ReadXing(frame, at + 2) : null) ?? ReadFraunhofer(frame);
    }

    static Mp3InfoTag? ReadXing(ReadOnlySpan<byte> frame, int at)
    {
        if (frame.Length < at + 8 || !(frame[at..].StartsWith("Xing"u8) || frame[at..].StartsWith("Info"u8))) return null;
        var tag = frame[(at + 4)..];
        var flags = BinaryPrimitives.ReadInt32BigEndian(tag);
        tag = tag[4..];
        long? frames = (flags & HasFrames) != 0 && tag.Length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(tag) : null;
        var skip = ((flags & HasFrames) != 0 ? 4 : 0) + ((flags & HasBytes) != 0 ? 4 : 0) + ((flags & HasPlaces) != 0 ? PlacesLength : 0)
            + ((flags & HasQuality) != 0 ? 4 : 0);
        if (tag.Length < skip + 24) return new Mp3InfoTag(frames, null, 0);
        // LAME's part: the encoder's name 9, then 12 bytes of other matters, then 12 bits of delay and 12 of padding.
        var lame = tag[skip..];
        if (!lame.StartsWith("LAME"u8) && !lame.StartsWith("Lavf"u8) && !lame.StartsWith("Lavc"u8)) return new Mp3InfoTag(frames, null, 0);
        return new Mp3InfoTag(frames, (lame[21] << 4) | (lame[22] >> 4), ((lame[22] & 15) << 8) | lame[23]);
    }

    static Mp3InfoTag? ReadFraunhofer(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < FraunhoferOffset + 18 || !frame[FraunhoferOffset..].StartsWith("VBRI"u8)) return null;
        return new Mp3InfoTag(BinaryPrimitives.ReadUInt32BigEndian(frame[(FraunhoferOffset + 14)..]), null, 0);
    }
}
