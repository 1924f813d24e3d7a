using Earshot.Compute.Quantization;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;
using static Earshot.Onnx.Tests.Graph.InferenceTests;
using static Earshot.Onnx.Tests.Passes.PassTest;

namespace Earshot.Onnx.Tests.Passes;

public sealed class PrecisionTests
{
    [Fact]
    public void Dynamic_int8_shares_one_quantisation_of_the_input()
    {
        var options =
            new OptimizationOptions { Target = OptimizationTarget.Portable, Weights = WeightFormat.Int8, QuantizesWeight = (_, _) => true };
        var left = Apply(new WeightQuantization(), b =>
        {
            var x = FeatureCount(b, 64);
            b.Output("a", b.Node("MatMul", x, b.Constant(EveryOtherRow(Weights(64, 32)))));
            b.Output("b", b.Node("Add", b.Node("MatMul", x, b.Constant(EveryOtherRow(Weights(64, 48)))), b.Constant(Weights(48))));
        }, options, tolerance: 0.02f);
        Assert.Equal("Add Cast Cast DynamicQuantizeLinear MatMulInteger MatMulInteger Mul Mul Mul Mul", left);
    }

    [Theory]
    [InlineData(8, 32, 0.02f)]
    [InlineData(8, 128, 0.02f)]
    [InlineData(4, 16, 0.12f)]
    [InlineData(4, 64, 0.15f)]
    public void Blocks_of_weights_are_stored_small(int bits, int block, float tolerance)
    {
        var options = new OptimizationOptions { Weights = WeightFormat.Integers(bits, block), QuantizesWeight = (_, _) => true };
        var left = Apply(new WeightQuantization(), b =>
        {
            var x = FeatureCount(b, 96);
            b.Output("y", b.Node("MatMul", x, b.Constant(Weights(96, 40))));
        }, out var model, options, tolerance: tolerance);
        Assert.Equal("MatMulNBits", left);
        Assert.True(model.Graph.Initializers.Sum(value => value.Initializer!.ByteLength) < 96 * 40 * 4 / 2);
    }

    [Fact]
    public void A_gemm_with_a_transposed_weight_is_quantised_with_its_bias_behind()
    {
        var options = new OptimizationOptions { Weights = WeightFormat.Int8Group32, QuantizesWeight = (_, _) => true };
        var left = Apply(
            new WeightQuantization(), b => b.Output("y", b.Node(
                "Gemm", [b.Input("x", OnnxElementType.Float32, "batch", 64), b.Constant(Weights(32, 64)), b.Constant(Weights(32))],
                With("transB", 1L))), options, tolerance: 0.02f);
        Assert.Equal("Add MatMulNBits", left);
    }

    [Fact]
    public void Weights_that_are_small_changing_or_not_finite_stay()
    {
        var options = new OptimizationOptions { Weights = WeightFormat.Int8 };
        Assert.Equal("MatMul", Apply(
            new WeightQuantization(), b => b.Output("y", b.Node("MatMul", FeatureCount(b), b.Constant(Weights(8, 8)))), options));
        options = options with { QuantizesWeight = (_, _) => true };
        Assert.Equal(
            "MatMul", Apply(
                new WeightQuantization(),
                b => b.Output("y", b.Node("MatMul", FeatureCount(b), b.Input("w", OnnxElementType.Float32, 8, 8))), options));
        Assert.Equal("MatMul", Apply(
            new WeightQuantization(), b => b.Output("y", b.Node("MatMul", FeatureCount(b), b.Constant(Weights(8, 8)))), options,
            operatorSet: 10));
        var builder = new GraphBuilder();
        builder.Output("y", builder.Node(
            "MatMul", FeatureCount(builder), builder.Constant(TensorData.Of<float>([float.NaN, 1, 1, 1, 1, 1, 1, 1], 8, 1))));
        Assert.Equal(0, new WeightQuantization().Run(builder.Build(), options).Changes);
        // Blocks are ONNX Runtime's own.
        options = options with { Weights = WeightFormat.Int4Group32, Target = OptimizationTarget.Portable };
        Assert.Equal("MatMul", Apply(
            new WeightQuantization(), b => b.Output("y", b.Node("MatMul", FeatureCount(b), b.Constant(Weights(8, 8)))), options));
    }

