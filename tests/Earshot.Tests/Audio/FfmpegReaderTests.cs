using System.Diagnostics;

namespace Earshot.Audio;

public sealed class FfmpegReaderTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("earshot-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("m4a", "aac", "MP4/M4A")]
    [InlineData("ogg", "flac", "Ogg")]
    [InlineData("mka", "aac", "Matroska")]
    [InlineData("aiff", "pcm_s16be", "AIFF")]
    [InlineData("wma", "wmav2", "WMA/ASF")]
    [InlineData("au", "pcm_s16be", "AU")]
    [InlineData("caf", "pcm_s16le", "CAF")]
    [InlineData("w64", "pcm_s16le", "Wave64")]
    public void Reads_other_containers_from_files_and_from_pipes(string extension, string codec, string name)
    {
        var path = Encode($"-c:a {codec}", extension);
        using var reader = AudioReader.Open(path);
        using var piped = AudioReader.Open(new PipeStream(File.ReadAllBytes(path), 5000), "pipe");

        Assert.Equal(($"{name}, through ffmpeg", 44100, 2), (reader.Format, reader.SampleRate, reader.Channels));
        foreach (var samples in new[] { Readers.ReadAll(reader), Readers.ReadAll(piped) })
        {
            Assert.InRange(samples.Length / 2, 43000, 48000); // codecs of blocks add silence
            Assert.InRange(Level(samples), 0.3, 0.4); // a tone of amplitude 0.5
        }
    }

    [Fact]
    public void Content_decides_and_not_the_name()
    {
        var path = Encode("-c:a aac", "m4a");
        var renamed = Path.Combine(_folder, "speech.wav");
        File.Move(path, renamed);

        using var reader = AudioReader.Open(renamed);

        Assert.Equal("MP4/M4A, through ffmpeg", reader.Format);
    }

    [Fact]
    public void Odd_names_are_no_options_or_protocols()
    {
        var path = Encode("-c:a pcm_s16be", "aiff");
        var odd = Path.Combine(_folder, "-i concat:a|b \"$(x)\" 'y' %d.aiff");
        File.Move(path, odd);

        using var reader = AudioReader.Open(odd);

        Assert.Equal(44100, Readers.ReadAll(reader).Length / 2);
    }

    [Fact]
    public void A_damaged_file_is_refused_with_ffmpeg_s_reason()
    {
        RequireProgram();
        byte[] bytes = [0, 0, 0, 16, .. "ftypM4A "u8, 0, 0, 0, 0, .. new byte[100]];

        var message = Readers.MessageOf(bytes);

        Assert.StartsWith("'test': ffmpeg cannot decode this MP4/M4A: ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("WAV file ends", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Disposing_early_ends_the_program_and_closes_the_source()
    {
        var path = Encode("-c:a pcm_s16be", "aiff");
        var source = new NeverEnding(File.ReadAllBytes(path));
        var reader = AudioReader.Open(source, "endless");
        Assert.True(reader.Read(new float[100]) > 0);
        var watch = Stopwatch.StartNew();

        reader.Dispose();

        Assert.True(source.Closed);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
        Assert.Throws<ObjectDisposedException>(() => reader.Read(new float[100]));
    }

    [Fact]
    public void Spooled_input_leaves_nothing_behind()
    {
        var bytes = File.ReadAllBytes(Encode("-c:a aac", "m4a"));
        var before = Spools();

        using (var reader = AudioReader.Open(new PipeStream(bytes, 5000), "pipe")) Assert.NotEmpty(Readers.ReadAll(reader));

        Assert.Empty(Spools().Except(before));
    }

    [Theory]
    [InlineData("gsm", "-ar 8000 -ac 1 -c:a libgsm")]
    [InlineData("g722", "-ar 16000 -ac 1 -c:a g722")]
    [InlineData("wv", "-c:a wavpack")]
    [InlineData("dts", "-ac 2 -strict -2 -c:a dca")]
    [InlineData("rm", "-ar 8000 -ac 1 -c:a real_144")]
    [InlineData("sf", "-c:a pcm_s16le -f ircam")]
    [InlineData("mxf", "-ar 48000 -ac 1 -c:a pcm_s16le -f mxf_opatom")]
    public void What_nothing_here_knows_is_asked_of_the_program(string extension, string options)
    {
        using var reader = AudioReader.Open(Encode(options, extension));

        Assert.EndsWith(", through ffmpeg", reader.Format, StringComparison.Ordinal);
        Assert.InRange((double)Readers.ReadAll(reader).Length / reader.Channels / reader.SampleRate, 0.97, 1.1);
    }

    [Theory]
    [InlineData("adpcm_ms", 0x0002)]
    [InlineData("adpcm_ima_wav", 0x0011)]
    [InlineData("libgsm_ms -ar 8000 -ac 1", 0x0031)]
    [InlineData("wmav2", 0x0161)]
    public void Other_codes_of_WAV_are_asked_of_the_program(string codec, int tag)
    {
        var path = Encode($"-c:a {codec}", "wav");
        var bytes = File.ReadAllBytes(path);
        Assert.Equal(tag, bytes[20] | (bytes[21] << 8));

        foreach (var reader in new[] { AudioReader.Open(path), AudioReader.Open(new PipeStream(bytes, 5000), "pipe") })
        {
            Assert.Equal("WAV, through ffmpeg", reader.Format);
            Assert.InRange((double)Readers.ReadAll(reader).Length / reader.Channels / reader.SampleRate, 0.97, 1.1);
            reader.Dispose();
        }
    }

    [Theory]
    [InlineData("mka", "-c:a aac")]
    [InlineData("mka", "-c:a pcm_s16le")]
    [InlineData("ts", "-c:a aac")]
    [InlineData("mp4", "-c:a aac")]
    public void Gaps_in_the_container_s_times_are_silence(string extension, string options)
    {
        // A tone that stops between 0.3 and 2.3 s because its packets are not there.
        var path = Encode("-filter:a asetpts=if(lt(T\\,0.3)\\,PTS\\,PTS+2/TB) -fps_mode passthrough " + options, extension);

        using var reader = AudioReader.Open(path);
        var samples = Readers.ReadAll(reader);

        Assert.InRange(samples.Length / 2 / 44100.0, 2.9, 3.2);
        Assert.InRange(Level(samples[(2 * 2000)..(2 * 12000)]), 0.3, 0.4);
        Assert.InRange(Level(samples[(2 * 20000)..(2 * 95000)]), 0, 0.01);
        Assert.InRange(Level(samples[(2 * 108000)..(2 * 125000)]), 0.3, 0.4);
    }

    [Fact]
    public void Damage_that_the_program_reads_around_is_told()
    {
        var path = Encode("-c:a aac", "mka");
        var bytes = File.ReadAllBytes(path);
        for (var i = bytes.Length / 2; i < (bytes.Length / 2) + 600; i++) bytes[i] = (byte)(i * 31);
        File.WriteAllBytes(path, bytes);
        var warnings = new List<AudioWarning>();

        using var reader = AudioReader.Open(path, new AudioReadOptions { OnWarning = warnings.Add });
        using var strict = AudioReader.Open(path, new AudioReadOptions { Strict = true });

        Assert.NotEmpty(Readers.ReadAll(reader));
        Assert.Contains("ffmpeg found damage in this Matroska: ", Assert.Single(warnings).Message, StringComparison.Ordinal);
        Assert.DoesNotContain("0x", warnings[0].Message, StringComparison.Ordinal);
        Assert.Throws<AudioFormatException>(() => Readers.ReadAll(strict));
    }

    public static TheoryData<string, byte[]> Beginnings => new()
    {
        { "MP3", [0xFF, 0xFB, 0x90, 0x64] },
        { "MP3", [.. "ID3"u8, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0xFF, 0xFB, 0x90, 0x64] },
        { "MP4/M4A", [0, 0, 0, 32, .. "ftypM4A "u8] },
        { "Ogg", [.. "OggS"u8, .. new byte[24], .. "\u0001vorbis"u8] },
        { "WebM", [0x1A, 0x45, 0xDF, 0xA3, 1, 0, 0, 0, 0, 0, 0, 31, 0x42, 0x82, 0x84, .. "webm"u8] },
        { "Matroska", [0x1A, 0x45, 0xDF, 0xA3, 1, 0, 0, 0, 0, 0, 0, 31, 0x42, 0x82, 0x88, .. "matroska"u8] },
        { "AAC", [0xFF, 0xF1, 0x50, 0x80] },
        { "AIFF", [.. "FORM"u8, 0, 0, 0, 9, .. "AIFC"u8] },
        { "AMR", "#!AMR-WB\n"u8.ToArray() },
        { "WMA/ASF", [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11] },
        { "AVI", [.. "RIFF"u8, 0, 0, 0, 9, .. "AVI "u8] },
        { "NIST SPHERE", "NIST_1A\n   1024\n"u8.ToArray() },
        { "MPEG transport stream", [.. Enumerable.Range(0, 400).Select(i => (byte)(i % 192 == 4 ? 0x47 : 0))] },
        { "AC-3", [0x0B, 0x77, 1, 2] },
        { "FLV", [.. "FLV"u8, 1, 4] },
        { "QuickTime", [0, 0, 0, 8, .. "wide"u8, 0, 0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Beginnings))]
    public void Without_the_program_the_container_is_named(string expected, byte[] head)
    {
        var tag = AudioContainer.Id3Length(head);
        var container = AudioContainer.Identify(head.AsSpan(tag))!;
        using var source = new ByteSource(new MemoryStream(head), "test");

        var message = Assert.Throws<AudioFormatException>(
            () => FfmpegReader.Open(source, container, path: null, program: null, new AudioReadOptions())).Message;

        Assert.Equal(
            $"'test': this is {expected}, which needs the ffmpeg program; none is on the PATH. " +
            "Install ffmpeg, or convert the file to WAV or FLAC.", message);
    }

    [Fact]
    public void A_playlist_is_text_and_never_reaches_the_program() =>
        Assert.Contains(
            "the content is text", Readers.MessageOf("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"u8.ToArray()), StringComparison.Ordinal);

    [Fact]
    public void The_program_is_sought_in_the_search_path_s_full_folders_alone()
    {
        var program = Path.Combine(_folder, OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg");
        File.WriteAllText(program, "");

        Assert.Equal(program, FfmpegReader.FindProgram($"{Path.PathSeparator}.{Path.PathSeparator}{_folder}"));
        Assert.Null(FfmpegReader.FindProgram("."));
        Assert.Null(FfmpegReader.FindProgram(null + ""));
    }

    static string[] Spools() => Directory.GetFiles(Path.GetTempPath(), "earshot-*.spool");

    static double Level(float[] samples) => Math.Sqrt(samples.Average(s => (double)s * s));

    static string RequireProgram()
    {
        Assert.SkipUnless(FfmpegReader.IsAvailable, "The ffmpeg program is not on the PATH.");
        return FfmpegReader.FindProgram()!;
    }

    /// <summary>One second of a tone in stereo at 44.1 kHz, encoded by the program.</summary>
    string Encode(string options, string extension)
    {
        var program = RequireProgram();
        var wav = Path.Combine(_folder, "tone-source.wav");
        var path = Path.Combine(_folder, "tone." + extension);
        WavWriter.Write(
            wav, [.. Enumerable.Range(0, 2 * 44100).Select(n => 0.5f * (float)Math.Sin(2 * Math.PI * 440 * (n / 2) / 44100))], 44100, 2);
        using var process = Process.Start(
            new ProcessStartInfo(program, ["-nostdin", "-v", "error", "-i", wav, .. options.Split(' '), path]))!;
        process.WaitForExit();
        Assert.SkipUnless(process.ExitCode == 0, $"This ffmpeg cannot encode {options}.");
        return path;
    }

    /// <summary>A recording that goes on with silence until closed.</summary>
    sealed class NeverEnding(byte[] start) : ForwardStream
    {
        int _at;

        public bool Closed { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            ObjectDisposedException.ThrowIf(Closed, this);
            if (_at >= start.Length) return buffer.Length;
            var read = Math.Min(buffer.Length, start.Length - _at);
            start.AsSpan(_at, read).CopyTo(buffer);
            _at += read;
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            Closed = true;
            base.Dispose(disposing);
        }
    }
}
