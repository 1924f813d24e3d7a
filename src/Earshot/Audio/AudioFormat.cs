using System.Text;

namespace Earshot.Audio;

/// <summary>Which reader a recording needs, by its content.</summary>
internal static class AudioFormat
{
    // Long enough for Ogg's codec header and two transport-stream packets.
    const int HeadLength = 512;

    public static AudioReader Open(Stream stream, string name, string? path)
    {
        var source = new ByteSource(stream, name);
        try
        {
            return Open(source, path);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    static AudioReader Open(ByteSource source, string? path)
    {
        var tagged = SkipId3(source);
        var head = source.Peek(HeadLength);
        var container = AudioContainer.Identify(head) ?? (tagged ? AudioContainer.Mp3 : null);
        if (container is null) throw Unknown(source.Name, head);
        if (container == AudioContainer.Wav) return new WavReader(source);
        if (container == AudioContainer.Flac) return new FlacReader(source);
        return FfmpegReader.Open(source, container, path);
    }

    /// <summary>ID3v2 tags stand before MP3 by design and before FLAC by habit; there may be several.</summary>
    static bool SkipId3(ByteSource source)
    {
        var tagged = false;
        while (AudioContainer.Id3Length(source.Peek(10)) is > 0 and var length)
        {
            if (source.Skip(length) < length)
                throw new AudioFormatException($"'{source.Name}': the ID3 tag claims {length} bytes, more than the file holds. The file is truncated: copy or download it again.");
            tagged = true;
        }
        return tagged;
    }

    static AudioFormatException Unknown(string name, ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty) return new($"'{name}': the file is empty; expected audio. Record, copy or download it again.");
        const string expected = "expected WAV, FLAC, MP3, M4A, Ogg, WebM or another audio file";
        if (head.IndexOfAnyExcept(Text) < 0)
        {
            var start = Encoding.ASCII.GetString(head[..Math.Min(head.Length, 24)]).ReplaceLineEndings(" ").Replace('\t', ' ');
            return new($"'{name}': the content is text (it begins \"{start}\"); {expected}. Check that the download did not save an error page.");
        }
        return new($"'{name}': unknown audio format (it begins {Convert.ToHexString(head[..Math.Min(head.Length, 12)])}); {expected}. Convert it to WAV first.");
    }

    static readonly System.Buffers.SearchValues<byte> Text =
        System.Buffers.SearchValues.Create([.. "\t\r\n"u8, .. Enumerable.Range(32, 95).Select(c => (byte)c)]);
}
