using Earshot.Audio;

namespace Earshot.Tests.Audio;

public class FlacWriterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(700_001)]
    public void What_is_written_is_read_back(int length)
    {
        var random = new Random(length);
        var samples = new float[length];
        for (int i = 0; i < length; i++)
        {
            // Silence, a tone, noise, the extremes, in turn.
            samples[i] = (i / 5000 % 4) switch
            {
                0 => 0,
                1 => 0.5f * MathF.Sin(i * 0.05f),
                2 => (random.NextSingle() * 2) - 1,
                _ => i % 2 == 0 ? 1 : -1,
            };
        }
        using var stream = new MemoryStream();
        var writer = new FlacWriter(stream, 16_000);
        for (int at = 0; at < length; at += 997) writer.Write(samples.AsSpan(at, Math.Min(997, length - at)));
        writer.Complete();
        stream.Position = 0;
        using var reader = AudioReader.Open(stream, "written", new AudioReadOptions { Strict = true });
        Assert.Equal((16_000, 1), (reader.SampleRate, reader.Channels));
        Assert.Equal(length, reader.TotalFrames ?? 0);
        var read = new float[length + 10];
        int count = 0;
        while (reader.Read(read.AsSpan(count)) is > 0 and var more) count += more;
        Assert.Equal(length, count);
        for (int i = 0; i < length; i++)
            Assert.Equal(Math.Clamp(MathF.Round(samples[i] * 32768), short.MinValue, short.MaxValue) / 32768, read[i]);
    }

    [Fact]
    public void What_was_not_completed_is_read_as_far_as_it_goes()
    {
        var samples = Enumerable.Range(0, 10_000).Select(i => 0.3f * MathF.Sin(i * 0.1f)).ToArray();
        using var stream = new MemoryStream();
        new FlacWriter(stream, 44_100).Write(samples);
        stream.Position = 0;
        using var reader = AudioReader.Open(stream, "written");
        var read = new float[20_000];
        int count = 0;
        while (reader.Read(read.AsSpan(count)) is > 0 and var more) count += more;
        Assert.Equal(8192, count);
    }
}
