using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>The tags that stand before, between and after frames of MPEG audio.</summary>
internal static class Mp3Tags
{
    const int Id3V1Length = 128;
    const int ApeFrameLength = 32;

    /// <summary>The bytes of the tag that begins here; 0 where none does.</summary>
    public static long LengthOf(ReadOnlySpan<byte> at)
    {
        if (at.StartsWith("TAG"u8)) return Id3V1Length;
        if (at.StartsWith("LYRICSBEGIN"u8)) return LyricsLength(at);
        if (at.Length < ApeFrameLength || !at.StartsWith("APETAGEX"u8)) return AudioContainer.Id3Length(at);
        // The size counts the items and the footer; a tag without a header begins with its items, which nothing tells from junk.
        var isHeader = (at[23] & 0x20) != 0;
        return isHeader ? ApeFrameLength + (long)BinaryPrimitives.ReadUInt32LittleEndian(at[12..]) : ApeFrameLength;
    }

    /// <summary>A Lyrics3 tag goes on to its closing word.</summary>
    static long LyricsLength(ReadOnlySpan<byte> at)
    {
        var end = at.IndexOf("LYRICS200"u8);
        if (end < 0) end = at.IndexOf("LYRICSEND"u8);
        return end < 0 ? at.Length : end + 9;
    }
}
