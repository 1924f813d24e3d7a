using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>A family of audio files as its first bytes tell it, and the name of ffmpeg's demuxer for it.</summary>
/// <param name="Name">The name people know it by.</param>
/// <param name="Demuxer">What ffmpeg is told to read it as: a hostile file cannot choose, say, a playlist that opens other files.</param>
internal sealed record AudioContainer(string Name, string Demuxer)
{
    public static readonly AudioContainer Wav = new("WAV", "wav");
    public static readonly AudioContainer Flac = new("FLAC", "flac");
    public static readonly AudioContainer Mp3 = new("MP3", "mp3");
    public static readonly AudioContainer Ogg = new("Ogg", "ogg");
    public static readonly AudioContainer Mp4 = new("MP4/M4A", "mov");

    /// <summary>The length of an ID3v2 tag at the start of <paramref name="head"/>, 0 where there is none.</summary>
    public static int Id3Length(ReadOnlySpan<byte> head)
    {
        if (head.Length < 10 || !head.StartsWith("ID3"u8) || ((head[6] | head[7] | head[8] | head[9]) & 0x80) != 0) return 0;
        var size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9];
        var footer = (head[5] & 0x10) != 0 ? 10 : 0;
        return 10 + size + footer;
    }

    /// <summary>Recognises a container by the first bytes of its content; null where nothing known begins so.</summary>
    public static AudioContainer? Identify(ReadOnlySpan<byte> head) =>
        IdentifyChunked(head) ?? IdentifySigned(head) ?? IdentifyFramed(head);

    /// <summary>The families whose name stands some bytes in: RIFF, IFF, ISO base media.</summary>
    static AudioContainer? IdentifyChunked(ReadOnlySpan<byte> head)
    {
        if (head.Length < 12) return null;
        var kind = head.Slice(8, 4);
        if (head.StartsWith("RIFF"u8) || head.StartsWith("RF64"u8) || head.StartsWith("BW64"u8))
        {
            if (kind.SequenceEqual("WAVE"u8)) return Wav;
            if (kind.SequenceEqual("AVI "u8)) return new("AVI", "avi");
        }
        if (head.StartsWith("RIFX"u8) && kind.SequenceEqual("WAVE"u8)) return Wav;
        if (head.StartsWith("FORM"u8) && (kind.SequenceEqual("AIFF"u8) || kind.SequenceEqual("AIFC"u8))) return new("AIFF", "aiff");
        var box = head.Slice(4, 4);
        if (box.SequenceEqual("ftyp"u8)) return Mp4;
        if (box.SequenceEqual("moov"u8) || box.SequenceEqual("mdat"u8) || box.SequenceEqual("wide"u8) || box.SequenceEqual("free"u8))
            return new("QuickTime", "mov");
        return null;
    }

    static AudioContainer? IdentifySigned(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith("fLaC"u8)) return Flac;
        if (head.StartsWith("OggS"u8)) return Ogg;
        if (head.StartsWith((ReadOnlySpan<byte>)[0x1A, 0x45, 0xDF, 0xA3]))
            return new(head.IndexOf("webm"u8) >= 0 ? "WebM" : "Matroska", "matroska");
        if (head.StartsWith((ReadOnlySpan<byte>)[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11])) return new("WMA/ASF", "asf");
        if (head.StartsWith((ReadOnlySpan<byte>)[0x72, 0x69, 0x66, 0x66, 0x2E, 0x91, 0xCF, 0x11])) return new("Wave64", "w64");
        if (head.StartsWith("#!AMR"u8)) return new("AMR", "amr");
        if (head.StartsWith("NIST_1A\n"u8)) return new("NIST SPHERE", "nistsphere");
        if (head.StartsWith("Creative Voice File"u8)) return new("VOC", "voc");
        if (head.StartsWith(".RMF"u8)) return new("RealMedia", "rm");
        if (head.StartsWith("caff"u8)) return new("CAF", "caf");
        if (head.StartsWith(".snd"u8)) return new("AU", "au");
        if (head.StartsWith("FLV\u0001"u8)) return new("FLV", "flv");
        if (head.StartsWith("wvpk"u8)) return new("WavPack", "wv");
        if (head.StartsWith("MAC "u8)) return new("Monkey's Audio", "ape");
        if (head.StartsWith("TTA1"u8)) return new("TTA", "tta");
        if (head.StartsWith("ADIF"u8)) return new("AAC", "aac");
        if (head.StartsWith((ReadOnlySpan<byte>)[0x00, 0x00, 0x01, 0xBA])) return new("MPEG programme stream", "mpeg");
        return null;
    }

    /// <summary>The families that are nothing but frames: a sync word, then fields that must make sense.</summary>
    static AudioContainer? IdentifyFramed(ReadOnlySpan<byte> head)
    {
        if (head.Length > 188 && head[0] == 0x47 && head[188] == 0x47) return new("MPEG transport stream", "mpegts");
        // Blu-ray and AVCHD put the time of arrival, four bytes, before each packet.
        if (head.Length > 388 && head[4] == 0x47 && head[196] == 0x47 && head[388] == 0x47) return new("MPEG transport stream", "mpegts");
        if (head.Length < 4) return null;
        var sync = BinaryPrimitives.ReadUInt16BigEndian(head);
        if (sync == 0x0B77) return new("AC-3", "ac3");
        if ((sync & 0xFFF6) == 0xFFF0) return new("AAC", "aac");
        var layer = (sync >> 1) & 3;
        var version = (sync >> 3) & 3;
        var bitRate = head[2] >> 4;
        var rate = (head[2] >> 2) & 3;
        // Layers II and III; layer I is extinct, and its sync is the byte order mark of text.
        return (sync & 0xFFE0) == 0xFFE0 && layer is (1 or 2) && version != 1 && bitRate is not (0 or 15) && rate != 3 ? Mp3 : null;
    }
}
