namespace Earshot.Audio;

/// <summary>MP3, Vorbis and Opus: lengths to the sample, and what was encoded comes back as well as the codec keeps it.</summary>
public class EncodedRecordingTests
{
    static readonly string Folder = Path.Combine(TestData.RepositoryRoot, "tests", "Earshot.Tests", "Audio", "cases");

    // File, format, rate, channels, frames, and the least ratio of signal to what the codec adds, in dB.
    public static TheoryData<string, string, int, int, int, double> Files => new()
    {
        { "stereo-44100.mp3", "MP3, MPEG 1", 44100, 2, 20011, 18 },
        { "mono-16000.mp3", "MP3, MPEG 2", 16000, 1, 10007, 18 },
        { "stereo-44100.ogg", "Ogg Vorbis", 44100, 2, 20011, 15 },
        { "mono-16000.ogg", "Ogg Vorbis", 16000, 1, 10007, 15 },
        { "stereo-48000.opus", "Ogg Opus", 48000, 2, 20021, 15 },
        { "mono-voice.opus", "Ogg Opus", 48000, 1, 30021, 8 },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void What_was_encoded_comes_back_to_the_sample(string file, string format, int rate, int channels, int frames, double least)
    {
        var bytes = Bytes(file);
        using var reader = AudioReader.Open(new MemoryStream(bytes), file, new AudioReadOptions { Strict = true });
        using var piped = AudioReader.Open(new PipeStream(bytes, 997), file, new AudioReadOptions { Strict = true });

        var samples = Readers.ReadAll(reader);

        Assert.Equal((format, rate, channels), (reader.Format, reader.SampleRate, reader.Channels));
        Assert.Equal(frames, reader.TotalFrames);
        Assert.Equal(frames, samples.Length / channels);
        Assert.Equal(samples, Readers.ReadAll(piped));
        Assert.InRange(Ratio(samples, rate, channels), least, 100);
    }

    [Fact]
    public void Without_an_information_frame_all_frames_are_given()
    {
        var bytes = Bytes("stereo-44100.mp2");
        using var reader = AudioReader.Open(new MemoryStream(bytes), "test");

        Assert.Equal("MP2, MPEG 1", reader.Format);
        Assert.Null(reader.TotalFrames);
        Assert.Equal(18 * 1152, Readers.ReadAll(reader).Length / 2);
    }

    [Fact]
    public void Tags_before_between_and_behind_frames_are_passed_over()
    {
        var bytes = Bytes("mono-16000.mp3");
        byte[] id3 = [.. "ID3"u8, 4, 0, 0, 0, 0, 2, 3, .. new byte[(2 << 7) + 3]];
        byte[] ape = [.. "APETAGEX"u8, 208, 7, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xA0, .. new byte[8], .. new byte[42]];
        byte[] id3v1 = [.. "TAG"u8, .. new byte[125]];
        var second = Frames(bytes)[3];

        var (read, warnings) = Readers.ReadAround([.. id3, .. bytes[..second], .. id3, .. bytes[second..], .. ape, .. id3v1]);

        Assert.Equal(Readers.ReadAll(bytes), read);
        Assert.Empty(warnings);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(70_000)]
    public void An_MP3_stream_may_be_cut_in_the_middle_of_a_frame_or_begin_with_zeros(int zeros)
    {
        var bytes = Bytes("stereo-44100.mp3");
        var frames = Frames(bytes);

        var (read, warnings) = Readers.ReadAround([.. new byte[zeros], .. bytes[(frames[2] + 5)..]]);

        // Three frames and the information frame are gone; of the rest all is there, with what the encoder put behind.
        Assert.Equal((frames.Length - 3) * 1152, read.Length / 2);
        Assert.Empty(warnings);
        var whole = Readers.ReadAll(bytes);
        const int at = 5000;
        var shift = (2 * 1152) - 1105; // what stood before: two frames of sound, less what is left out
        Assert.Equal(whole[(2 * (at + shift))..(2 * (at + shift + 5000))], read[(2 * at)..(2 * (at + 5000))]);
    }

    [Fact]
    public void Bytes_lost_within_an_MP3_become_silence_of_their_length()
    {
        var bytes = Bytes("stereo-44100.mp3");
        var frames = Frames(bytes);
        new Random(4).NextBytes(bytes.AsSpan(frames[6], frames[8] - frames[6]));
        bytes.AsSpan(frames[6], frames[8] - frames[6]).Replace((byte)0xFF, (byte)0xFE);

        var (read, warnings) = Readers.ReadAround(bytes);

        Assert.Equal(20011, read.Length / 2);
        Assert.Contains("Silence of 0.05 s stands in for them.", Assert.Single(warnings).Message, StringComparison.Ordinal);
        Assert.InRange(Ratio(read[(2 * 13_000)..], 44100, 2, first: 13_000), 18, 100);
        Assert.Contains("no MPEG audio of this stream's format", Readers.MessageOf(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_MP3_says_how_much_is_missing()
    {
        var bytes = Bytes("stereo-44100.mp3");

        var (read, warnings) = Readers.ReadAround(bytes[..Frames(bytes)[9]]);

        Assert.Equal((8 * 1152) - 1105, read.Length / 2);
        Assert.Equal(AudioWarningKind.Truncated, Assert.Single(warnings).Kind);
        Assert.Contains("ends 0.3 s before its header says", warnings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_MP3_in_a_WAV_is_read_here()
    {
        var bytes = Bytes("mono-16000.mp3");
        var wav = new WavBytes { Tag = 0x55, Bits = 0, BlockAlign = 1 }.Build(bytes);

        Assert.Equal(Readers.ReadAll(bytes), Readers.ReadAll(wav));
        Assert.Equal(Readers.ReadAll(bytes), Readers.ReadAll(AudioReader.Open(new PipeStream(wav, 997), "pipe")));
    }

    [Theory]
    [InlineData("stereo-44100.ogg", 20011)]
    [InlineData("stereo-48000.opus", 20021)]
    public void Streams_in_Ogg_that_follow_one_another_are_read_on(string file, int frames)
    {
        var first = Bytes(file);
        var second = OggBytes.Map(first, page => OggBytes.WithSerial(page, 77));

        var (read, warnings) = Readers.ReadAround([.. first, .. second]);

        Assert.Equal(2 * frames, read.Length / 2);
        Assert.Equal(read[..(2 * frames)], read[(2 * frames)..]);
        Assert.Empty(warnings);
    }

    [Theory]
    [InlineData("stereo-44100.ogg")]
    [InlineData("mono-voice.opus")]
    public void Other_streams_between_the_pages_are_passed_over(string file)
    {
        var pages = OggBytes.Pages(Bytes(file));
        var other = OggBytes.WithSerial([.. pages[0]], 99);
        "\u0080theora"u8.CopyTo(other.AsSpan(28));
        var later = (byte[])other.Clone();
        later[5] = 0;

        byte[] mixed = [.. OggBytes.Signed(other), .. pages.SelectMany(page => (byte[])[.. page, .. OggBytes.Signed(later)])];

        Assert.Equal(Readers.ReadAll(Bytes(file)), Readers.ReadAll(mixed));
    }

    [Fact]
    public void A_damaged_page_becomes_silence_of_its_length()
    {
        // Cut into pages of a few packets each, as live streams are.
        var bytes = OggBytes.Repaged(Bytes("mono-voice.opus"), packets: 5, granules: 960);
        var pages = OggBytes.Pages(bytes);
        var whole = Readers.ReadAll(bytes);
        var at = pages.Take(4).Sum(page => page.Length);
        bytes[at + 100] ^= 1;

        var (read, warnings) = Readers.ReadAround(bytes);

        Assert.Equal(30021, whole.Length);
        Assert.Equal(whole.Length, read.Length);
        Assert.Contains("Silence of 0.10 s stands in for them.", Assert.Single(warnings).Message, StringComparison.Ordinal);
        Assert.Equal(-1, read.AsSpan(9600 - 312, 4800).IndexOfAnyExcept(0f));
        Assert.Equal(whole[..9000], read[..9000]);
    }

    [Fact]
    public void A_truncated_Ogg_is_told()
    {
        var pages = OggBytes.Pages(OggBytes.Repaged(Bytes("mono-voice.opus"), packets: 5, granules: 960));

        var (read, warnings) = Readers.ReadAround([.. pages.SkipLast(2).SelectMany(page => page)]);

        Assert.NotEmpty(read);
        Assert.Contains("ends without its last page", Assert.Single(warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_header_s_gain_is_applied()
    {
        var bytes = Bytes("mono-voice.opus");
        var louder = OggBytes.Map(
            bytes,
            page => page[28..36].AsSpan().SequenceEqual("OpusHead"u8) ? OggBytes.Signed([.. page[..44], 0x05, 0x06, .. page[46..]]) : page);
        var expected = (float)Math.Pow(10, 0x0605 / 256.0 / 20);

        var (plain, gained) = (Readers.ReadAll(bytes), Readers.ReadAll(louder));

        for (var i = 0; i < plain.Length; i++) Assert.Equal(plain[i] * expected, gained[i], 1e-5);
    }

    [Fact]
    public void An_hour_of_MP3_is_read_in_constant_memory()
    {
        var bytes = Bytes("stereo-44100.mp2");
        using var reader = AudioReader.Open(new Repeated(bytes, 3000), "long");
        var buffer = new float[2 * 4800];
        reader.Read(buffer);
        var before = GC.GetAllocatedBytesForCurrentThread();

        long frames = 4800;
        while (frames < 4_000_000 && reader.Read(buffer) is > 0 and var read) frames += read;

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    internal static byte[] Bytes(string file) => File.ReadAllBytes(Path.Combine(Folder, file));

    /// <summary>Where the frames of MPEG audio begin, the information frame first.</summary>
    static int[] Frames(byte[] bytes)
    {
        var places = new List<int>();
        var at = AudioContainer.Id3Length(bytes);
        for (; Mp3Header.TryRead(bytes.AsSpan(at), out var header); at += header.Length) places.Add(at);
        return [.. places];
    }

    static double Ratio(float[] samples, int rate, int channels, int first = 0)
    {
        double signal = 0, noise = 0;
        for (var i = 0; i < samples.Length; i++)
        {
            var (time, tone) = ((first + (i / channels)) / (double)rate, 330 + (110 * (i % channels)));
            var made = (0.3 * Math.Sin(2 * Math.PI * tone * time))
                + (0.2 * Math.Sin((2 * Math.PI * 2.5 * tone * time) + (3 * Math.Sin(4 * Math.PI * time))));
            signal += made * made;
            noise += (made - samples[i]) * (made - samples[i]);
        }
        return 10 * Math.Log10(signal / noise);
    }

    /// <summary>The same bytes over and over.</summary>
    sealed class Repeated(byte[] bytes, int times) : ForwardStream
    {
        long _at;

        public override int Read(Span<byte> buffer)
        {
            var from = (int)(_at % bytes.Length);
            var read = (int)Math.Min(Math.Min(buffer.Length, bytes.Length - from), ((long)bytes.Length * times) - _at);
            bytes.AsSpan(from, read).CopyTo(buffer);
            _at += read;
            return read;
        }
    }
}
