using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Audio;

public sealed class WavWriterTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("earshot-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Floats_come_back_equal_whatever_they_are()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<float[]>(), Gen.Choose(1, 4).ToArbitrary(), (samples, channels) =>
        {
            samples = samples[..(samples.Length / channels * channels)];
            using var stream = new MemoryStream();
            var writer = new WavWriter(stream, 44100, channels, WavEncoding.IeeeFloat);
            writer.Write(samples);
            writer.Complete();
            return Readers.ReadAll(stream.ToArray()).SequenceEqual(samples);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Sixteen_bits_come_back_within_half_a_step_and_clip()
    {
        Prop.ForAll(Gen.Choose(-40_000, 40_000).Select(v => v / 32768f * 0.99f).ArrayOf().ToArbitrary(), samples =>
        {
            using var stream = new MemoryStream();
            var writer = new WavWriter(stream, 16000);
            writer.Write(samples);
            writer.Complete();
            var back = Readers.ReadAll(stream.ToArray());
            return back.Length == samples.Length
                && back.Zip(samples, (a, b) => Math.Abs(a - Math.Clamp(b, -1f, 32767 / 32768f))).All(error => error <= 0.5f / 32768);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Every_16_bit_value_comes_back_equal()
    {
        var values = Enumerable.Range(short.MinValue, 65536).Select(v => v / 32768f).ToArray();
        var path = Path.Combine(_folder, "all.wav");

        WavWriter.Write(path, values, 16000);

        Assert.Equal(44 + (2 * 65536), new FileInfo(path).Length);
        using var reader = AudioReader.Open(path);
        Assert.Equal(values, Readers.ReadAll(reader));
    }

    [Fact]
    public void What_is_no_number_is_written_as_silence_in_16_bits()
    {
        using var stream = new MemoryStream();
        var writer = new WavWriter(stream, 16000);
        writer.Write([float.NaN, float.PositiveInfinity, float.NegativeInfinity]);
        writer.Complete();

        Assert.Equal([0f, 32767 / 32768f, -1f], Readers.ReadAll(stream.ToArray()));
    }

    [Fact]
    public void A_file_appears_only_when_complete()
    {
        var path = Path.Combine(_folder, "speech.wav");
        using (var writer = WavWriter.Create(path, 16000))
        {
            writer.Write(new float[100]);
            Assert.False(File.Exists(path));
        }
        Assert.Empty(Directory.GetFiles(_folder));

        using (var writer = WavWriter.Create(path, 16000))
        {
            writer.Write(new float[100]);
            writer.Complete();
        }
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_stream_that_cannot_seek_is_read_to_its_end()
    {
        using var memory = new MemoryStream();
        using (var forward = new System.IO.Compression.BrotliStream(
            memory, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            var writer = new WavWriter(forward, 16000);
            writer.Write([0.5f, -0.5f]);
            writer.Complete();
        }
        memory.Position = 0;
        using var reader = AudioReader.Open(
            new System.IO.Compression.BrotliStream(memory, System.IO.Compression.CompressionMode.Decompress), "packed");

        Assert.Equal([0.5f, -0.5f], Readers.ReadAll(reader));
    }

    [Fact]
    public void Refuses_half_a_frame_and_absurd_formats()
    {
        using var writer = new WavWriter(new MemoryStream(), 16000, 2);

        Assert.Throws<ArgumentException>(() => writer.Write(new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WavWriter(new MemoryStream(), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WavWriter(new MemoryStream(), 16000, 0));
    }
}
