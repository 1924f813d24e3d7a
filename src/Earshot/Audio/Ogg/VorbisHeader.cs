using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>The first packet of a Vorbis stream (Vorbis I specification, section 4.2.2).</summary>
internal sealed record VorbisHeader(int Channels, int SampleRate, int ShortBlock, int LongBlock)
{
    const int Length = 30;

    public static bool IsHeader(ReadOnlySpan<byte> packet) => packet.StartsWith("\u0001vorbis"u8);

    /// <exception cref="AudioFormatException">The header is damaged.</exception>
    public static VorbisHeader Read(ReadOnlySpan<byte> packet, string name)
    {
        if (packet.Length < Length)
        {
            throw new AudioFormatException(
                $"'{name}': the Vorbis header has {packet.Length} bytes; expected {Length}. " +
                "The header is damaged: copy or download the file again.");
        }
        var version = BinaryPrimitives.ReadUInt32LittleEndian(packet[7..]);
        long rate = BinaryPrimitives.ReadUInt32LittleEndian(packet[12..]);
        var (shortBlock, longBlock) = (1 << (packet[28] & 15), 1 << (packet[28] >> 4));
        AudioLimits.CheckChannels(packet[11], name);
        AudioLimits.CheckSampleRate(rate, name);
        if (version != 0 || shortBlock < 64 || longBlock > 8192 || shortBlock > longBlock)
            throw new AudioFormatException(
                $"'{name}': the Vorbis header gives version {version} and blocks of {shortBlock} and {longBlock}; " +
                "expected version 0 and 64 to 8192, the shorter first. The header is damaged: copy or download the file again.");
        return new VorbisHeader(packet[11], (int)rate, shortBlock, longBlock);
    }
}
