using Earshot.Compute.Quantization;
using Earshot.Onnx.Recording;

namespace Earshot.Onnx.Tests.Recording;

public sealed class GraphPrecisionsTests
{
    [Theory]
    [InlineData(GraphPrecision.Float32, "f32")]
    [InlineData(GraphPrecision.Float16, "f16")]
    [InlineData(GraphPrecision.Int8, "int8")]
    [InlineData(GraphPrecision.Int8Blocks, "int8-g32")]
    [InlineData(GraphPrecision.Int4Blocks, "int4")]
    public void A_precision_is_a_format_of_weights_and_back(GraphPrecision precision, string format)
    {
        Assert.Equal(WeightFormat.Parse(format), GraphPrecisions.WeightsOf(precision));
        Assert.Equal(precision, GraphPrecisions.Of(WeightFormat.Parse(format)));
        Assert.Equal(format, new GraphOptions { Precision = precision }.Weights.Name);
    }

    [Fact]
    public void Blocks_have_the_size_that_is_wished_for() =>
        Assert.Equal(WeightFormat.Int4Group128, new GraphOptions { Precision = GraphPrecision.Int4Blocks, BlockSize = 128 }.Weights);

    [Theory]
    [InlineData("bf16")]
    [InlineData("nf4")]
    [InlineData("int8-outliers")]
    public void Formats_that_graphs_lack_have_no_precision(string format) => Assert.Null(GraphPrecisions.Of(WeightFormat.Parse(format)));
}
