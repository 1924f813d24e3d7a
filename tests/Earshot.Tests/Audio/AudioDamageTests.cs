using System.Buffers.Binary;

namespace Earshot.Audio;

/// <summary>
/// Damaged recordings are read as far as they can be: silence of its length stands in for what is lost, and one line says so.
/// </summary>
public class AudioDamageTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_FLAC_frame_becomes_silence_of_its_length(bool withTotal)
    {
        var samples = FlacReaderTests.Signal(1, 4000, 16, 1, 3);
        var bytes = new FlacBytes { BlockSize = 500, WithTotal = withTotal }.Build(samples);
        var before = new FlacBytes { BlockSize = 500 }.Build([samples[0][..1000]]).Length;
        bytes[before + 30] ^= 0x55;
        var expected = FlacReaderTests.Interleave(samples, 16);
        expected.AsSpan(1000, 500).Clear();

        var (read, warnings) = Readers.ReadAround(bytes);

        Assert.Equal(expected, read);
        var warning = Assert.Single(warnings);
        Assert.Equal((AudioWarningKind.Damaged, TimeSpan.FromSeconds(1000 / 16000.0)), (warning.Kind, warning.Position));
        Assert.StartsWith(
            $"'test' at 00:00:00.0: the FLAC frame at byte {before} has check sum ", warning.Message, StringComparison.Ordinal);
        Assert.EndsWith("Silence of 0.03 s stands in for what is lost.", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FLAC_frames_that_are_cut_out_become_silence()
    {
        var samples = FlacReaderTests.Signal(2, 3000, 16, 1, 3);
        var (one, three) = (
            new FlacBytes { BlockSize = 500 }.Build([.. samples.Select(c => c[..500])]).Length,
            new FlacBytes { BlockSize = 500 }.Build([.. samples.Select(c => c[..1500])]).Length);
        var bytes = new FlacBytes { BlockSize = 500 }.Build(samples);
        var expected = FlacReaderTests.Interleave(samples, 16);
        expected.AsSpan(2 * 500, 2 * 1000).Clear();

        var (read, warnings) = Readers.ReadAround([.. bytes[..one], .. bytes[three..]]);

        Assert.Equal(expected, read);
        Assert.Contains("FLAC frames are missing", Assert.Single(warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_FLAC_says_how_much_is_missing()
    {
        var samples = FlacReaderTests.Signal(1, 32000, 16, 4, 3);
        var bytes = new FlacBytes { BlockSize = 4000 }.Build(samples);

        var (read, warnings) = Readers.ReadAround(bytes[..(bytes.Length * 3 / 5)]);

        Assert.Equal(FlacReaderTests.Interleave(samples, 16)[..16000], read);
        Assert.Equal(AudioWarningKind.Truncated, Assert.Single(warnings).Kind);
        Assert.Contains("The last 1.0 s are missing.", warnings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_MD5_and_a_trailing_tag_cost_no_samples()
    {
        var samples = FlacReaderTests.Signal(1, 3000, 16, 1, 3);
        var wrong = new FlacBytes().Build(samples);
        wrong[8 + 20] ^= 1;
        byte[] tag = [.. "APETAGEX"u8, .. new byte[200]], junk = [1, 2, 3, 0xFF, 0xF9, 5, 6];
        var open = new FlacBytes { WithTotal = false }.Build(samples);
        var expected = FlacReaderTests.Interleave(samples, 16);

        var (read, warnings) = Readers.ReadAround(wrong);
        var tagged = Readers.ReadAround([.. open, .. tag]);
        var followed = Readers.ReadAround([.. open, .. junk]);

        Assert.Equal(expected, read);
        Assert.Contains("the decoded samples have MD5", Assert.Single(warnings).Message, StringComparison.Ordinal);
        Assert.Equal(expected, tagged.Samples);
        Assert.Empty(tagged.Warnings);
        Assert.Equal(expected, followed.Samples);
        Assert.Contains($"no FLAC frame at byte {open.Length}", Assert.Single(followed.Warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_FLAC_cut_out_of_a_longer_stream_begins_at_its_first_frame()
    {
        var samples = FlacReaderTests.Signal(1, 3000, 16, 1, 3);
        var header = new FlacBytes { WithTotal = false, WithMd5 = false }.Build([[]]).Length;
        var two = new FlacBytes { BlockSize = 500 }.Build([samples[0][..1000]]).Length;
        var bytes = new FlacBytes { BlockSize = 500, WithTotal = false, WithMd5 = false }.Build(samples);

        var (read, warnings) = Readers.ReadAround([.. bytes[..header], .. bytes[two..]]);

        Assert.Equal(FlacReaderTests.Interleave(samples, 16)[1000..], read);
        Assert.Empty(warnings);
    }

    [Fact]
    public void A_file_that_is_damaged_everywhere_says_so_ten_times()
    {
        var samples = FlacReaderTests.Signal(1, 40_000, 16, 4, 3);
        var bytes = new FlacBytes { BlockSize = 192 }.Build(samples);
        for (var at = 100; at < bytes.Length; at += 1000) bytes[at] ^= 1;

        var (read, warnings) = Readers.ReadAround(bytes);

        Assert.Equal(10, warnings.Count);
        Assert.Matches("^'test': [0-9]+ more such places.$", warnings[^1].Message);
        Assert.InRange(read.Length, 39_000, 40_000);
    }

    [Fact]
    public void A_truncated_WAV_says_how_much_is_missing()
    {
        var bytes = new WavBytes { DataSize = 64_000 }.Build([.. Enumerable.Repeat((byte)1, 32_000)]);
        var warnings = new List<AudioWarning>();
        using var piped = AudioReader.Open(new PipeStream(bytes, 977), "test", new AudioReadOptions { OnWarning = warnings.Add });
        var fromPipe = Readers.ReadAll(piped);

        var (read, told) = Readers.ReadAround(bytes);

        Assert.Equal(16_000, read.Length);
        Assert.Equal(read, fromPipe);
        const string expected =
            "'test' at 00:00:01.0: the WAV file ends 1.0 s (32000 bytes) before its header says. What is there is read; " +
            "copy or record the file again for the rest.";
        Assert.Equal(expected, Assert.Single(told).Message);
        Assert.Equal(expected, Assert.Single(warnings).Message);
        Assert.Equal(expected, Readers.MessageOf(bytes));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    [InlineData(0x7FFF_F000u)]
    public void A_size_that_was_never_filled_in_is_no_damage(uint size)
    {
        var (read, warnings) = Readers.ReadAround(new WavBytes { DataSize = size }.Build(new byte[2000]));

        Assert.Equal(1000, read.Length);
        Assert.Empty(warnings);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void A_big_endian_WAV_has_the_samples_of_a_little_endian_one(int bits)
    {
        var data = new byte[bits / 8 * 500];
        new Random(1).NextBytes(data);
        var little = new WavBytes { Bits = bits }.Build(data);

        Assert.Equal(Readers.ReadAll(little), Readers.ReadAll(BigEndian(little, bits / 8)));
    }

    [Theory]
    [InlineData("LIST")]
    [InlineData("bext")]
    public void A_chunk_of_odd_size_may_lack_its_padding(string id)
    {
        byte[] chunk = [.. System.Text.Encoding.ASCII.GetBytes(id), 5, 0, 0, 0, 1, 2, 3, 4, 5];

        Assert.Equal([1 / 32768f, 2 / 32768f], Readers.ReadAll(new WavBytes { BeforeData = chunk }.Build([1, 0, 2, 0])));
        Assert.Equal([1 / 32768f, 2 / 32768f], Readers.ReadAll(new WavBytes { BeforeData = [.. chunk, (byte)'d'] }.Build([1, 0, 2, 0])));
    }

    [Theory]
    [InlineData(24, 4, false)]
    [InlineData(24, 4, true)]
    [InlineData(16, 4, false)]
    [InlineData(16, 3, true)]
    [InlineData(20, 4, false)]
    public void Samples_may_stand_at_either_end_of_a_wider_container(int bits, int container, bool atBottom)
    {
        var width = (bits + 7) / 8;
        var packed = new byte[width * 300];
        new Random(2).NextBytes(packed);
        var wide = packed.Chunk(width).SelectMany(sample => atBottom
            ? sample.Concat(Enumerable.Repeat((byte)((sbyte)sample[^1] < 0 ? 0xFF : 0), container - width))
            : Enumerable.Repeat((byte)0, container - width).Concat(sample)).ToArray();

        var read = Readers.ReadAll(new WavBytes { Bits = bits, BlockAlign = container }.Build(wide));

        Assert.Equal(Readers.ReadAll(new WavBytes { Bits = bits }.Build(packed)), read);
    }

    static byte[] BigEndian(byte[] wav, int width)
    {
        var bytes = (byte[])wav.Clone();
        "RIFX"u8.CopyTo(bytes);
        foreach (var (at, length) in new[] { (4, 4), (16, 4), (20, 2), (22, 2), (24, 4), (28, 4), (32, 2), (34, 2), (40, 4) })
            bytes.AsSpan(at, length).Reverse();
        for (var at = 44; at + width <= bytes.Length; at += width) bytes.AsSpan(at, width).Reverse();
        Assert.Equal(wav.Length - 44, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(40)));
        return bytes;
    }
}
