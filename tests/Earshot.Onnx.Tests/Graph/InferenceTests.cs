using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Tests.Graph;

public sealed class InferenceTests
{
    [Fact]
    public void Inferred_shapes_are_those_the_runtime_makes()
    {
        NativeRuntime.Require();
        var model = Various();
        var sizes = new Dictionary<string, long> { ["batch"] = 3, ["time"] = 40 };
        var outputs = ModelRunner.Run(model, 1, sizes);
        foreach (var value in model.Graph.Outputs)
        {
            var actual = outputs[value.Name].Shape;
            Assert.NotNull(value.Shape);
            Assert.Equal(actual.Length, value.Shape.Count);
            for (int i = 0; i < actual.Length; i++)
            {
                var dimension = value.Shape[i];
                long? inferred = dimension.Size ?? (dimension.Symbol is { } symbol ? sizes[symbol] : null);
                if (inferred is not null) Assert.Equal((value.Name, i, actual[i]), (value.Name, i, inferred.Value));
            }
        }
    }

    [Fact]
    public void Symbols_run_through_reshapes_made_of_shapes()
    {
        var model = Various();
        string Shape(string name) => string.Join(", ", model.Graph.Outputs.First(value => value.Name == name).Shape!);
        Assert.Equal("batch, time, 8", Shape("matmul"));
        Assert.Equal("batch, 2, time, 4", Shape("heads"));
        Assert.Equal("batch, time, 8", Shape("merged"));
        Assert.Equal("batch, ?, 6", Shape("conv"));
        Assert.Equal("batch, 1", Shape("mean"));
        Assert.Equal("time, 2, batch, 5", Shape("lstm"));
        Assert.Equal("4, 3", Shape("slice"));
        Assert.Equal("batch, time", Shape("ones"));
    }