    [Fact]
    public void Int8_columns_are_within_half_a_step()
    {
        var weight = Weights(50, 7);
        var exact = weight.ToArray<float>();
        var (elements, scales) = ColumnMatrix.From(weight, transposed: false)!.PerColumn();
        for (int i = 0; i < exact.Length; i++) Assert.InRange(Math.Abs(exact[i] - elements[i] * scales[i % 7]), 0, scales[i % 7] * 0.5001f);
    }

    [Fact]
    public void Float16_keeps_norms_softmax_and_logits_in_float32()
    {
        var left = Apply(new Float16Conversion(), b =>
        {
            var x = FeatureCount(b, 16);
            var norm = b.Node("LayerNormalization", x, b.Constant(Weights(16)), b.Constant(Weights(16)));
            var hidden = b.Node("Gelu", b.Node("MatMul", norm, b.Constant(Weights(16, 32))));
            hidden = b.Node("Add", x, b.Node("MatMul", hidden, b.Constant(Weights(32, 16))));
            var probabilities = b.Node("Softmax", hidden);
            b.Output("logits", b.Node("MatMul", probabilities, b.Constant(Weights(16, 10))));
        }, out var model, new OptimizationOptions { Float16 = true }, tolerance: 5e-3f);
        Assert.Equal("Add Cast Cast Cast Gelu LayerNormalization MatMul MatMul MatMul Softmax", left);
        OnnxElementType InputType(string opType, int index) => model.Graph.Nodes.Last(node => node.OpType == opType).Inputs[index]!.Type;
        Assert.Equal(OnnxElementType.Float32, InputType("LayerNormalization", 1));
        Assert.Equal(OnnxElementType.Float32, InputType("Softmax", 0));
        Assert.Equal(OnnxElementType.Float32, InputType("MatMul", 1));
        Assert.Equal(OnnxElementType.Float16, InputType("Add", 0));
        Assert.Equal(OnnxElementType.Float32, model.Graph.Outputs[0].Type);
    }

    [Fact]
    public void Float16_refuses_constants_that_it_cannot_hold_and_nodes_that_are_to_stay()
    {
        static void Build(GraphBuilder b) => b.Output("y", b.Node("Softmax", b.Node("Add", FeatureCount(b), b.Constant(-1e9f))));
        Assert.Equal("Add Softmax", Apply(new Float16Conversion(), Build, new OptimizationOptions { Float16 = true }));
        static void Small(GraphBuilder b) => b.Output("y", b.Node("Softmax", b.Node("Add", FeatureCount(b), b.Constant(-1f))));
        Assert.Equal(
            "Add Cast Cast Softmax", Apply(new Float16Conversion(), Small, new OptimizationOptions { Float16 = true }, tolerance: 5e-3f));
        Assert.Equal("Add Softmax", Apply(
            new Float16Conversion(), Small, new OptimizationOptions { Float16 = true, KeepsFloat32 = node => node.OpType == "Add" }));
    }

    [Fact]
    public void Float16_casts_back_for_branches_that_read_from_outside()
    {
        var left = Apply(new Float16Conversion(), b =>
        {
            var x = b.Node("MatMul", FeatureCount(b), b.Constant(Weights(8, 8)));
            var then = b.Subgraph("then", inner => inner.Graph.AddOutput(inner.Node("Sqrt", inner.Node("Abs", x))));
            var otherwise = b.Subgraph("else", inner => inner.Graph.AddOutput(inner.Node("Neg", x)));
            b.Output("y", b.Node(
                "If", [b.Input("flag", OnnxElementType.Bool)],
                new Dictionary<string, OnnxAttribute> { ["then_branch"] = then, ["else_branch"] = otherwise }));
        }, new OptimizationOptions { Float16 = true }, tolerance: 5e-3f);
        Assert.Equal("Cast Cast If MatMul", left);
    }

    /// <summary>
    /// A matrix with every other row zero. Processors without VNNI add the products of neighbouring rows with 16-bit saturation where the
    /// runtime's own rewriting is off, as it is here; the pass is tested, not the runtime's kernel.
    /// </summary>
    static TensorData EveryOtherRow(TensorData matrix)
    {
        var elements = matrix.ToArray<float>();
        int columns = (int)matrix.Shape[1];
        for (int i = 0; i < elements.Length; i++)
        {
            if (i / columns % 2 == 1) elements[i] = 0;
        }
        return TensorData.Of<float>(elements, matrix.Shape);
    }
}
