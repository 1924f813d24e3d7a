using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>How a WAV file's samples are stored.</summary>
internal enum WavSampleType
{
    Pcm,
    Float,
    ALaw,
    MuLaw,
}

/// <summary>A WAV file's <c>fmt </c> chunk, checked.</summary>
internal sealed record WavFormat(WavSampleType Type, int SampleRate, int Channels, int BitsPerSample)
{
    const int TagPcm = 1, TagFloat = 3, TagALaw = 6, TagMuLaw = 7, TagExtensible = 0xFFFE;

    // The sub-format GUID xxxxxxxx-0000-0010-8000-00AA00389B71 less its first two bytes, which are the plain format's tag.
    static ReadOnlySpan<byte> SubFormatTail => [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

    public int BytesPerSample => (BitsPerSample + 7) / 8;

    public int BlockAlign => Channels * BytesPerSample;

    public override string ToString() => Type switch
    {
        WavSampleType.Pcm => $"WAV, {BitsPerSample}-bit PCM",
        WavSampleType.Float => $"WAV, {BitsPerSample}-bit float",
        WavSampleType.ALaw => "WAV, A-law",
        _ => "WAV, mu-law",
    };

    /// <summary>Reads the chunk's first 16 to 40 bytes.</summary>
    public static WavFormat Parse(ReadOnlySpan<byte> chunk, string name)
    {
        if (chunk.Length < 16)
            throw new AudioFormatException($"'{name}': the WAV format chunk has {chunk.Length} bytes; expected at least 16. The header is damaged: export the file again.");
        int tag = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]);
        long rate = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        int blockAlign = BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        if (tag == TagExtensible) tag = ReadSubFormat(chunk, bits, name);

        var type = TypeOf(tag, name);
        AudioLimits.CheckChannels(channels, name);
        AudioLimits.CheckSampleRate(rate, name);
        CheckBits(type, bits, name);
        var format = new WavFormat(type, (int)rate, channels, bits);
        if (blockAlign != format.BlockAlign)
            throw new AudioFormatException($"'{name}': the WAV header gives {blockAlign} bytes a frame; expected {format.BlockAlign} for {channels} channels of {bits} bits. The header is damaged: export the file again.");
        return format;
    }

    static int ReadSubFormat(ReadOnlySpan<byte> chunk, int bits, string name)
    {
        if (chunk.Length < 40)
            throw new AudioFormatException($"'{name}': the WAV extensible format chunk has {chunk.Length} bytes; expected 40. The header is damaged: export the file again.");
        int validBits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[18..]);
        if (validBits > bits)
            throw new AudioFormatException($"'{name}': the WAV header gives {validBits} valid bits in samples of {bits}. The header is damaged: export the file again.");
        if (!chunk.Slice(26, 14).SequenceEqual(SubFormatTail))
            throw new AudioFormatException($"'{name}': unknown WAV sub-format {new Guid(chunk.Slice(24, 16))}; expected PCM, float, A-law or mu-law. Convert it to 16-bit PCM first.");
        // Fewer valid bits than stored stand at the top of the sample, so the stored width is the scale.
        return BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
    }

    static WavSampleType TypeOf(int tag, string name) => tag switch
    {
        TagPcm => WavSampleType.Pcm,
        TagFloat => WavSampleType.Float,
        TagALaw => WavSampleType.ALaw,
        TagMuLaw => WavSampleType.MuLaw,
        _ => throw new AudioFormatException($"'{name}': WAV format 0x{tag:X4}{NameOf(tag)} is not read here; expected PCM, float, A-law or mu-law. Convert it first: ffmpeg -i in.wav -c:a pcm_s16le out.wav."),
    };

    static string NameOf(int tag) => tag switch
    {
        0x0002 => " (Microsoft ADPCM)",
        0x0011 => " (IMA ADPCM)",
        0x0031 => " (GSM 6.10)",
        0x0055 => " (MP3)",
        0x00FF or 0x1610 => " (AAC)",
        _ => "",
    };

    static void CheckBits(WavSampleType type, int bits, string name)
    {
        var (valid, expected) = type switch
        {
            WavSampleType.Pcm => (bits is >= 8 and <= 32, "8 to 32"),
            WavSampleType.Float => (bits is 32 or 64, "32 or 64"),
            _ => (bits == 8, "8"),
        };
        if (!valid)
            throw new AudioFormatException($"'{name}': the WAV header gives {bits} bits a sample for {type}; expected {expected}. The header is damaged: export the file again.");
    }
}
