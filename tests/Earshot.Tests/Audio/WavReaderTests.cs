namespace Earshot.Audio;

public class WavReaderTests
{
    [Fact]
    public void Reads_8_bit_wav() =>
        Assert.Equal([-1f, 0f, 127 / 128f], Readers.ReadAll(new WavBytes { Bits = 8 }.Build([0, 128, 255])));

    [Fact]
    public void Reads_16_bit_wav() =>
        Assert.Equal([-1f, 0f, 32767 / 32768f], Readers.ReadAll(new WavBytes().Build([0, 0x80, 0, 0, 0xFF, 0x7F])));

    [Fact]
    public void Reads_24_bit_wav() =>
        Assert.Equal(
            [-1f, 0.5f, -1 / 8388608f], Readers.ReadAll(new WavBytes { Bits = 24 }.Build([0, 0, 0x80, 0, 0, 0x40, 0xFF, 0xFF, 0xFF])));

    [Fact]
    public void Reads_32_bit_wav() =>
        Assert.Equal([-1f, 0.25f], Readers.ReadAll(new WavBytes { Bits = 32 }.Build([0, 0, 0, 0x80, 0, 0, 0, 0x20])));

    [Fact]
    public void Reads_float_wav_as_it_is()
    {
        var values = new[] { 0.1f, -2.5f, float.NaN, float.PositiveInfinity };
        var bytes = values.SelectMany(v => BitConverter.GetBytes(v)).ToArray();

        Assert.Equal(values, Readers.ReadAll(new WavBytes { Tag = 3, Bits = 32 }.Build(bytes)));
    }

    [Fact]
    public void Reads_64_bit_float_wav() =>
        Assert.Equal([0.1f, -1f], Readers.ReadAll(
            new WavBytes { Tag = 3, Bits = 64 }.Build([.. BitConverter.GetBytes(0.1), .. BitConverter.GetBytes(-1.0)])));

    // G.711's own corner values: smallest and largest steps of each sign, on the scale of 16 bits.
    [Fact]
    public void Reads_a_law_wav() =>
        Assert.Equal(
            [8f, -8f, 32256f, -32256f, 264f],
            Readers.ReadAll(new WavBytes { Tag = 6, Bits = 8 }.Build([0xD5, 0x55, 0xAA, 0x2A, 0xC5])).Select(v => v * 32768));

    [Fact]
    public void Reads_mu_law_wav() =>
        Assert.Equal(
            [0f, 0f, 32124f, -32124f, 8f],
            Readers.ReadAll(new WavBytes { Tag = 7, Bits = 8 }.Build([0xFF, 0x7F, 0x80, 0x00, 0xFE])).Select(v => v * 32768));

    [Theory]
    [InlineData(1, 24, 20)]
    [InlineData(1, 16, 12)]
    [InlineData(1, 16, 0)]
    [InlineData(3, 32, 32)]
    [InlineData(6, 8, 8)]
    public void Reads_the_extensible_format(int tag, int bits, int validBits)
    {
        var data = new byte[bits / 8 * 12];
        new Random(1).NextBytes(data);
        var plain = new WavBytes { Tag = tag, Bits = bits, Channels = 2 };

        var samples = Readers.ReadAll((plain with { Extensible = true, ValidBits = validBits }).Build(data));

        Assert.Equal(Readers.ReadAll(plain.Build(data)), samples);
    }

