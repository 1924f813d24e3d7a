namespace Earshot.Audio;

public class ResamplerTests
{
    public static TheoryData<int> Rates =>
    [
        1000, 8000, 11025, 16000, 22050, 24000, 32000, 44100, 44101, 48000, 96000, 176400, 192000, 767_999,
    ];

    [Theory]
    [InlineData(22050)]
    [InlineData(24000)]
    [InlineData(32000)]
    [InlineData(44100)]
    [InlineData(44101)]
    [InlineData(48000)]
    [InlineData(96000)]
    [InlineData(191_999)]
    public void Passes_speech_to_7500_hertz_and_keeps_its_time(int rate)
    {
        foreach (var frequency in new[] { 20, 100, 1000, 3000, 5000, 7000, 7400, 7500 })
        {
            var output = Middle(Resampler.Resample(Sine(frequency, rate, rate), rate));
            var error = Decibels(Rms(output.Zip(Middle(Sine(frequency, 16000, 16000)), (a, b) => a - b)) / Math.Sqrt(0.5));
            // Not only the level: the very samples that a recording at 16 kHz would have had.
            Assert.True(error < -75, $"{frequency} Hz at {rate} Hz: {error:F1} dB");
            Assert.InRange(Decibels(Rms(output) / Math.Sqrt(0.5)), -0.01, 0.01);
        }
    }

    [Theory]
    [InlineData(22050)]
    [InlineData(24000)]
    [InlineData(32000)]
    [InlineData(44100)]
    [InlineData(44101)]
    [InlineData(48000)]
    [InlineData(96000)]
    [InlineData(191_999)]
    public void Stops_what_16_kilohertz_cannot_hold(int rate)
    {
        for (var frequency = 8500; frequency < rate / 2 && frequency < 30000; frequency += 977)
        {
            var level = Decibels(Rms(Middle(Resampler.Resample(Sine(frequency, rate, rate), rate))) / Math.Sqrt(0.5));
            Assert.True(level < -90, $"{frequency} Hz at {rate} Hz: {level:F1} dB");
        }
    }

    [Theory]
    [InlineData(8000)]
    [InlineData(11025)]
    public void Makes_no_images_of_what_a_low_rate_holds(int rate)
    {
        foreach (var frequency in new[] { 50, 300, 1000, 2000, 3400, 3700 })
        {
            var output = Middle(Resampler.Resample(Sine(frequency, rate, rate), rate));
            var error = Decibels(Rms(output.Zip(Middle(Sine(frequency, 16000, 16000)), (a, b) => a - b)) / Math.Sqrt(0.5));
            Assert.True(error < -80, $"{frequency} Hz at {rate} Hz: {error:F1} dB");
        }
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void Cutting_the_input_and_the_output_anywhere_changes_no_bit(int rate)
    {
        var random = new Random(rate);
        var input = new float[rate / 3];
        foreach (ref var sample in input.AsSpan()) sample = (float)((random.NextDouble() * 2) - 1);
        var expected = Resampler.Resample(input, rate);

        var resampler = new Resampler(rate);
        var actual = new List<float>();
        var output = new float[700];
        for (var at = 0; at < input.Length;)
        {
            var count = Math.Min(random.Next(0, 3000), input.Length - at);
            resampler.Write(input.AsSpan(at, count));
            at += count;
            if (random.Next(2) == 0) Drain();
        }
        resampler.Complete();
        Drain();

        Assert.Equal(expected, actual);

        void Drain()
        {
            while (resampler.Read(output.AsSpan(0, random.Next(1, output.Length))) is > 0 and var read)
                actual.AddRange(output.AsSpan(0, read));
        }
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void Length_is_that_of_the_input_in_time_rounded(int rate)
    {
        foreach (var length in new[] { 0, 1, 2, 3, 10, 999, 12345 })
        {
            var expected = (int)Math.Round(length * 16000.0 / rate, MidpointRounding.AwayFromZero);
            var output = Resampler.Resample(Enumerable.Repeat(1f, length).ToArray(), rate);
            Assert.Equal(expected, output.Length);
            if (length > 3000) Assert.Equal(1f, output[expected / 2], 1e-6f);
        }
    }

    [Fact]
    public void The_same_rate_changes_nothing()
    {
        var input = Sine(440, 16000, 1000);

        Assert.Equal(input, Resampler.Resample(input, 16000));
    }

    [Fact]
    public void Ten_minutes_of_input_need_little_memory()
    {
        var resampler = new Resampler(48000);
        var (input, output) = (new float[4800], new float[1700]);
        var before = GC.GetAllocatedBytesForCurrentThread();

        long made = 0;
        for (var i = 0; i < 6000; i++)
        {
            resampler.Write(input);
            made += resampler.Read(output);
        }

        Assert.InRange(made, (6000 * 1600) - 200, 6000 * 1600);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void Refuses_rates_that_are_none_and_input_after_the_end()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resampler(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Resampler(768_001));
        var resampler = new Resampler(8000);
        resampler.Complete();
        Assert.Throws<InvalidOperationException>(() => resampler.Write([0]));
    }

    static float[] Sine(double frequency, int rate, int length) =>
        [.. Enumerable.Range(0, length).Select(n => (float)Math.Sin(2 * Math.PI * frequency * n / rate))];

    /// <summary>Away from the edges, where the silence around the recording is heard.</summary>
    static float[] Middle(float[] samples) => samples[2000..^2000];

    static double Rms(IEnumerable<float> samples) => Math.Sqrt(samples.Average(s => (double)s * s));

    static double Decibels(double ratio) => 20 * Math.Log10(ratio);
}
