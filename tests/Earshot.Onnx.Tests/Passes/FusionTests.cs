using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;
using static Earshot.Onnx.Tests.Graph.InferenceTests;
using static Earshot.Onnx.Tests.Passes.PassTest;

namespace Earshot.Onnx.Tests.Passes;

public sealed class FusionTests
{
    static readonly OptimizationOptions s_portable = new() { Target = OptimizationTarget.Portable };

    [Theory]
    [InlineData("(x*half)*sum")]
    [InlineData("(x*sum)*half")]
    [InlineData("x*(sum*half)")]
    public void The_erf_form_becomes_gelu_in_any_order(string order)
    {
        void Build(GraphBuilder b)
        {
            var x = b.Node("Neg", FeatureCount(b));
            var sum = b.Node(
                "Add",
                b.Node("Erf", order.StartsWith('x') ? b.Node("Mul", x, b.Constant(0.70710677f)) : b.Node("Div", x, b.Constant(1.4142135f))),
                b.Constant(1f));
            var half = b.Constant(0.5f);
            b.Output("y", order switch
            {
                "(x*half)*sum" => b.Node("Mul", b.Node("Mul", x, half), sum),
                "(x*sum)*half" => b.Node("Mul", b.Node("Mul", x, sum), half),
                _ => b.Node("Mul", x, b.Node("Mul", sum, half)),
            });
        }
        Assert.Equal("Gelu Neg", Apply(new GeluFusion(), Build, out var model, s_portable));
        Assert.Equal("", model.Graph.Nodes[1].Domain);
        Assert.Equal("Gelu Neg", Apply(new GeluFusion(), Build, out var older, operatorSet: 17));
        Assert.Equal("com.microsoft", older.Graph.Nodes[1].Domain);
        // An older operator set has no Gelu, and a portable model no other.
        Assert.Contains("Erf", Apply(new GeluFusion(), Build, s_portable, operatorSet: 17), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void The_tanh_form_becomes_gelu(int form)
    {
        void Build(GraphBuilder b)
        {
            var x = b.Node("Neg", FeatureCount(b));
            var (cubic, root, one) = (b.Constant(0.044715f), b.Constant(0.7978846f), b.Constant(1f));
            var argument = form switch
            {
                0 => b.Node("Mul", root, b.Node("Add", x, b.Node("Mul", cubic, b.Node("Pow", x, b.Constant(3f))))),
                1 => b.Node("Mul", b.Node("Add", x, b.Node("Mul", b.Node("Mul", b.Node("Mul", x, x), x), cubic)), root),
                _ => b.Node("Mul", b.Node("Mul", x, root), b.Node("Add", one, b.Node("Mul", b.Node("Mul", x, cubic), x))),
            };
            b.Output("y", b.Node("Mul", b.Node("Mul", b.Constant(0.5f), x), b.Node("Add", one, b.Node("Tanh", argument))));
        }
        Assert.Equal("Gelu Neg", Apply(new GeluFusion(), Build, s_portable));
        Assert.Equal("FastGelu Neg", Apply(new GeluFusion(), Build, operatorSet: 17));
    }

    [Fact]
    public void What_is_nearly_gelu_stays()
    {
        string With(float half, float root, bool readElsewhere) => Apply(new GeluFusion(), b =>
        {
            var x = FeatureCount(b);
            var erf = b.Node("Erf", b.Node("Div", x, b.Constant(root)));
            if (readElsewhere) b.Output("erf", erf);
            b.Output("y", b.Node("Mul", b.Node("Mul", x, b.Constant(half)), b.Node("Add", erf, b.Constant(1f))));
        });
        Assert.DoesNotContain("Erf", With(0.5f, 1.4142135f, false), StringComparison.Ordinal);
        Assert.Contains("Erf", With(0.25f, 1.4142135f, false), StringComparison.Ordinal);
        Assert.Contains("Erf", With(0.5f, 1.5f, false), StringComparison.Ordinal);
        Assert.Contains("Erf", With(0.5f, 1.4142135f, true), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void The_parts_of_a_layer_norm_become_one(bool power, bool bias)
    {
        Assert.Equal(
            "LayerNormalization Neg", Apply(new LayerNormFusion(), b => Norm(b, power, bias ? Weights(8) : null, axis: -1), s_portable));
        Assert.DoesNotContain(
            "LayerNormalization", Apply(new LayerNormFusion(), b => Norm(b, power, bias ? Weights(8) : null, axis: -1), operatorSet: 16),
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_nearly_a_layer_norm_stays()
    {
        // Over another dimension; with a part that is read elsewhere.
        Assert.DoesNotContain(
            "LayerNormalization", Apply(new LayerNormFusion(), b => Norm(b, true, Weights(8), axis: 1)), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "LayerNormalization", Apply(new LayerNormFusion(), b => Norm(b, true, Weights(8), axis: -1, readElsewhere: true)),
            StringComparison.Ordinal);
    }

    static void Norm(GraphBuilder b, bool power, TensorData? bias, long axis, bool readElsewhere = false)
    {
        GraphValue Mean(GraphValue value) =>
            b.OperatorSet >= 18 ? b.Node("ReduceMean", value, b.Ints(axis)) : b.Node("ReduceMean", [value], With("axes", new[] { axis }));
        var x = b.Node("Neg", FeatureCount(b));
        var centred = b.Node("Sub", x, Mean(x));
        var variance = Mean(power ? b.Node("Pow", centred, b.Constant(2f)) : b.Node("Mul", centred, centred));
        if (readElsewhere) b.Output("variance", variance);
        var normal = b.Node(
            "Mul", b.Node("Div", centred, b.Node("Sqrt", b.Node("Add", variance, b.Constant(1e-5f)))), b.Constant(Weights(8)));
        b.Output("y", bias is null ? normal : b.Node("Add", normal, b.Constant(bias)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_batch_norm_goes_into_its_convolution(bool bias)
    {
        Assert.Equal("Conv", Apply(new ConvolutionBatchNorm(), b => ConvNorm(b, bias), s_portable));
    }

    [Fact]
    public void A_batch_norm_stays_where_the_convolution_is_read_elsewhere() =>
        Assert.Equal(
            "BatchNormalization Conv Neg", Apply(new ConvolutionBatchNorm(), b => b.Output("z", b.Node("Neg", ConvNorm(b, true)))));

    [Fact]
    public void A_batch_norm_stays_where_its_weights_are_inputs() =>
        Assert.Equal("BatchNormalization Conv", Apply(new ConvolutionBatchNorm(), b =>
        {
            var conv = b.Node("Conv", b.Input("x", OnnxElementType.Float32, 1, 4, "time"), b.Constant(Weights(6, 4, 3)));
            b.Output("y", b.Node(
                "BatchNormalization", conv, b.Input("scale", OnnxElementType.Float32, 6), b.Constant(Weights(6)), b.Constant(Weights(6)),
                b.Constant(TensorData.Of<float>([1, 2, 3, 4, 5, 6], 6))));
        }));

    static GraphValue ConvNorm(GraphBuilder b, bool bias)
    {
        var conv = b.Node(
            "Conv", b.Input("x", OnnxElementType.Float32, "batch", 4, "time"), b.Constant(Weights(6, 4, 3)),
            bias ? b.Constant(Weights(6)) : null);
        b.Output("y", b.Node(
            "BatchNormalization", conv, b.Constant(Weights(6)), b.Constant(Weights(6)), b.Constant(Weights(6)),
            b.Constant(TensorData.Of<float>([1, 2, 3, 4, 5, 6], 6))));
        return conv;
    }

    [Fact]
    public void A_flat_product_and_bias_become_a_gemm()
    {
        static void Build(GraphBuilder b)
        {
            var x = b.Input("x", OnnxElementType.Float32, "batch", 8);
            b.Output("y", b.Node("Add", b.Constant(Weights(6)), b.Node("MatMul", x, b.Constant(Weights(8, 6)))));
        }
        Assert.Equal("Gemm", Apply(new GemmFusion(), Build, s_portable));
    }

    [Fact]
    public void A_batched_product_and_other_sums_stay()
    {
        Assert.Equal("Add MatMul", Apply(
            new GemmFusion(),
            b => b.Output("y", b.Node("Add", b.Node("MatMul", FeatureCount(b), b.Constant(Weights(8, 6))), b.Constant(Weights(6))))));
        Assert.Equal("Add MatMul", Apply(new GemmFusion(), b => b.Output("y", b.Node(
            "Add", b.Node("MatMul", b.Input("x", OnnxElementType.Float32, 1, 8), b.Constant(Weights(8, 6))), b.Constant(Weights(3, 6))))));
    }

    [Theory]
    [InlineData("Relu")]
    [InlineData("Sigmoid")]
    [InlineData("Tanh")]
    [InlineData("LeakyRelu")]
    public void An_activation_joins_its_convolution_or_gemm(string activation)
    {
        void Conv(GraphBuilder b) => b.Output("y", b.Node(activation, b.Node(
            "Conv", b.Input("x", OnnxElementType.Float32, "batch", 4, "time"), b.Constant(Weights(6, 4, 3)), b.Constant(Weights(6)))));
        void Gemm(GraphBuilder b) => b.Output("y", b.Node(activation, b.Node(
            "Gemm", b.Input("x", OnnxElementType.Float32, "batch", 4), b.Constant(Weights(4, 6)), b.Constant(Weights(6)))));
        Assert.Equal("FusedConv", Apply(new ActivationFusion(), Conv));
        Assert.Equal("FusedGemm", Apply(new ActivationFusion(), Gemm));
        Assert.Equal(
            $"Conv {activation}".Split(' ').Order(StringComparer.Ordinal).Aggregate((one, other) => $"{one} {other}"),
            Apply(new ActivationFusion(), Conv, s_portable));
    }

    [Theory]
    [InlineData("after", true)]
    [InlineData("before", false)]
    [InlineData("both", true)]
    [InlineData("divided", false)]
    public void The_parts_of_attention_become_one(string scaling, bool mask)
    {
        Assert.Equal("MatMul MatMul MatMul MultiHeadAttention", Apply(new AttentionFusion(), b => Attention(b, scaling, mask)));
        Assert.Contains("Softmax", Apply(new AttentionFusion(), b => Attention(b, scaling, mask), s_portable), StringComparison.Ordinal);
    }

    [Fact]
    public void Attention_with_a_mask_of_another_form_or_probabilities_read_elsewhere_stays()
    {
        Assert.Contains("Softmax", Apply(new AttentionFusion(), b => Attention(b, "after", true, maskRank: 2)), StringComparison.Ordinal);
        Assert.Contains(
            "Softmax", Apply(new AttentionFusion(), b => Attention(b, "after", false, readElsewhere: true)), StringComparison.Ordinal);
    }

    internal static void Attention(GraphBuilder b, string scaling, bool mask, int maskRank = 4, bool readElsewhere = false)
    {
        var x = FeatureCount(b, 16);
        GraphValue Heads(long[] order) => b.Node(
            "Transpose", [b.Node("Reshape", b.Node("MatMul", x, b.Constant(Weights(16, 16))), b.Ints(0, 0, 2, 8))], With("perm", order));
        var (query, key, value) = (Heads([0, 2, 1, 3]), Heads([0, 2, 3, 1]), Heads([0, 2, 1, 3]));
        if (scaling is "before") query = b.Node("Mul", query, b.Constant(0.35355339f));
        if (scaling is "both") (query, key) = (b.Node("Mul", query, b.Constant(0.59460356f)), b.Node("Mul", key, b.Constant(0.59460356f)));
        var logits = b.Node("MatMul", query, key);
        if (scaling is "after") logits = b.Node("Mul", logits, b.Constant(0.35355339f));
        if (scaling is "divided") logits = b.Node("Div", logits, b.Constant(2.8284271f));
        if (mask)
        {
            logits = b.Node("Add", logits, maskRank == 4
                ? b.Input("mask", OnnxElementType.Float32, 1, 1, "time", "time")
                : b.Input("mask", OnnxElementType.Float32, "time", "time"));
        }
        var probabilities = b.Node("Softmax", [logits], With("axis", -1L));
        if (readElsewhere) b.Output("probabilities", probabilities);
        var mixed = b.Node("Transpose", [b.Node("MatMul", probabilities, value)], With("perm", new long[] { 0, 2, 1, 3 }));
        b.Output("y", b.Node("Reshape", mixed, b.Ints(0, 0, 16)));
    }
}
