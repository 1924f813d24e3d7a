namespace Earshot.Audio;

/// <summary>The four bytes before each frame of MPEG audio (ISO/IEC 11172-3, 2.4.1.3, and 13818-3; MPEG 2.5 by Fraunhofer).</summary>
internal readonly record struct Mp3Header(uint Bits)
{
    public const int ByteCount = 4;

    // Of layer II at MPEG 2.5's lowest rate, with padding.
    public const int MaxLength = (144 * 160_000 / 8_000) + 1;

    // Sync word, version, layer and sample rate do not change within a stream.
    const uint Lasting = 0xFFFE_0C00;

    static ReadOnlySpan<short> BitRates =>
    [
        0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, // MPEG 1, layer I
        0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, // layer II
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, // layer III
        0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, // MPEG 2 and 2.5, layer I
        0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, // layers II and III
    ];

    /// <summary>1 for MPEG 1, 2 for MPEG 2, 25 for MPEG 2.5.</summary>
    public int Version => ((Bits >> 19) & 3) switch { 3 => 1, 2 => 2, _ => 25 };

    /// <summary>1 to 3.</summary>
    public int Layer => 4 - (int)((Bits >> 17) & 3);

    public bool HasCrc => (Bits & 0x1_0000) == 0;

    public int BitRateIndex => (int)(Bits >> 12) & 15;

    public int SampleRateIndex => (int)(Bits >> 10) & 3;

    public int ChannelMode => (int)(Bits >> 6) & 3;

    public int ChannelModeExtension => (int)(Bits >> 4) & 3;

    public bool IsCopyrighted => (Bits & 8) != 0;

    public int Channels => ChannelMode == 3 ? 1 : 2;

    /// <summary>Bits a second.</summary>
    public int BitRate => BitRates[(15 * (Version == 1 ? Layer - 1 : Layer == 1 ? 3 : 4)) + BitRateIndex] * 1000;

    public int SampleRate =>
        (SampleRateIndex switch { 0 => 44_100, 1 => 48_000, _ => 32_000 }) / (Version switch { 1 => 1, 2 => 2, _ => 4 });

    /// <summary>Samples of each channel in the frame.</summary>
    public int SampleCount => (Layer, Version) switch { (1, _) => 384, (3, not 1) => 576, _ => 1152 };

    /// <summary>Bytes of the frame with its header.</summary>
    public int Length
    {
        get
        {
            var padding = (int)(Bits >> 9) & 1;
            return Layer == 1 ? ((12 * BitRate / SampleRate) + padding) * 4 : (SampleCount / 8 * BitRate / SampleRate) + padding;
        }
    }

    /// <summary>Bytes of layer III's side information, after the header and its check sum.</summary>
    public int SideInfoLength => (Version, Channels) switch { (1, 2) => 32, (1, _) or (_, 2) => 17, _ => 9 };

    /// <summary>
    /// Whether the decoder knows all that such frames hold. At MPEG 2.5's lowest rate the short blocks' first region has twice the usual
    /// lines, which it does not know: sudden sounds come out wrong there.
    /// </summary>
    public bool IsDecodedRight => Version != 25 || Layer != 3 || SampleRate != 8_000;

    /// <summary>Reads a header; false where there is none. Frames of "free" bit rate are none: nothing tells their length.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Mp3Header header)
    {
        header = default;
        if (bytes.Length < ByteCount) return false;
        var bits = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var isHeader = (bits & 0xFFE0_0000) == 0xFFE0_0000
            && ((bits >> 19) & 3) != 1 && ((bits >> 17) & 3) != 0
            && ((bits >> 12) & 15) is not (0 or 15) && ((bits >> 10) & 3) != 3 && (bits & 3) != 2;
        if (isHeader) header = new Mp3Header(bits);
        return isHeader;
    }

    /// <summary>Whether both can be of one stream.</summary>
    public bool IsAlike(Mp3Header other) => ((Bits ^ other.Bits) & Lasting) == 0;
}
