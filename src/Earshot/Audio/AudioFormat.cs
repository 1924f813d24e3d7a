using System.Text;

namespace Earshot.Audio;

/// <summary>Which reader a recording needs, by its content.</summary>
internal static class AudioFormat
{
    // Long enough for Ogg's codec header and two transport-stream packets.
    const int HeadLength = 512;

    // A stream that was started before its sound has seconds of zeros, no more.
    const long MaxLeadingZeros = 16 * 1024 * 1024;

    const string Expected = "expected WAV, FLAC, MP3, M4A, Ogg, WebM or another audio file";

    public static AudioReader Open(Stream stream, string name, string? path, AudioReadOptions options)
    {
        var source = new ByteSource(stream, name);
        try
        {
            return Open(source, path, options);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    static AudioReader Open(ByteSource source, string? path, AudioReadOptions options)
    {
        var tagged = SkipId3(source);
        SkipZeros(source);
        var container = AudioContainer.Identify(source.Peek(HeadLength)) ?? (tagged ? AudioContainer.Mp3 : null);
        if (container is null) return OpenUnknown(source, path, options);
        if (container == AudioContainer.Wav) return OpenWav(source, container, path, options);
        if (container == AudioContainer.Flac) return new FlacReader(source, options);
        if (container == AudioContainer.Ogg && OggReader.Open(source, options) is { } ogg) return ogg;
        if (container == AudioContainer.Mp3 && Mp3Sync.Find(source) is { } start
            && (start.Header.IsDecodedRight || !FfmpegReader.IsAvailable))
            return new Mp3Reader(source, start, options);
        return FfmpegReader.Open(source, container, path, options);
    }

    /// <summary>PCM and its like are read here, MPEG audio by its own reader, any other code by the program.</summary>
    static AudioReader OpenWav(ByteSource source, AudioContainer container, string? path, AudioReadOptions options)
    {
        source.Mark();
        var header = WavHeader.Read(source);
        if (header.Format is null && header.Tag is WavFormat.TagMp3 or WavFormat.TagMp2 && Mp3Sync.Find(source) is { } start)
        {
            source.Unmark();
            var length = header.DataSize is 0 or WavHeader.UnknownSize ? long.MaxValue : header.DataSize;
            return new Mp3Reader(new ByteSource(new SourceStream(source, length), source.Name), start, options);
        }
        if (header.Format is null && FfmpegReader.IsAvailable && (path is not null || source.Rewind()))
            return FfmpegReader.Open(source, container, path, options);
        source.Unmark();
        return new WavReader(source, header, options);
    }

    /// <summary>
    /// What begins like nothing known: an MPEG stream cut in the middle of a frame, or something that the program may know.
    /// </summary>
    static AudioReader OpenUnknown(ByteSource source, string? path, AudioReadOptions options)
    {
        var head = source.Peek(HeadLength);
        if (head.IsEmpty || head.IndexOfAnyExcept(Text) < 0) throw Unknown(source.Name, head);
        if (Mp3Sync.Find(source) is { } start) return new Mp3Reader(source, start, options);
        var refusal = Unknown(source.Name, source.Peek(HeadLength));
        if (!FfmpegReader.IsAvailable) throw refusal;
        try
        {
            return FfmpegReader.Open(source, container: null, path, options);
        }
        catch (AudioFormatException e) when (!e.Message.Contains("no sound track", StringComparison.Ordinal))
        {
            throw new AudioFormatException(refusal.Message, e);
        }
    }

    /// <summary>ID3v2 tags stand before MP3 by design and before FLAC by habit; there may be several.</summary>
    static bool SkipId3(ByteSource source)
    {
        var tagged = false;
        while (AudioContainer.Id3Length(source.Peek(10)) is > 0 and var length)
        {
            if (source.Skip(length) < length)
                throw new AudioFormatException(
                    $"'{source.Name}': the ID3 tag claims {length} bytes, more than the file holds. " +
                    "The file is truncated: copy or download it again.");
            tagged = true;
        }
        return tagged;
    }

    /// <summary>Passes over zeros that fill more than the usual look ahead.</summary>
    static void SkipZeros(ByteSource source)
    {
        for (long skipped = 0; skipped < MaxLeadingZeros; skipped += HeadLength)
        {
            var head = source.Peek(HeadLength);
            if (head.Length < HeadLength || head.ContainsAnyExcept((byte)0)) return;
            source.Skip(HeadLength);
        }
    }

    static AudioFormatException Unknown(string name, ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty) return new($"'{name}': the file is empty; expected audio. Record, copy or download it again.");
        if (head.IndexOfAnyExcept(Text) < 0)
        {
            var start = Encoding.ASCII.GetString(head[..Math.Min(head.Length, 24)]).ReplaceLineEndings(" ").Replace('\t', ' ');
            return new(
                $"'{name}': the content is text (it begins \"{start}\"); {Expected}. Check that the download did not save an error page.");
        }
        return new(
            $"'{name}': unknown audio format (it begins {Convert.ToHexString(head[..Math.Min(head.Length, 12)])}); {Expected}. " +
            "Convert it to WAV first.");
    }

    static readonly System.Buffers.SearchValues<byte> Text =
        System.Buffers.SearchValues.Create([.. "\t\r\n"u8, .. Enumerable.Range(32, 95).Select(c => (byte)c)]);
}