    [Fact]
    public void Everything_made_in_code_has_a_type_and_a_shape()
    {
        var model = Various();
        Assert.All(model.Graph.Nodes.SelectMany(node => node.Outputs), value =>
        {
            Assert.NotEqual(OnnxElementType.Undefined, value!.Type);
            Assert.NotNull(value.Shape);
        });
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var builder = new GraphBuilder();
        var a = builder.Input("a", OnnxElementType.Float32, 2, 3);
        var b = builder.Input("b", OnnxElementType.Float32, 4, 5);
        Assert.Contains(
            "multiplies (2, 3) by (4, 5)", Assert.Throws<OnnxModelException>(() => builder.Node("MatMul", a, b)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "do not broadcast", Assert.Throws<OnnxModelException>(() => builder.Node("Add", a, b)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "reshapes (2, 3)", Assert.Throws<OnnxModelException>(() => builder.Node("Reshape", a, builder.Ints(4, -1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Inference_finds_again_what_a_file_left_out()
    {
        var model = Various();
        var expected = model.ToString();
        foreach (var value in model.Graph.Nodes.SelectMany(node => node.Outputs))
        {
            value!.Type = OnnxElementType.Undefined;
            value.Shape = null;
        }
        ShapeInference.Run(model);
        Assert.Equal(expected, model.ToString());
    }

    /// <summary>A graph with most of the operators that models here use.</summary>
    internal static OnnxModel Various()
    {
        var b = new GraphBuilder();
        var x = b.Input("x", OnnxElementType.Float32, "batch", "time", 8);
        var weight = b.Initializer("weight", Weights(8, 8));
        var product = b.Output("matmul", b.Node("MatMul", x, weight));
        b.Output("gelu", b.Node("Gelu", x));
        b.Output("norm", b.Node("LayerNormalization", [x, b.Constant(Weights(8)), b.Constant(Weights(8))], Attributes(("axis", -1L))));
        b.Output("mean", b.Node(
            "ReduceMean", [b.Node("ReduceMean", [x, b.Ints(2)], Attributes(("keepdims", 0L))), b.Ints(1)], Attributes(("keepdims", 1L))));
        var shape = b.Node("Shape", x);
        var batch = b.Node("Gather", shape, b.Ints(0));
        var time = b.Node("Slice", shape, b.Ints(1), b.Ints(2));
        var split = b.Node("Reshape", product, b.Node("Concat", [batch, time, b.Ints(2), b.Ints(4)], Attributes(("axis", 0L))));
        var heads = b.Output("heads", b.Node("Transpose", [split], Attributes(("perm", new long[] { 0, 2, 1, 3 }))));
        b.Output(
            "merged", b.Node("Reshape", b.Node("Transpose", [heads], Attributes(("perm", new long[] { 0, 2, 1, 3 }))), b.Ints(0, 0, -1)));
        b.Output("ones", b.Node(
            "ConstantOfShape", [b.Node("Concat", [batch, time], Attributes(("axis", 0L)))],
            new Dictionary<string, OnnxAttribute> { ["value"] = TensorData.Of<float>([1], 1) }));
        var channels = b.Node("Transpose", [x], Attributes(("perm", new long[] { 0, 2, 1 })));
        var conv = b.Node("Conv", [channels, b.Initializer("kernel", Weights(6, 8, 3)), null], Attributes(
            ("pads", new long[] { 1, 1 }), ("strides", new long[] { 2 })));
        b.Output("conv", b.Node("Transpose", [conv], Attributes(("perm", new long[] { 0, 2, 1 }))));
        b.Output("padded", b.Node("Pad", [weight, b.Ints(1, 0, 2, 3), b.Constant(0f)], Attributes(("mode", "constant"))));
        b.Output("slice", b.Node("Slice", weight, b.Ints(7, 1), b.Ints(-99, 6), b.Ints(0, 1), b.Ints(-2, 2)));
        var parts = b.Nodes("Split", [x], 2, new Dictionary<string, OnnxAttribute> { ["axis"] = -1L, ["num_outputs"] = 2L });
        b.Output("where", b.Node("Where", b.Node("Less", parts[0], parts[1]), parts[0], b.Constant(0f)));
        b.Output("cast", b.Node("Cast", [b.Node("Unsqueeze", parts[0], b.Ints(0, -1))], Attributes(("to", (long)OnnxElementType.Int32))));
        b.Output("squeezed", b.Node("Squeeze", b.Node("Unsqueeze", parts[1], b.Ints(1)), b.Ints(1)));
        b.Output("softmax", b.Node("Softmax", x));
        b.Output("expanded", b.Node("Expand", b.Constant(Weights(8)), shape));
        b.Output("range", b.Node("Range", b.Constant(1L), b.Constant(10L), b.Constant(2L)));
        var sequence = b.Node("Transpose", [x], Attributes(("perm", new long[] { 1, 0, 2 })));
        var lstm = b.Nodes("LSTM", [sequence, b.Initializer("lstm_w", Weights(2, 20, 8)), b.Initializer("lstm_r", Weights(2, 20, 5))], 3,
            new Dictionary<string, OnnxAttribute> { ["hidden_size"] = 5L, ["direction"] = "bidirectional" });
        b.Output("lstm", lstm[0]);
        b.Output("lstm_h", lstm[1]);
        b.Output("lstm_c", lstm[2]);
        var quantised = b.Nodes("DynamicQuantizeLinear", [x], 3);
        b.Output("integers", b.Node(
            "MatMulInteger", quantised[0], b.Initializer("q", new TensorData(OnnxElementType.UInt8, [8, 3], new byte[24])), quantised[2]));
        b.Output("gemm", b.Node("Gemm", [weight, weight, b.Constant(Weights(8))], Attributes(("transB", 1L))));
        return b.Build();
    }

    internal static Dictionary<string, OnnxAttribute> Attributes(params (string Name, OnnxAttribute Value)[] attributes) =>
        attributes.ToDictionary(pair => pair.Name, pair => pair.Value);

    internal static TensorData Weights(params long[] shape)
    {
        var random = new Random((int)shape.Sum() + shape.Length);
        var elements = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (int i = 0; i < elements.Length; i++) elements[i] = random.NextSingle() - 0.5f;
        return TensorData.Of<float>(elements, shape);
    }
}
