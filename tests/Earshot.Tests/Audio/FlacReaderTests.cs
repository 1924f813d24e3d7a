using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Audio;

public class FlacReaderTests
{
    static readonly Gen<(FlacBytes Flac, long[][] Samples)> Streams =
        from bits in Gen.Choose(4, 32)
        from channels in Gen.Frequency((3, Gen.Constant(2)), (2, Gen.Choose(1, 8)))
        from rate in Gen.Elements(16000, 44100, 22050, 11025, 48000)
        from length in Gen.Frequency((1, Gen.Choose(1, 40)), (4, Gen.Choose(1, 6000)))
        from kind in Gen.Choose(0, 4)
        from seed in Gen.Choose(0, int.MaxValue)
        from total in Gen.Elements(true, false)
        from md5 in Gen.Elements(true, false)
        select (new FlacBytes { Bits = bits, Rate = rate, Seed = seed, WithTotal = total, WithMd5 = md5 }, Signal(
            channels, length, bits, kind, seed));

    [Fact]
    public void What_was_encoded_comes_back_bit_for_bit()
    {
        Prop.ForAll(Streams.ToArbitrary(), stream =>
        {
            var (flac, samples) = stream;
            var bytes = flac.Build(samples);
            using var reader = AudioReader.Open(new PipeStream(bytes, 977), "pipe");
            var expected = Interleave(samples, flac.Bits);
            return Readers.ReadAll(bytes).SequenceEqual(expected) && Readers.ReadAll(reader).SequenceEqual(expected)
                && reader.Channels == samples.Length && reader.SampleRate == flac.Rate
                && reader.TotalFrames == (flac.WithTotal ? samples[0].Length : null);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
    }

    [Fact]
    public void Long_blocks_and_large_sample_numbers_come_back()
    {
        var samples = Signal(1, 200_000, 16, 1, 3);

        Assert.Equal(Interleave(samples, 16), Readers.ReadAll(new FlacBytes { BlockSize = 65535 }.Build(samples)));
        Assert.Equal(Interleave(samples, 16), Readers.ReadAll(new FlacBytes { BlockSize = 16 }.Build(samples)));
    }

    [Fact]
    public void Tags_before_behind_and_other_metadata_are_passed_over()
    {
        var samples = Signal(2, 500, 16, 1, 3);
        byte[] comment = [4, 0, 0, 5, 1, 2, 3, 4, 5, 0x81, 0, 1, 0, .. new byte[256]];
        byte[] id3 = [.. "ID3"u8, 4, 0, 0, 0, 0, 2, 3, .. new byte[(2 << 7) + 3]];
        byte[] id3v1 = [.. "TAG"u8, .. new byte[125]];

        byte[] bytes = [.. id3, .. id3, .. new FlacBytes { MoreMetadata = comment, WithTotal = false }.Build(samples), .. id3v1];

        Assert.Equal(Interleave(samples, 16), Readers.ReadAll(bytes));
        Assert.Equal(Interleave(samples, 16), Readers.ReadAll(AudioReader.Open(new PipeStream(bytes), "pipe")));
    }

    [Fact]
    public void A_changed_sample_is_caught_by_the_frame_s_check_sum() =>
        Assert.Contains("has check sum", MessageOfChanged(at: 200), StringComparison.Ordinal);

    [Fact]
    public void A_changed_frame_header_is_caught_by_its_check_sum() =>
        Assert.Contains(
            "the header of the FLAC frame at byte 42 has a wrong check sum", MessageOfChanged(at: 42 + 4), StringComparison.Ordinal);

    [Fact]
    public void A_wrong_md5_is_reported_at_the_end()
    {
        var bytes = new FlacBytes().Build(Signal(1, 5000, 16, 4, 3));
        bytes[8 + 20] ^= 1;
        using var reader = AudioReader.Open(new MemoryStream(bytes), "test", new AudioReadOptions { Strict = true });
        var buffer = new float[5000];
        var frames = 0;

        var message = Assert.Throws<AudioFormatException>(() =>
        {
            while (reader.Read(buffer) is > 0 and var read) frames += read;
        }).Message;

        Assert.Equal(5000, frames);
        Assert.Contains("the decoded samples have MD5", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(41, "ends inside the metadata block at byte 4")]
    [InlineData(300, "ends inside a frame at byte 300")]
    public void A_truncated_stream_is_refused(int length, string expected) =>
        Assert.Contains(expected, Readers.MessageOf(new FlacBytes().Build(Signal(1, 5000, 16, 4, 3))[..length]), StringComparison.Ordinal);

    [Fact]
    public void A_stream_cut_between_frames_is_refused_by_its_length()
    {
        var samples = Signal(1, 2000, 16, 1, 3);
        var bytes = new FlacBytes { WithMd5 = false, BlockSize = 500 }.Build(samples);
        var shorter = new FlacBytes { WithMd5 = false, BlockSize = 500 }.Build([samples[0][..1500]]).Length;

        Assert.Contains("ends after 1500 samples; expected 2000", Readers.MessageOf(bytes[..shorter]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "sample rate of 0 Hz")]
    [InlineData(1_000_000, "sample rate of 1000000 Hz")]
    public void An_absurd_rate_is_refused(int rate, string expected) =>
        Assert.Contains(expected, Readers.MessageOf(new FlacBytes { Rate = rate }.Build([[1, 2]])), StringComparison.Ordinal);

    static string MessageOfChanged(int at)
    {
        var bytes = new FlacBytes { Seed = 5 }.Build(Signal(1, 4000, 16, 4, 3));
        bytes[at] ^= 1;
        return Readers.MessageOf(bytes);
    }

    internal static float[] Interleave(long[][] channels, int bits) =>
        [.. Enumerable.Range(0, channels[0].Length).SelectMany(i => channels.Select(c => c[i] * (1f / (1L << (bits - 1)))))];

    /// <summary>Silence, tones, steps with wasted bits, extremes, noise.</summary>
    internal static long[][] Signal(int channels, int length, int bits, int kind, int seed)
    {
        var random = new Random(seed);
        var top = 1L << (bits - 1);
        return [.. Enumerable.Range(0, channels).Select(c => Enumerable.Range(0, length).Select(i => kind switch
        {
            0 => seed % top,
            1 => (long)(0.4 * (top - 1) * (Math.Sin(i * 0.05) + Math.Sin((i + c) * 0.31))),
            2 => (long)(0.9 * top * Math.Sin(i * 0.01)) >> (bits / 2) << (bits / 2),
            3 => random.Next(2) == 0 ? -top : top - 1,
            _ => random.NextInt64(-top, top),
        }).ToArray())];
    }
}
