namespace Earshot.Audio;

/// <summary>The two CRCs of a FLAC frame (RFC 9639, sections 9.1.8 and 9.3).</summary>
internal static class FlacChecksum
{
    static readonly byte[] Table8 = [.. Enumerable.Range(0, 256).Select(value => (byte)Shift(value, 8, 0x07))];
    static readonly ushort[] Table16 = [.. Enumerable.Range(0, 256).Select(value => (ushort)Shift(value << 8, 16, 0x8005))];

    /// <summary>CRC-8, polynomial x⁸ + x² + x + 1, of a frame's header.</summary>
    public static byte Crc8(ReadOnlySpan<byte> bytes)
    {
        byte crc = 0;
        foreach (var value in bytes) crc = Table8[crc ^ value];
        return crc;
    }

    /// <summary>CRC-16, polynomial x¹⁶ + x¹⁵ + x² + 1, of a frame less its last two bytes.</summary>
    public static ushort Crc16(ushort crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes) crc = (ushort)((crc << 8) ^ Table16[(crc >> 8) ^ value]);
        return crc;
    }

    static int Shift(int value, int width, int polynomial)
    {
        for (var bit = 0; bit < 8; bit++) value = (value << 1) ^ ((value >> (width - 1) & 1) != 0 ? polynomial : 0);
        return value & ((1 << width) - 1);
    }
}
