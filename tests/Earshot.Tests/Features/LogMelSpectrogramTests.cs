using Earshot.Audio;

namespace Earshot.Features;

public class LogMelSpectrogramTests
{
    [Theory]
    [InlineData(80)]
    [InlineData(128)]
    public void Mel_filters_equal_the_reference(int melBins)
    {
        var (expected, shape) = NpyFile.ReadFromZip(TestData.Require("tokenizers/whisper/mel_filters.npz"), $"mel_{melBins}");
        Assert.Equal([melBins, 201], shape);

        var filters = new MelFilterBank(melBins, 400, 16000).Filters;

        var actual = new float[melBins * 201];
        for (var mel = 0; mel < melBins; mel++) filters[mel].Weights.CopyTo(actual, (mel * 201) + filters[mel].FirstBin);
        Assert.True(MaxError(expected, actual) < 1e-8, $"{MaxError(expected, actual)}"); // the largest weight is 0.026
    }

    [Theory]
    [InlineData(80)]
    [InlineData(128)]
    public void Features_of_speech_equal_a_plain_transform_in_double_precision(int melBins)
    {
        const int FrameCount = 200;
        var samples = AudioFile.Load(TestRecordings.Jfk)[..(FrameCount * 160)];
        var frames = new float[melBins * FrameCount];

        new LogMelSpectrogram(melBins).Compute(samples, frames, FrameCount);

        var expected = Reference(samples, FrameCount, melBins);
        Assert.True(MaxError(expected, frames) < 5e-5, $"largest error {MaxError(expected, frames)}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(33)]
    public void Noise_of_any_number_of_frames_equals_a_plain_transform(int frameCount)
    {
        var samples = Noise(frameCount * 160, seed: frameCount);
        var frames = new float[80 * frameCount];

        new LogMelSpectrogram(80).Compute(samples, frames, frameCount);

        Assert.True(MaxError(Reference(samples, frameCount, 80), frames) < 1e-5);
    }

    // The clamp shows what lies 80 dB below the loudest; single precision must still tell it apart there.
    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    [InlineData(7900)]
    public void A_loud_tone_over_faint_noise_equals_a_plain_transform(int frequency)
    {
        var samples =
            Noise(100 * 160, seed: 1).Select((v, n) => (1e-4f * v) + (float)Math.Sin(2 * Math.PI * frequency * n / 16000)).ToArray();
        var frames = new float[100 * 80];

        new LogMelSpectrogram(80).Compute(samples, frames, 100);

        var error = MaxError(Reference(samples, 100, 80), frames);
        Assert.True(error < 5e-4, $"largest error {error}"); // 1e-3 of the noise's amplitude is what 24 bits leave
    }

    [Fact]
    public void Neighbouring_samples_make_a_window_s_edges_those_of_the_whole()
    {
        var samples = Noise(400 * 160, seed: 5);
        var whole = new float[400 * 80];
        var part = new float[100 * 80];
        var features = new LogMelSpectrogram(80);
        features.Compute(samples, whole, 400);

        features.Compute(samples.AsSpan(150 * 160, 100 * 160), part, 100, samples.AsSpan(0, 150 * 160), samples.AsSpan(250 * 160));

        Assert.True(MaxError(whole.AsSpan(150 * 80, 100 * 80).ToArray(), part) < 1e-6);
    }

    [Fact]
    public void Silence_gives_one_even_value()
    {
        var frames = new float[3000 * 80];

        new LogMelSpectrogram(80).Compute([], frames, 3000);

        Assert.All(frames, value => Assert.Equal(-1.5f, value)); // (log10(1e-10) + 4) / 4
    }

    [Fact]
    public void A_click_before_the_silence_is_heard_in_the_frames_that_reach_it_and_no_others()
    {
        var before = new float[300];
        before[^150] = 1;
        var frames = new float[50 * 80];

        new LogMelSpectrogram(80).Compute([], frames, 50, before);

        Assert.True(frames[0] > -1.4f);
        Assert.All(frames[(2 * 80)..], value => Assert.Equal(frames[^1], value));
    }

    [Fact]
    public void A_second_window_owes_nothing_to_the_first()
    {
        var features = new LogMelSpectrogram(80);
        var samples = Noise(3000, seed: 1);
        var (once, again) = (new float[40 * 80], new float[40 * 80]);
        features.Compute(samples, once, 40);
        features.Compute(Noise(3000 * 160, seed: 2), new float[3000 * 80], 3000, Noise(200, 3), Noise(40, 4));

        features.Compute(samples, again, 40);

        Assert.Equal(once, again);
    }

    [Fact]
    public void Allocates_nothing_once_warm()
    {
        var features = new LogMelSpectrogram(80);
        var samples = Noise(160 * 100, seed: 1);
        var frames = new float[100 * 80];
        features.Compute(samples, frames, 100);

        Assert.Equal(0, Allocations.Least(() => features.Compute(samples, frames, 100)));
    }

    [Fact]
    public void Refuses_more_samples_than_frames_and_too_little_room()
    {
        var features = new LogMelSpectrogram(80);

        Assert.Throws<ArgumentException>(() => features.Compute(new float[161], new float[80], 1));
        Assert.Throws<ArgumentException>(() => features.Compute(new float[160], new float[79], 1));
    }

    /// <summary>The definition, straight: mirrored edges, windowed, transformed by sums in double precision.</summary>
    static float[] Reference(float[] samples, int frameCount, int melBins)
    {
        var filters = new MelFilterBank(melBins, 400, 16000).Filters;
        var logs = new double[frameCount * melBins];
        var power = new double[201];
        for (var frame = 0; frame < frameCount; frame++)
        {
            for (var bin = 0; bin < power.Length; bin++)
            {
                double re = 0, im = 0;
                for (var n = 0; n < 400; n++)
                {
                    var windowed = At((frame * 160) - 200 + n) * (0.5 - (0.5 * Math.Cos(2 * Math.PI * n / 400)));
                    var (sin, cos) = Math.SinCos(2 * Math.PI * (n * bin % 400) / 400);
                    re += windowed * cos;
                    im -= windowed * sin;
                }
                power[bin] = (re * re) + (im * im);
            }
            for (var mel = 0; mel < melBins; mel++)
            {
                var sum = filters[mel].Weights.Select((weight, i) => weight * power[filters[mel].FirstBin + i]).Sum();
                logs[(frame * melBins) + mel] = Math.Log10(Math.Max(sum, 1e-10));
            }
        }
        var floor = logs.Max() - 8;
        return [.. logs.Select(value => (float)((Math.Max(value, floor) + 4) / 4))];

        double At(int i)
        {
            if (i < 0) i = -i;
            else if (i >= samples.Length) i = (2 * samples.Length) - 2 - i;
            return i < 0 || i >= samples.Length ? 0 : samples[i];
        }
    }

    static float[] Noise(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)((random.NextDouble() * 2) - 1))];
    }

    static double MaxError(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (a, b) => float.IsFinite(b) ? Math.Abs((double)a - b) : double.PositiveInfinity).Max();
    }
}
