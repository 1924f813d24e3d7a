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
/// <param name="ContainerBytes">Bytes that a sample takes in the file, at least as many as its bits need.</param>
internal sealed record WavFormat(WavSampleType Type, int SampleRate, int Channels, int BitsPerSample, int ContainerBytes)
{
    /// <summary>MPEG audio, mostly of layer III.</summary>
    public const int TagMp2 = 0x0050, TagMp3 = 0x0055;

    const int TagPcm = 1, TagFloat = 3, TagALaw = 6, TagMuLaw = 7, TagExtensible = 0xFFFE;

    // The sub-format GUID xxxxxxxx-0000-0010-8000-00AA00389B71 less its first two bytes, which are the plain format's tag.
    static ReadOnlySpan<byte> SubFormatTail => [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

    const int MaxContainerBytes = 8;

    public int BytesPerSample => (BitsPerSample + 7) / 8;

    public int BlockAlign => Channels * ContainerBytes;

    /// <summary>Whether the bytes of a sample stand highest first.</summary>
    public bool BigEndian { get; init; }

    /// <summary>Whether a sample stands in the lowest bytes of a wider container; by the standard it stands in the highest.</summary>
    public bool AtBottom { get; init; }

    public override string ToString() => Type switch
    {
        WavSampleType.Pcm => $"WAV, {BitsPerSample}-bit PCM",
        WavSampleType.Float => $"WAV, {BitsPerSample}-bit float",
        WavSampleType.ALaw => "WAV, A-law",
        _ => "WAV, mu-law",
    };

    /// <summary>
    /// Reads the chunk's first 16 to 40 bytes: the format's code, and how samples are stored where this code is one that is read here.
    /// </summary>
    public static (int Tag, WavFormat? Format) Parse(ReadOnlySpan<byte> chunk, bool bigEndian, string name)
    {
        if (chunk.Length < 16)
            throw new AudioFormatException(
                $"'{name}': the WAV format chunk has {chunk.Length} bytes; expected at least 16. " +
                "The header is damaged: export the file again.");
        int tag = UInt16(chunk, bigEndian);
        int channels = UInt16(chunk[2..], bigEndian);
        long rate = bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]) : BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        int blockAlign = UInt16(chunk[12..], bigEndian);
        int bits = UInt16(chunk[14..], bigEndian);
        if (tag == TagExtensible) tag = ReadSubFormat(chunk, bits, bigEndian, name);

        if (TypeOf(tag) is not { } type) return (tag, null);
        AudioLimits.CheckChannels(channels, name);
        AudioLimits.CheckSampleRate(rate, name);
        CheckBits(type, bits, name);
        return (
            tag,
            new WavFormat(type, (int)rate, channels, bits, ContainerOf(type, channels, bits, blockAlign, name)) { BigEndian = bigEndian });
    }

    /// <summary>Why a format code is refused.</summary>
    public static AudioFormatException NotRead(int tag, string name) =>
        new(
            $"'{name}': WAV format {(tag < 0 ? "of an unknown kind" : $"0x{tag:X4}{NameOf(tag)}")} is not read here; expected PCM, " +
            "float, A-law or mu-law. Install ffmpeg, which is asked for the others, or convert it first.");

    /// <summary>
    /// Finds out, by the first samples, at which end of a wider container samples stand: at the bottom where the low bytes are in use
    /// and the high ones are nothing but the sign.
    /// </summary>
    public WavFormat Aligned(ReadOnlySpan<byte> samples)
    {
        var unused = ContainerBytes - BytesPerSample;
        var (lowInUse, highIsSign) = (false, true);
        for (; samples.Length >= ContainerBytes; samples = samples[ContainerBytes..])
        {
            for (var i = 0; i < unused; i++)
            {
                lowInUse |= samples[BigEndian ? ContainerBytes - 1 - i : i] != 0;
                var sign = (sbyte)samples[BigEndian ? unused : BytesPerSample - 1] < 0 ? 0xFF : 0;
                highIsSign &= samples[BigEndian ? i : ContainerBytes - 1 - i] == sign;
            }
        }
        return this with { AtBottom = lowInUse && highIsSign };
    }

    static ushort UInt16(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    /// <summary>Bytes that a sample takes; integers may have more than their bits need.</summary>
    static int ContainerOf(WavSampleType type, int channels, int bits, int blockAlign, string name)
    {
        var least = (bits + 7) / 8;
        var container = blockAlign / channels;
        if (container * channels == blockAlign
            && (container == least || (type == WavSampleType.Pcm && container > least && container <= MaxContainerBytes)))
        {
            return container;
        }
        throw new AudioFormatException(
            $"'{name}': the WAV header gives {blockAlign} bytes a frame; expected {least * channels} for {channels} channels of {bits} " +
            "bits. The header is damaged: export the file again.");
    }

    static int ReadSubFormat(ReadOnlySpan<byte> chunk, int bits, bool bigEndian, string name)
    {
        if (chunk.Length < 40)
            throw new AudioFormatException(
                $"'{name}': the WAV extensible format chunk has {chunk.Length} bytes; expected 40. " +
                "The header is damaged: export the file again.");
        int validBits = UInt16(chunk[18..], bigEndian);
        if (validBits > bits)
            throw new AudioFormatException(
                $"'{name}': the WAV header gives {validBits} valid bits in samples of {bits}. " +
                "The header is damaged: export the file again.");
        // Fewer valid bits than stored stand at the top of the sample, so the stored width is the scale. The GUID's first numbers
        // turn with the file's byte order, its last bytes do not.
        if (!chunk.Slice(32, 8).SequenceEqual(SubFormatTail[6..])) return -1;
        if (bigEndian) return chunk.Slice(24, 2).SequenceEqual((ReadOnlySpan<byte>)[0, 0]) ? UInt16(chunk[26..], bigEndian) : -1;
        return chunk.Slice(26, 6).SequenceEqual(SubFormatTail[..6]) ? UInt16(chunk[24..], bigEndian) : -1;
    }

    static WavSampleType? TypeOf(int tag) => tag switch
    {
        TagPcm => WavSampleType.Pcm,
        TagFloat => WavSampleType.Float,
        TagALaw => WavSampleType.ALaw,
        TagMuLaw => WavSampleType.MuLaw,
        _ => null,
    };

    static string NameOf(int tag) => tag switch
    {
        0x0002 => " (Microsoft ADPCM)",
        0x0011 => " (IMA ADPCM)",
        0x0031 => " (GSM 6.10)",
        TagMp2 => " (MP2)",
        TagMp3 => " (MP3)",
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
            throw new AudioFormatException(
                $"'{name}': the WAV header gives {bits} bits a sample for {type}; expected {expected}. " +
                "The header is damaged: export the file again.");
    }
}
