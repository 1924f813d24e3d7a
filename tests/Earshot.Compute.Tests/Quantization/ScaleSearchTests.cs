using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Quantization;

/// <summary>Scales of four-bit groups are those with the least squared error, found alike on every machine.</summary>
public sealed class ScaleSearchTests
{
    public static TheoryData<WeightFormat> Formats => [WeightFormat.Int4Group32, WeightFormat.Int4Group128, WeightFormat.Nf4];

    static readonly string[] s_kinds = ["normal", "uniform", "heavy", "outlier", "one-sided", "tiny", "multiples"];

    public static TheoryData<string> Kinds => [.. s_kinds];

    [Theory, MemberData(nameof(Kinds))]
    public void No_group_of_int4_is_worse_than_with_its_largest_value_as_seven(string kind)
    {
        foreach (int size in (int[])[1, 2, 7, 8, 31, 32, 45, 128])
        {
            for (int seed = 0; seed < 40; seed++)
            {
                var values = Values(kind, size, seed);
                var scale = (Half)(values.Max(MathF.Abs) / 7);
                double plain = values.Sum(
                    value => Square(value, scale == default ? 0 : Math.Clamp(MathF.Round(value / (float)scale), -7, 7) * (float)scale));
                double searched = SquaredError(
                    values, RoundTrip(values, size == 128 ? WeightFormat.Int4Group128 : WeightFormat.Int4Group32, size));
                // Errors are compared in float32.
                Assert.True(searched <= plain * 1.00001, $"{size} values of seed {seed}: {searched} and {plain}");
            }
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void No_row_of_nf4_is_worse_than_with_its_largest_values_as_scales(string kind)
    {
        foreach (int size in (int[])[1, 7, 64, 384, 1001, 64 * 256])
        {
            for (int seed = 0; seed < 10; seed++)
            {
                var values = Values(kind, size, seed);
                double plain = SquaredError(values, PlainNf4(values)), searched = SquaredError(values, RoundTrip(values, WeightFormat.Nf4));
                Assert.True(searched <= plain * 1.00001, $"{size} values of seed {seed}: {searched} and {plain}");
            }
        }
    }

    [Theory, InlineData(32, 0.72), InlineData(128, 0.70)]
    public void Int4_comes_close_to_the_best_of_many_scales(int size, double ofPlain)
    {
        double searched = 0, best = 0, plain = 0;
        for (int seed = 0; seed < 200; seed++)
        {
            var values = Values("normal", size, seed);
            float largest = values.Max(MathF.Abs);
            searched += SquaredError(values, RoundTrip(values, WeightFormat.Int4Group128, size));
            plain += Int4Error(values, largest / 7);
            best += Enumerable.Range(0, 600)
                .SelectMany(i => (float[])[1, -1], (i, sign) => Int4Error(values, sign * largest / (5 + 0.01f * i))).Min();
        }
        Assert.InRange(searched / best, 0.99, 1.01);
        Assert.InRange(searched / plain, 0.5, ofPlain);
    }

    [Fact]
    public void Nf4_comes_close_to_the_best_of_many_scales()
    {
        double searched = 0, best = 0, plain = 0;
        for (int seed = 0; seed < 200; seed++)
        {
            // One block, whose scale is stored exactly.
            var values = Values("normal", 64, seed);
            float largest = values.Max(MathF.Abs);
            searched += SquaredError(values, RoundTrip(values, WeightFormat.Nf4));
            plain += Nf4Error(values, largest);
            best += Enumerable.Range(0, 300).Min(i => Nf4Error(values, largest / (0.8f + 0.002f * i)));
        }
        Assert.InRange(searched / best, 0.99, 1.01);
        Assert.InRange(searched / plain, 0.5, 0.92);
    }

    [Fact]
    public void A_scale_is_negative_where_the_largest_value_then_gets_the_code_that_has_no_mirror()
    {
        float[] values = [8, -7, 1, -3, 5, 2, -4, 0];
        var row = new QuantizedRow(WeightFormat.Int4Group32, values.Length);
        row.Quantize(values);
        Assert.Equal((Half)(-1), row.Int4Scales[0]);
        Assert.Equal(values, RoundTrip(values, WeightFormat.Int4Group32));
        Assert.Equal(values.Select(value => -value), RoundTrip([.. values.Select(value => -value)], WeightFormat.Int4Group32));
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_single_value_keeps_its_size_among_zeros(WeightFormat format)
    {
        foreach (float value in (float[])[1, -1, 3e-3f, -250])
        {
            var values = new float[200];
            values[77] = value;
            var back = RoundTrip(values, format);
            // float16 has eleven bits.
            Assert.Equal(value, back[77], MathF.Abs(value) / 2000);
            back[77] = 0;
            Assert.All(back, other => Assert.Equal(0, other));
        }
    }

    [Theory, MemberData(nameof(Formats))]
    public void Values_too_small_for_a_scale_become_zeros_and_others_stay_finite(WeightFormat format)
    {
        float[] denormals = [.. Enumerable.Range(0, 200).Select(i => (i % 5 - 2) * float.Epsilon * 100)];
        Assert.All(RoundTrip(denormals, format), value => Assert.InRange(MathF.Abs(value), 0, 1e-38f));
        foreach (float largest in (float[])[1e-37f, 1e-20f, 1e-12f, 4e-8f, 1e-6f, 4e5f, 5e5f, 1e14f, 1e20f, 1e38f])
        {
            float[] values = [.. Values("uniform", 200, 1).Select(value => value * largest)];
            var back = RoundTrip(values, format);
            Assert.All(back, value => Assert.True(float.IsFinite(value)));
            if (largest is > 1e-6f and < 4e5f) Assert.InRange(SquaredError(values, back) / SquaredError(values, new float[200]), 0, 0.02);
        }
    }

    [Theory, InlineData("int4"), InlineData("int4-g128")]
    public void Infinite_values_get_the_largest_scale_and_only_their_group_has_it(string name)
    {
        var format = WeightFormat.Parse(name);
        var values = Values("normal", 256, 5);
        values[3] = float.PositiveInfinity;
        values[4] = float.NegativeInfinity;
        var row = new QuantizedRow(format, values.Length);
        row.Quantize(values);
        Assert.Equal(Half.MaxValue, row.Int4Scales[0]);
        Assert.Equal((7 + 8) | (-8 + 8) << 4, row.Codes[1] >> 4 | (row.Codes[2] & 15) << 4);
        var last = new QuantizedRow(format, 128);
        last.Quantize(values.AsSpan(128));
        Assert.Equal(last.Int4Scales[^1], row.Int4Scales[^1]);
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_value_that_is_no_number_leaves_other_groups_alone(WeightFormat format)
    {
        var values = Values("normal", 64 * 258, 6);
        var expected = RoundTrip(values, format);
        values[1] = float.NaN;
        var back = RoundTrip(values, format);
        // In nf4 256 blocks share a mean.
        int group = format == WeightFormat.Nf4 ? 64 * 256 : format.Group;
        Assert.Equal(expected.AsSpan(group).ToArray(), back.AsSpan(group).ToArray());
    }

    /// <summary>The bits that one machine found; another, with other vectors, has to find the same.</summary>
    [Theory]
    [InlineData("int4", "1E930BFEA89F6405")]
    [InlineData("int4-g128", "CE34860EF5AFEFCD")]
    [InlineData("nf4", "9EE8792DD25E20BD")]
    public void The_bits_are_the_same_on_every_machine(string name, string expected)
    {
        var format = WeightFormat.Parse(name);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var kind in s_kinds)
        {
            foreach (int columns in (int[])[384, 1003])
            {
                var row = new QuantizedRow(format, columns);
                for (int seed = 0; seed < 40; seed++)
                {
                    row.Quantize(Values(kind, columns, seed));
                    hash.AppendData(row.Codes);
                    hash.AppendData(row.Scales);
                    hash.AppendData(MemoryMarshal.AsBytes(row.ScaleCodes));
                }
            }
        }
        Assert.Equal(expected, Convert.ToHexString(hash.GetHashAndReset())[..16]);
    }

    static float[] RoundTrip(float[] values, WeightFormat format) =>
        RoundTrip(values, format, format == WeightFormat.Int4Group128 ? 128 : 32);

    static float[] RoundTrip(float[] values, WeightFormat format, int group)
    {
        var back = new float[values.Length];
        if (format == WeightFormat.Nf4)
        {
            var row = new QuantizedRow(format, values.Length);
            row.Quantize(values);
            row.Dequantize(back);
            return back;
        }
        var codes = new byte[(values.Length + 1) / 2];
        var scales = new Half[(values.Length + group - 1) / group];
        Int4.Quantize(values, group, codes, scales);
        Int4.Dequantize(codes, group, scales, back);
        return back;
    }

    /// <summary>The paper's own: each block's scale its largest magnitude, in 8 bits about the mean.</summary>
    static float[] PlainNf4(float[] values)
    {
        var back = new float[values.Length];
        for (int first = 0; first < values.Length; first += 64 * 256)
        {
            var blocks = values.Skip(first).Take(64 * 256).Chunk(64).ToArray();
            var largest = blocks.Select(block => block.Max(MathF.Abs)).ToArray();
            float mean = (float)(largest.Sum(scale => (double)scale) / largest.Length),
                step = largest.Max(scale => MathF.Abs(scale - mean)) / 127;
            for (int i = 0; i < values.Length - first && i < 64 * 256; i++)
            {
                float code = step == 0 ? 0 : MathF.Round((largest[i / 64] - mean) / step);
                back[first + i] = Nearest(values[first + i], MathF.Max(0, MathF.FusedMultiplyAdd(code, step, mean)));
            }
        }
        return back;
    }

    static double Nf4Error(float[] values, float scale) => values.Sum(value => Square(value, Nearest(value, scale)));

    static double Int4Error(float[] values, float scale) =>
        values.Sum(value => Square(value, Math.Clamp(MathF.Round(value / scale), -8, 7) * scale));

    static float Nearest(float value, float scale)
    {
        float nearest = 0;
        foreach (float code in Nf4.Values) if (MathF.Abs(value - code * scale) < MathF.Abs(value - nearest)) nearest = code * scale;
        return nearest;
    }

    static double SquaredError(float[] values, float[] back) => values.Zip(back, (value, other) => Square(value, other)).Sum();

    static double Square(float value, float other) => ((double)value - other) * ((double)value - other);

    // Whole numbers alone, and products of a few bits: the same on every machine.
    static float[] Values(string kind, int count, int seed)
    {
        uint state = (uint)(seed * 2654435761 + 12345);
        float Uniform()
        {
            state = state * 1664525 + 1013904223;
            return ((int)(state >> 16) - 32767.5f) / 32768;
        }
        float Normal() => (Uniform() + Uniform() + Uniform() + Uniform()) * 0.25f;
        return [.. Enumerable.Range(0, count).Select(i => kind switch
        {
            "uniform" => Uniform(),
            "heavy" => Normal() * Normal() * Normal(),
            "outlier" => i == count / 3 ? 40 * Uniform() : Normal(),
            "one-sided" => MathF.Abs(Normal()) - 0.05f,
            "tiny" => Normal() * 3e-6f,
            "multiples" => MathF.Round(Uniform() * 8) * 0.375f,
            _ => Normal(),
        })];
    }
}
