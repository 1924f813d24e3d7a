using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>One page of an Ogg stream (RFC 3533, section 6), its check sum verified.</summary>
/// <param name="Serial">Which of the multiplexed streams it belongs to.</param>
/// <param name="Granule">The position after the last packet that ends in it; -1 where none does.</param>
/// <param name="Lacing">The lengths of its segments: a packet ends with one of less than 255.</param>
internal readonly record struct OggPage(int Flags, uint Serial, uint Sequence, long Granule, byte[] Lacing, byte[] Body)
{
    public const int MaxLength = HeaderLength + 255 + (255 * 255);
    const int HeaderLength = 27;

    static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(value => Shift((uint)value << 24))];

    /// <summary>Whether its first packet began in an earlier page.</summary>
    public bool IsContinued => (Flags & 1) != 0;

    public bool IsFirst => (Flags & 2) != 0;

    public bool IsLast => (Flags & 4) != 0;

    /// <summary>The whole page's length, by a look at its header; 0 where no page begins or not enough of it is there.</summary>
    public static int LengthOf(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderLength || !bytes.StartsWith("OggS\0"u8)) return 0;
        var segments = bytes[HeaderLength - 1];
        if (bytes.Length < HeaderLength + segments) return 0;
        var length = HeaderLength + segments;
        foreach (var segment in bytes.Slice(HeaderLength, segments)) length += segment;
        return length;
    }

    /// <summary>Reads a page that is there as a whole; null where none is, or its check sum is wrong.</summary>
    public static OggPage? Read(ReadOnlySpan<byte> bytes)
    {
        var length = LengthOf(bytes);
        if (length == 0 || bytes.Length < length) return null;
        bytes = bytes[..length];
        if (CheckSum(bytes) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[22..])) return null;
        var bodyAt = HeaderLength + bytes[HeaderLength - 1];
        return new OggPage(
            bytes[5],
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[18..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[6..]),
            bytes[HeaderLength..bodyAt].ToArray(),
            bytes[bodyAt..].ToArray());
    }

    /// <summary>CRC-32 of polynomial 0x04C11DB7, highest bit first, with the check sum's own place as zeros.</summary>
    public static uint CheckSum(ReadOnlySpan<byte> page)
    {
        uint crc = 0;
        for (var i = 0; i < page.Length; i++) crc = (crc << 8) ^ Table[(crc >> 24) ^ (i is >= 22 and < 26 ? 0u : page[i])];
        return crc;
    }

    static uint Shift(uint value)
    {
        for (var bit = 0; bit < 8; bit++) value = (value << 1) ^ ((value & 0x8000_0000) != 0 ? 0x04C1_1DB7u : 0u);
        return value;
    }
}
