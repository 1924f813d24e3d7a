using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Tests.Quantization;

public sealed class WeightFormatTests
{
    [Theory]
    [InlineData("f32", NumberScheme.Float, 32, 0)]
    [InlineData("f16", NumberScheme.Float, 16, 0)]
    [InlineData("bf16", NumberScheme.BrainFloat, 16, 0)]
    [InlineData("int8", NumberScheme.SymmetricInteger, 8, 0)]
    [InlineData("int8-outliers", NumberScheme.SymmetricInteger, 8, 0)]
    [InlineData("int8-g32", NumberScheme.SymmetricInteger, 8, 32)]
    [InlineData("int4", NumberScheme.SymmetricInteger, 4, 32)]
    [InlineData("int4-g128", NumberScheme.SymmetricInteger, 4, 128)]
    [InlineData("nf4", NumberScheme.NormalFloat, 4, 64)]
    public void Names_are_read_and_written(string name, NumberScheme scheme, int bits, int group)
    {
        var format = WeightFormat.Parse(name);
        Assert.Equal(
            (scheme, bits, group, name.EndsWith("outliers", StringComparison.Ordinal)),
            (format.Scheme, format.Bits, format.Group, format.KeepsOutliers));
        Assert.Equal((name, name), (format.Name, $"{format}"));
        Assert.Equal(format, WeightFormat.Parse(name.ToUpperInvariant()));
    }

    [Fact]
    public void Other_names_of_a_format_are_understood()
    {
        Assert.Equal(WeightFormat.F32, WeightFormat.Parse("Float32"));
        Assert.Equal(WeightFormat.F16, WeightFormat.Parse("float16"));
        Assert.Equal(WeightFormat.BF16, WeightFormat.Parse("bfloat16"));
        Assert.Equal(WeightFormat.Int4Group32, WeightFormat.Parse("int4-g32"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("int3")]
    [InlineData("int8-g128")]
    [InlineData("q8_0")]
    public void Unknown_names_are_refused_with_those_that_are_known(string name)
    {
        Assert.False(WeightFormat.TryParse(name, null, out var none));
        Assert.Null(none);
        Assert.False(WeightFormat.TryParse(null, null, out _));
        Assert.Contains(
            "f32, f16, bf16, int8, int8-outliers, int8-g32, int4, int4-g128 or nf4",
            Assert.Throws<FormatException>(() => WeightFormat.Parse(name)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_numbers_in_groups_are_the_known_formats_where_those_are_the_same()
    {
        Assert.Equal(WeightFormat.Int8, WeightFormat.Integers(8, 0));
        Assert.Equal(WeightFormat.Int8Group32, WeightFormat.Integers(8, 32));
        Assert.Equal(WeightFormat.Int4Group128, WeightFormat.Integers(4, 128));
        Assert.Equal("int4-g16", WeightFormat.Integers(4, 16).Name);
        Assert.NotEqual(WeightFormat.Int8, WeightFormat.Int8Outliers);
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightFormat.Integers(3, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => WeightFormat.Integers(4, -1));
    }

    [Fact]
    public void Sizes_are_those_of_numbers_and_scales()
    {
        Assert.Equal(4L * 512 * 100, WeightFormat.F32.BytesOf(100, 512));
        Assert.Equal(2L * 512 * 100, WeightFormat.BF16.BytesOf(100, 512));
        Assert.Equal(512 * 100 + 400, WeightFormat.Int8.BytesOf(100, 512));
        Assert.Equal(256 * 100 + 2 * 16 * 100, WeightFormat.Int4Group32.BytesOf(100, 512));
        Assert.Equal(256 * 100 + 2 * 4 * 100, WeightFormat.Int4Group128.BytesOf(100, 512));
        Assert.Equal(256 * 100 + 8 * 100, WeightFormat.Nf4.BytesOf(100, 512));
        Assert.Equal((0, 1, 17, 9), (WeightFormat.F32.Groups(
            520), WeightFormat.Int8.Groups(520), WeightFormat.Int4Group32.Groups(520), WeightFormat.Nf4.Groups(520)));
    }

    [Fact]
    public void The_processor_says_what_it_does_not_compute_with()
    {
        foreach (var format in (WeightFormat[])[WeightFormat.F16, WeightFormat.Int8Group32, WeightFormat.Integers(4, 16)])
            Assert.Contains(
                $"does not compute with weights in {format}; choose f32, bf16, int8, int8-outliers, int4, int4-g128 or nf4",
                Assert.Throws<ArgumentException>(() => new CpuDevice(new CpuOptions { Weights = format })).Message,
                StringComparison.Ordinal);
    }
}
