namespace Earshot.Audio;

/// <summary>How the two channels of a stereo frame are stored.</summary>
internal enum FlacStereo
{
    Independent,
    LeftSide,
    SideRight,
    MidSide,
}

/// <summary>The header of one FLAC frame (RFC 9639, section 9.1).</summary>
/// <param name="Number">The number of the first sample where block sizes vary, of the frame where they are all one.</param>
internal readonly record struct FlacFrameHeader(int BlockSize, int Channels, FlacStereo Stereo, bool IsVariable, long Number)
{
    // Sync and flags 2, sizes and channels 2, number 7, block size 2, rate 2, CRC 1.
    const int MaxLength = 16;

    /// <summary>Reads a header, whose CRC-8 must be right and whose format must be the stream's.</summary>
    public static FlacFrameHeader Read(FlacBits bits, FlacStreamInfo info, string name)
    {
        var at = bits.Position;
        Span<byte> bytes = stackalloc byte[MaxLength];
        var length = 0;
        for (; length < 4; length++) bytes[length] = (byte)bits.Read(8);
        if (bytes[0] != 0xFF || (bytes[1] & 0xFE) != 0xF8 || (bytes[3] & 1) != 0)
            throw new AudioFormatException(
                $"'{name}': no FLAC frame at byte {at} (it begins {Convert.ToHexString(bytes[..4])}); expected FFF8 or FFF9. " +
                "The file is damaged: copy or download it again.");

        var numberLength = NumberLength(bytes[length++] = (byte)bits.Read(8));
        var extra = numberLength - 1 + SizeLength(bytes[2] >> 4) + RateLength(bytes[2] & 15);
        for (var i = 0; i < extra; i++) bytes[length++] = (byte)bits.Read(8);
        var crc = bits.Read(8);
        if (numberLength == 0 || crc != FlacChecksum.Crc8(bytes[..length]))
            throw new AudioFormatException(
                $"'{name}': the header of the FLAC frame at byte {at} has a wrong check sum. " +
                "The file is damaged: copy or download it again.");

        var tail = bytes[(4 + numberLength)..length];
        var blockSize = BlockSizeOf(bytes[2] >> 4, tail);
        Require(blockSize is > 0 and <= 65535, name, at, "block size code", bytes[2] >> 4, "a size of 1 to 65535");
        var rate = RateOf(bytes[2] & 15, tail[SizeLength(bytes[2] >> 4)..], info.SampleRate);
        Require(rate == info.SampleRate, name, at, "sample rate", rate, $"the stream's {info.SampleRate}");
        var depth = DepthOf((bytes[3] >> 1) & 7, info.BitsPerSample);
        Require(depth == info.BitsPerSample, name, at, "bits a sample", depth, $"the stream's {info.BitsPerSample}");
        var (channels, stereo) = ChannelsOf(bytes[3] >> 4);
        Require(channels == info.Channels, name, at, "channels", channels, $"the stream's {info.Channels}");
        return new FlacFrameHeader(blockSize, channels, stereo, (bytes[1] & 1) != 0, NumberOf(bytes.Slice(4, numberLength)));
    }

    static void Require(bool condition, string name, long at, string what, int got, string expected)
    {
        if (!condition)
            throw new AudioFormatException(
                $"'{name}': the FLAC frame at byte {at} has {what} {got}; expected {expected}. " +
                "The file is damaged, or its format changes midway: export it again.");
    }

    /// <summary>Bytes of a number coded as UTF-8 codes characters, extended to 36 bits; 0 where the first byte starts none.</summary>
    static int NumberLength(byte first) => first switch
    {
        < 0x80 => 1,
        < 0xC0 => 0,
        < 0xE0 => 2,
        < 0xF0 => 3,
        < 0xF8 => 4,
        < 0xFC => 5,
        < 0xFE => 6,
        0xFE => 7,
        _ => 0,
    };

    static long NumberOf(ReadOnlySpan<byte> coded)
    {
        // The first byte has as many ones before its bits as there are bytes, but none where it is the only one.
        long number = coded.Length == 1 ? coded[0] : coded[0] & ((1 << (7 - coded.Length)) - 1);
        foreach (var next in coded[1..]) number = (number << 6) | (next & 0x3FL);
        return number;
    }

    static int SizeLength(int code) => code switch { 6 => 1, 7 => 2, _ => 0 };

    static int RateLength(int code) => code switch { 12 => 1, 13 or 14 => 2, _ => 0 };

    static int BlockSizeOf(int code, ReadOnlySpan<byte> tail) => code switch
    {
        0 => 0,
        1 => 192,
        <= 5 => 144 << code,
        6 => tail[0] + 1,
        7 => ((tail[0] << 8) | tail[1]) + 1,
        _ => 1 << code,
    };

    static int RateOf(int code, ReadOnlySpan<byte> tail, int streamRate) => code switch
    {
        0 => streamRate,
        1 => 88200,
        2 => 176400,
        3 => 192000,
        4 => 8000,
        5 => 16000,
        6 => 22050,
        7 => 24000,
        8 => 32000,
        9 => 44100,
        10 => 48000,
        11 => 96000,
        12 => tail[0] * 1000,
        13 => (tail[0] << 8) | tail[1],
        14 => ((tail[0] << 8) | tail[1]) * 10,
        _ => -1,
    };

    static int DepthOf(int code, int streamDepth) => code switch
    {
        0 => streamDepth,
        1 => 8,
        2 => 12,
        4 => 16,
        5 => 20,
        6 => 24,
        7 => 32,
        _ => -1,
    };

    static (int Channels, FlacStereo Stereo) ChannelsOf(int code) => code switch
    {
        < 8 => (code + 1, FlacStereo.Independent),
        8 => (2, FlacStereo.LeftSide),
        9 => (2, FlacStereo.SideRight),
        10 => (2, FlacStereo.MidSide),
        _ => (-1, FlacStereo.Independent),
    };
}
