namespace Earshot.Audio;

public class SampleStreamTests
{
    [Fact]
    public void Speech_at_16_kilohertz_comes_as_it_is()
    {
        var path = TestRecordings.Jfk;
        using var reader = AudioReader.Open(path);

        var samples = AudioFile.Load(path);

        Assert.Equal(reader.TotalFrames, samples.Length);
        Assert.Equal(Readers.ReadAll(reader), samples);
    }

    [Fact]
    public void Channels_are_averaged()
    {
        var bytes = Floats(2, 16000, 0.5f, -0.25f, 1f, 0f);

        Assert.Equal([0.125f, 0.5f], AudioFile.Load(new MemoryStream(bytes), "test"));
    }

    [Fact]
    public void One_channel_can_be_chosen()
    {
        var bytes = Floats(2, 16000, 0.5f, -0.25f, 1f, 0f);

        Assert.Equal([-0.25f, 0f], AudioFile.Load(new MemoryStream(bytes), "test", channel: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => AudioFile.Load(new MemoryStream(bytes), "test", channel: 2));
    }

    [Fact]
    public void Each_channel_can_be_had_by_itself()
    {
        var interleaved = Enumerable.Range(0, 3 * 9000).Select(n => (float)Math.Sin((n / 3) * 0.01 * ((n % 3) + 1))).ToArray();
        var bytes = Floats(3, 24000, interleaved);
        using var stream = SampleStream.Open(new MemoryStream(bytes), "test");

        var channels = AudioFile.LoadChannels(new MemoryStream(bytes), "test");

        Assert.Equal(3, stream.Channels);
        Assert.Equal(3, channels.Length);
        for (var channel = 0; channel < 3; channel++)
        {
            Assert.Equal(AudioFile.Load(new MemoryStream(bytes), "test", channel), channels[channel]);
            Assert.Equal(AudioFile.Load(new MemoryStream(bytes), "test", new AudioReadOptions { Channel = channel }), channels[channel]);
        }
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.95f)]
    public void Channels_that_cancel_are_heard_by_the_strongest(float second)
    {
        var tone = Enumerable.Range(0, 16000).Select(n => 0.3f * (float)Math.Sin(n * 0.1)).ToArray();
        var warnings = new List<AudioWarning>();

        var samples = AudioFile.Load(
            new MemoryStream(Floats(2, 16000, [.. tone.SelectMany(x => new[] { x, -second * x })])),
            "test", new AudioReadOptions { Strict = true, OnWarning = warnings.Add });

        Assert.Equal(tone, samples);
        var warning = Assert.Single(warnings);
        Assert.Equal((AudioWarningKind.ChannelsCancel, TimeSpan.Zero), (warning.Kind, warning.Position));
        Assert.Contains("channel 0 is heard alone", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Channels_that_differ_or_are_silent_are_averaged()
    {
        var random = new Random(3);
        float[] interleaved = [.. Enumerable.Range(0, 8 * 16000).Select(n => n % 8 == 3 ? (float)random.NextDouble() - 0.5f : 0f)];
        var warnings = new List<AudioWarning>();

        var samples = AudioFile.Load(
            new MemoryStream(Floats(8, 16000, interleaved)), "test", new AudioReadOptions { OnWarning = warnings.Add });

        Assert.Equal([.. Enumerable.Range(0, 16000).Select(n => interleaved[(8 * n) + 3] / 8)], samples);
        Assert.Empty(warnings);
    }

    [Fact]
    public void What_is_no_finite_number_becomes_silence()
    {
        var bytes = Floats(1, 16000, 0.5f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0.5f);

        Assert.Equal([0.5f, 0, 0, 0, -0.5f], AudioFile.Load(new MemoryStream(bytes), "test"));
    }

    [Fact]
    public void Finite_samples_whose_sum_is_not_stay()
    {
        var bytes = Floats(1, 16000, float.MaxValue, float.MaxValue, 1);

        Assert.Equal([float.MaxValue, float.MaxValue, 1], AudioFile.Load(new MemoryStream(bytes), "test"));
    }

    [Fact]
    public void Eight_channels_at_96_kilohertz_are_heard_at_16()
    {
        var interleaved =
            Enumerable.Range(0, 96000).SelectMany(n => Enumerable.Repeat((float)Math.Sin(2 * Math.PI * 440 * n / 96000), 8)).ToArray();

        var samples = AudioFile.Load(new MemoryStream(Floats(8, 96000, interleaved)), "test");

        Assert.Equal(16000, samples.Length);
        for (var n = 500; n < 15500; n++) Assert.Equal(Math.Sin(2 * Math.PI * 440 * n / 16000), samples[n], 1e-4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(479)]
    [InlineData(5000)]
    public void Reading_in_pieces_gives_the_same(int size)
    {
        var interleaved = Enumerable.Range(0, 30000).Select(n => (float)Math.Sin(n * 0.37)).ToArray();
        var bytes = Floats(2, 44100, interleaved);
        var expected = AudioFile.Load(new MemoryStream(bytes), "test");
        using var stream = new SampleStream(AudioReader.Open(new PipeStream(bytes, 1001), "test"));
        var actual = new List<float>();
        var buffer = new float[size];

        Assert.Equal(expected.Length, stream.TotalSamples);
        while (stream.Read(buffer) is > 0 and var read) actual.AddRange(buffer.AsSpan(0, read));

        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(true, 5000)]
    [InlineData(false, 0)]
    public void Silence_before_the_sound_counts_as_filler_where_times_are_the_containers(bool keepsTimes, int filler)
    {
        // Silence again later is silence.
        var samples = new float[20_000];
        samples.AsSpan(5000, 3000).Fill(0.5f);
        using var stream = new SampleStream(new TimedReader(samples, keepsTimes));
        stream.Read(new float[3000]);
        Assert.Equal(Math.Min(filler, 3000), stream.FillerSamples);
        while (stream.Read(new float[700]) > 0) { }
        Assert.Equal(filler, stream.FillerSamples);
    }

    /// <summary>One channel at 16 kHz, from memory.</summary>
    sealed class TimedReader(float[] samples, bool keepsTimes) : AudioReader("test")
    {
        int _position;

        public override string Format => "test";

        public override int SampleRate => 16_000;

        public override int Channels => 1;

        public override long? TotalFrames => samples.Length;

        internal override bool KeepsContainerTimes => keepsTimes;

        protected override int ReadFrames(Span<float> interleaved)
        {
            int count = Math.Min(interleaved.Length, samples.Length - _position);
            samples.AsSpan(_position, count).CopyTo(interleaved);
            _position += count;
            return count;
        }

        protected override void Dispose(bool disposing) { }
    }

    static byte[] Floats(int channels, int rate, params float[] interleaved)
    {
        using var stream = new MemoryStream();
        var writer = new WavWriter(stream, rate, channels, WavEncoding.IeeeFloat);
        writer.Write(interleaved);
        writer.Complete();
        return stream.ToArray();
    }
}