    [Theory]
    [InlineData("RF64")]
    [InlineData("BW64")]
    public void Reads_the_64_bit_variants(string riff)
    {
        var list = WavBytes.Chunk("LIST", [1, 2, 3]);
        using var reader = Readers.Open(new WavBytes { Riff = riff, AfterData = list }.Build([1, 0, 2, 0]));

        Assert.Equal(2, reader.TotalFrames);
        Assert.Equal([1 / 32768f, 2 / 32768f], Readers.ReadAll(reader));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    [InlineData(1000u)]
    public void Reads_to_the_end_where_the_size_was_never_filled_in(uint size)
    {
        var bytes = new WavBytes { DataSize = size }.Build([1, 0, 2, 0, 3, 0]);
        float[] expected = [1 / 32768f, 2 / 32768f, 3 / 32768f];
        using var reader = Readers.Open(bytes);

        Assert.Equal(3, reader.TotalFrames);
        Assert.Equal(expected, Readers.ReadAll(reader));
        Assert.Equal(expected, Readers.ReadAll(AudioReader.Open(new PipeStream(bytes), "pipe")));
    }

    [Fact]
    public void An_honest_size_of_0_is_no_samples()
    {
        Assert.Empty(Readers.ReadAll(new WavBytes().Build([])));
        Assert.Empty(Readers.ReadAll(new WavBytes { AfterData = WavBytes.Chunk("LIST", [1, 2, 3, 4]) }.Build([])));
    }

    [Fact]
    public void Passes_over_other_chunks_and_their_odd_padding()
    {
        var bytes = new WavBytes
        {
            Bits = 8,
            BeforeData = [.. WavBytes.Chunk("LIST", [1, 2, 3]), .. WavBytes.Chunk("bext", new byte[70_001])],
            AfterData = WavBytes.Chunk("id3 ", [9, 9, 9]),
        }.Build([128, 255, 128]);
        float[] expected = [0, 127 / 128f, 0];

        Assert.Equal(expected, Readers.ReadAll(bytes));
        Assert.Equal(expected, Readers.ReadAll(AudioReader.Open(new PipeStream(bytes), "pipe")));
    }

    [Fact]
    public void Drops_a_last_frame_that_is_cut() =>
        Assert.Equal([0f, 0f], Readers.ReadAll(new WavBytes { Channels = 2, DataSize = 400 }.Build([0, 0, 0, 0, 0, 0])));

    [Fact]
    public void Tells_what_it_reads()
    {
        using var reader = Readers.Open(new WavBytes { Channels = 2, Rate = 44100, Bits = 24 }.Build(new byte[44100 * 6]));

        Assert.Equal(
            ("WAV, 24-bit PCM", 44100, 2, 44100L, TimeSpan.FromSeconds(1)),
            (reader.Format, reader.SampleRate, reader.Channels, reader.TotalFrames, reader.Duration));
        Assert.Throws<ArgumentException>(() => reader.Read(new float[1]));
    }

    [Fact]
    public void A_pipe_with_a_size_tells_its_length_and_one_without_does_not()
    {
        using var sized = AudioReader.Open(new PipeStream(new WavBytes().Build(new byte[20])), "pipe");
        using var endless = AudioReader.Open(new PipeStream(new WavBytes { DataSize = uint.MaxValue }.Build(new byte[20])), "pipe");

        Assert.Equal(10, sized.TotalFrames);
        Assert.Null(endless.TotalFrames);
        Assert.Null(endless.Duration);
    }

    [Theory]
    [InlineData(0x7FFFF000u)]
    [InlineData(0x80000000u)]
    [InlineData(0xFFFFFFDBu)]
    public void A_pipe_s_largest_size_is_no_length(uint size)
    {
        using var reader = AudioReader.Open(new PipeStream(new WavBytes { DataSize = size }.Build([1, 0, 2, 0])), "pipe");

        Assert.Null(reader.TotalFrames);
        Assert.Equal([1 / 32768f, 2 / 32768f], Readers.ReadAll(reader));
    }

    [Fact]
    public void Refuses_what_is_no_audio_in_one_clear_line()
    {
        Assert.Equal("'test': the file is empty; expected audio. Record, copy or download it again.", Readers.MessageOf([]));
        Assert.Contains(
            "is text (it begins \"<!DOCTYPE html>\")", Readers.MessageOf("<!DOCTYPE html>"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("unknown audio format (it begins 0001020304)", Readers.MessageOf([0, 1, 2, 3, 4]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(20, "ends inside its format chunk at byte 20")]
    [InlineData(14, "ends inside its format chunk at byte 12")]
    [InlineData(40, "ends inside its data chunk at byte 36")]
    public void Refuses_a_truncated_header(int length, string expected) =>
        Assert.Contains(expected, Readers.MessageOf(new WavBytes().Build(new byte[8])[..length]), StringComparison.Ordinal);

    public static TheoryData<string, string> Damaged => new()
    {
        { "rate 0", "sample rate of 0 Hz; expected 1000 to 768000" },
        { "rate absurd", "sample rate of 2000000000 Hz" },
        { "channels 0", "gives 0 channels; expected 1 to 64" },
        { "channels absurd", "gives 60000 channels" },
        { "bits 4", "gives 4 bits a sample for Pcm; expected 8 to 32" },
        { "bits absurd", "gives 4096 bits a sample" },
        { "float 16", "gives 16 bits a sample for Float; expected 32 or 64" },
        { "align", "gives 3 bytes a frame; expected 4 for 2 channels of 16 bits" },
        { "valid bits", "gives 20 valid bits in samples of 16" },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Refuses_a_damaged_header_in_one_clear_line(string damage, string expected)
    {
        var wav = damage switch
        {
            "rate 0" => new WavBytes { Rate = 0 },
            "rate absurd" => new WavBytes { Rate = 2_000_000_000 },
            "channels 0" => new WavBytes { Channels = 0 },
            "channels absurd" => new WavBytes { Channels = 60_000 },
            "bits 4" => new WavBytes { Bits = 4 },
            "bits absurd" => new WavBytes { Bits = 4096 },
            "float 16" => new WavBytes { Tag = 3 },
            "align" => new WavBytes { Channels = 2, BlockAlign = 3 },
            _ => new WavBytes { Extensible = true, ValidBits = 20 },
        };

        var message = Readers.MessageOf(wav.Build(new byte[8]));

        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.StartsWith("'test': ", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData(0x11, "WAV format 0x0011 (IMA ADPCM) is not read here")]
    [InlineData(0x31, "WAV format 0x0031 (GSM 6.10) is not read here")]
    [InlineData(0x1234, "WAV format 0x1234 is not read here")]
    public void Refuses_codes_that_it_does_not_know_by_name(int tag, string expected) =>
        Assert.Contains(
            expected, Assert.Throws<AudioFormatException>(() => new WavReader(
                new MemoryStream(new WavBytes { Tag = tag, Bits = 4 }.Build(new byte[8])), "test")).Message, StringComparison.Ordinal);

    [Fact]
    public void Refuses_samples_before_their_format() =>
        Assert.Contains(
            "comes before any format chunk",
            Readers.MessageOf([.. "RIFF"u8, 40, 0, 0, 0, .. "WAVE"u8, .. WavBytes.Chunk("data", new byte[8])]), StringComparison.Ordinal);

    [Fact]
    public void A_header_s_huge_chunk_costs_no_memory()
    {
        var bytes = new WavBytes { BeforeData = [.. "LIST"u8, 0xFF, 0xFF, 0xFF, 0x7F] }.Build(new byte[100]);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains("ends inside its chunk before the data", Readers.MessageOf(bytes), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Names_what_cannot_be_opened()
    {
        Assert.Contains(
            "'/no/such/file.wav': no such file", Assert.Throws<AudioFormatException>(() => AudioReader.Open("/no/such/file.wav")).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "this is a folder", Assert.Throws<AudioFormatException>(() => AudioReader.Open(Path.GetTempPath())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_recording_needs_no_more_memory_than_a_short_one()
    {
        var header = new WavBytes { Channels = 2, Rate = 48000, DataSize = uint.MaxValue }.Build([]);
        using var reader = AudioReader.Open(new EndlessStream(header, 48000L * 4 * 600), "long");
        var buffer = new float[2 * 4800];
        var before = GC.GetAllocatedBytesForCurrentThread();

        long frames = 0;
        while (reader.Read(buffer) is > 0 and var read) frames += read;

        Assert.Equal(48000 * 600, frames);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    /// <summary>A header, then silence.</summary>
    sealed class EndlessStream(byte[] header, long silence) : ForwardStream
    {
        long _at;

        public override int Read(Span<byte> buffer)
        {
            var read = (int)Math.Min(buffer.Length, header.Length + silence - _at);
            buffer[..read].Clear();
            if (_at < header.Length) header.AsSpan((int)_at, Math.Min(read, header.Length - (int)_at)).CopyTo(buffer);
            _at += read;
            return read;
        }
    }
}
