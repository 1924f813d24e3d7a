using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>The first packet of an Opus stream (RFC 7845, section 5.1).</summary>
/// <param name="Gain">What samples are multiplied by.</param>
/// <param name="Mapping">For each channel, which of the decoded ones it is; 255 for silence.</param>
internal sealed record OpusHead(int Channels, int PreSkip, float Gain, int Family, int Streams, int Coupled, byte[] Mapping)
{
    /// <summary>Whether its channels are loudspeakers: families 0 and 1.</summary>
    public bool IsPlain => Family is 0 or 1;

    public static bool IsHeader(ReadOnlySpan<byte> packet) => packet.StartsWith("OpusHead"u8);

    /// <exception cref="AudioFormatException">The header is damaged.</exception>
    public static OpusHead Read(ReadOnlySpan<byte> packet, string name)
    {
        if (packet.Length < 19 || (packet[8] & 0xF0) != 0 || packet[9] == 0)
            throw new AudioFormatException(
                $"'{name}': the Opus header has {packet.Length} bytes, version {(packet.Length > 8 ? packet[8] : 0)} and " +
                $"{(packet.Length > 9 ? packet[9] : 0)} channels; expected at least 19, version 1 and one channel. " +
                "The header is damaged: copy or download the file again.");
        int channels = packet[9];
        int preSkip = BinaryPrimitives.ReadUInt16LittleEndian(packet[10..]);
        // In 256ths of a decibel.
        var gain = MathF.Pow(10, BinaryPrimitives.ReadInt16LittleEndian(packet[16..]) / (20f * 256));
        int family = packet[18];
        if (family == 0 && channels <= 2)
            return new OpusHead(channels, preSkip, gain, family, 1, channels - 1, channels == 1 ? [0] : [0, 1]);
        if (family != 1) return new OpusHead(channels, preSkip, gain, family == 0 ? -1 : family, 0, 0, []);
        int streams = packet.Length > 19 ? packet[19] : 0, coupled = packet.Length > 20 ? packet[20] : 0;
        var mapping = packet.Length >= 21 + channels ? packet.Slice(21, channels) : [];
        if (channels > 8 || mapping.Length == 0 || streams < 1 || coupled > streams || streams + coupled > 255
            || AnyBeyond(mapping, streams + coupled))
            throw new AudioFormatException(
                $"'{name}': the Opus header maps {channels} channels to {streams} streams, {coupled} of two channels, which cannot be. " +
                "The header is damaged: copy or download the file again.");
        return new OpusHead(channels, preSkip, gain, family, streams, coupled, mapping.ToArray());
    }

    static bool AnyBeyond(ReadOnlySpan<byte> mapping, int decoded)
    {
        foreach (var channel in mapping)
        {
            if (channel != 255 && channel >= decoded) return true;
        }
        return false;
    }
}
