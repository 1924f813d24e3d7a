using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Quantization;

public sealed class QuantizationTests
{
    [Fact]
    public void Int8_is_off_by_half_a_step_at_most()
    {
        var values = Normal(1000, 1);
        var codes = new sbyte[1000];
        float scale = Int8.Quantize(values, codes);
        Assert.Equal(values.Max(MathF.Abs) / 127, scale);
        var back = new float[1000];
        Int8.Dequantize(codes, scale, back);
        for (int i = 0; i < 1000; i++) Assert.Equal(values[i], back[i], 0.5001f * scale);
    }

    [Fact]
    public void Int8_gives_whole_multiples_back_exactly()
    {
        var values = Enumerable.Range(-127, 255).Select(i => i * 0.125f).ToArray();
        var codes = new sbyte[255];
        float scale = Int8.Quantize(values, codes);
        var back = new float[255];
        Int8.Dequantize(codes, scale, back);
        Assert.Equal(values, back);
    }

    [Theory, InlineData(32), InlineData(128)]
    public void Int4_picks_the_nearest_multiple(int group)
    {
        var values = Normal(1000, 2);
        var codes = new byte[500];
        var scales = new Half[1000 / group + 1];
        var back = new float[1000];
        Int4.Quantize(values, group, codes, scales);
        Int4.Dequantize(codes, group, scales, back);
        for (int i = 0; i < 1000; i++)
        {
            float nearest = float.PositiveInfinity;
            foreach (float value in Int4.Values) nearest = MathF.Min(nearest, MathF.Abs(values[i] - value * (float)scales[i / group]));
            Assert.Equal(nearest, MathF.Abs(values[i] - back[i]), 1e-6f);
        }
    }

    [Fact]
    public void Int4_gives_whole_multiples_back_exactly()
    {
        var values = Enumerable.Range(0, 45).Select(i => (i % 15 - 7) * 0.25f).ToArray();
        var codes = new byte[23];
        var scales = new Half[2];
        var back = new float[45];
        Int4.Quantize(values, 32, codes, scales);
        Int4.Dequantize(codes, 32, scales, back);
        Assert.Equal(values, back);
    }

    [Fact]
    public void Int4_puts_the_first_code_in_the_low_half()
    {
        var codes = new byte[2];
        var scales = new Half[1];
        Int4.Quantize([7, -7, 1], 32, codes, scales);
        Assert.Equal([0x1F, 0x09], codes);
        Assert.Equal((Half)1, scales[0]);
    }

    [Fact]
    public void Nf4_has_the_quantiles_of_the_paper()
    {
        Assert.Equal(16, Nf4.Values.Length);
        Assert.Equal(0f, Nf4.Values[Nf4.Zero]);
        // Section 3 of the paper: midpoints of neighbouring quantiles of N(0, 1), eight negative and nine positive with zero in
        // both, between the tails δ = ½(1/32 + 1/30), scaled to −1 … 1.
        double delta = 0.5 * (1 / 32.0 + 1 / 30.0), widest = Quantile(1 - delta);
        for (int i = 0; i < 8; i++) Assert.Equal(-Quantile(1 - delta - i * (0.5 - delta) / 7) / widest, Nf4.Values[i], 2e-3);
        for (int i = 0; i < 9; i++) Assert.Equal(Quantile(0.5 + i * (0.5 - delta) / 8) / widest, Nf4.Values[7 + i], 2e-3);
    }

    [Fact]
    public void Nf4_gives_its_own_values_back_exactly()
    {
        var values = new float[64];
        for (int i = 0; i < 64; i++) values[i] = 0.75f * Nf4.Values[i % 16];
        Assert.Equal(values, RoundTrip(values));
    }

    [Fact]
    public void Nf4_picks_the_nearest_value()
    {
        var values = Normal(64, 3);
        var codes = new byte[32];
        var scaleCodes = new sbyte[1];
        var scales = new Nf4Scales[1];
        Nf4.Quantize(values, codes, scaleCodes, scales);
        float scale = Nf4.Scale(scaleCodes[0], scales[0]);
        var back = RoundTrip(values);
        for (int i = 0; i < 64; i++)
        {
            float nearest = float.PositiveInfinity;
            foreach (float value in Nf4.Values) nearest = MathF.Min(nearest, MathF.Abs(values[i] - value * scale));
            Assert.Equal(nearest, MathF.Abs(values[i] - back[i]), 1e-6f);
        }
    }

    [Fact]
    public void Nf4_quantises_scales_to_half_a_step_about_their_mean()
    {
        var values = Normal(64 * 300 + 5, 4);
        var codes = new byte[(values.Length + 1) / 2];
        var scaleCodes = new sbyte[Nf4.Blocks(values.Length)];
        var scales = new Nf4Scales[Nf4.ScaleBlocks(values.Length)];
        Assert.Equal((301, 2), (scaleCodes.Length, scales.Length));
        Nf4.Quantize(values, codes, scaleCodes, scales);
        for (int block = 0; block < scaleCodes.Length; block++)
        {
            var part = values.Skip(block * 64).Take(64).ToArray();
            float wished = Nf4Scale.Find(part, part.Max(MathF.Abs));
            Assert.Equal(wished, Nf4.Scale(scaleCodes[block], scales[block / 256]), 0.501f * scales[block / 256].Step + 1e-6f);
        }
        var back = new float[values.Length];
        Nf4.Dequantize(codes, scaleCodes, scales, back);
        double error = values.Zip(back, (a, b) => (double)(a - b) * (a - b)).Sum(), power = values.Sum(a => (double)a * a);
        // Four bits of a normal distribution: some 20 dB below the signal.
        Assert.InRange(error / power, 0.001, 0.009);
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        var zeros = new float[100];
        Assert.Equal(zeros, RoundTrip(zeros));
        var codes = new sbyte[100];
        Assert.Equal(0, Int8.Quantize(zeros, codes));
        Assert.All(codes, code => Assert.Equal(0, code));
        var packed = new byte[50];
        var scales = new Half[4];
        var back = new float[100];
        Int4.Quantize(zeros, 32, packed, scales);
        Int4.Dequantize(packed, 32, scales, back);
        Assert.Equal(zeros, back);
    }

    static float[] RoundTrip(float[] values)
    {
        var codes = new byte[(values.Length + 1) / 2];
        var scaleCodes = new sbyte[Nf4.Blocks(values.Length)];
        var scales = new Nf4Scales[Nf4.ScaleBlocks(values.Length)];
        var back = new float[values.Length];
        Nf4.Quantize(values, codes, scaleCodes, scales);
        Nf4.Dequantize(codes, scaleCodes, scales, back);
        return back;
    }

    static float[] Normal(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count)
            .Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    /// <summary>The value that a standard normal variable stays below with a probability, by bisection.</summary>
    static double Quantile(double probability)
    {
        double low = -8, high = 8;
        for (int i = 0; i < 80; i++)
        {
            double middle = (low + high) / 2;
            if (0.5 * Cpu.Reference.Erfc(-middle / Math.Sqrt(2)) < probability) low = middle;
            else high = middle;
        }
        return low;
    }
}
