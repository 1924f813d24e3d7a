using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>FLAC's first metadata block, STREAMINFO (RFC 9639, section 8.2).</summary>
/// <param name="BlockSize">Samples of every block but the last, where all have one size; else 0.</param>
internal sealed record FlacStreamInfo(int SampleRate, int Channels, int BitsPerSample, long TotalFrames, byte[] Md5, int BlockSize)
{
    const int Length = 34;
    const int StreamInfoType = 0;
    const int InvalidType = 127;

    /// <summary>Reads the signature and all metadata blocks; the source then stands at the first frame.</summary>
    public static FlacStreamInfo Read(ByteSource source)
    {
        Span<byte> header = stackalloc byte[4];
        if (source.Read(header) < 4 || !header.SequenceEqual("fLaC"u8))
            throw new AudioFormatException($"'{source.Name}': not a FLAC file (it begins {Convert.ToHexString(header)}); expected fLaC.");
        FlacStreamInfo? info = null;
        bool last;
        do
        {
            var at = source.Position;
            if (source.Read(header) < 4) throw Truncated(source, at);
            last = (header[0] & 0x80) != 0;
            var type = header[0] & 0x7F;
            var length = (header[1] << 16) | (header[2] << 8) | header[3];
            if (type == InvalidType || (info is null) != (type == StreamInfoType))
                throw new AudioFormatException(
                    $"'{source.Name}': unexpected FLAC metadata block of type {type} at byte {at}; " +
                    "expected one STREAMINFO, and that first. The header is damaged: copy or download the file again.");
            if (info is null) info = ReadBlock(source, length, at);
            else if (source.Skip(length) < length) throw Truncated(source, at);
        }
        while (!last);
        return info;
    }

    static FlacStreamInfo ReadBlock(ByteSource source, int length, long at)
    {
        if (length != Length)
            throw new AudioFormatException(
                $"'{source.Name}': the FLAC STREAMINFO block has {length} bytes; expected {Length}. " +
                "The header is damaged: copy or download the file again.");
        Span<byte> block = stackalloc byte[Length];
        if (source.Read(block) < Length) throw Truncated(source, at);
        var packed = BinaryPrimitives.ReadUInt64BigEndian(block[10..]);
        var rate = (int)(packed >> 44);
        var channels = (int)((packed >> 41) & 7) + 1;
        var bits = (int)((packed >> 36) & 31) + 1;
        var frames = (long)(packed & 0xF_FFFF_FFFF);
        AudioLimits.CheckSampleRate(rate, source.Name);
        if (bits < 4)
            throw new AudioFormatException(
                $"'{source.Name}': the FLAC header gives {bits} bits a sample; expected 4 to 32. " +
                "The header is damaged: copy or download the file again.");
        var (least, most) = (BinaryPrimitives.ReadUInt16BigEndian(block), BinaryPrimitives.ReadUInt16BigEndian(block[2..]));
        return new FlacStreamInfo(rate, channels, bits, frames, block[18..].ToArray(), least == most ? least : 0);
    }

    static AudioFormatException Truncated(ByteSource source, long at) =>
        new(
            $"'{source.Name}': the FLAC file ends inside the metadata block at byte {at}. " +
            "The file is truncated: copy or download it again.");
}
