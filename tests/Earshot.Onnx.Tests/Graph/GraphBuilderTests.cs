using Earshot.Onnx.Graph;
using static Earshot.Onnx.Tests.Graph.InferenceTests;

namespace Earshot.Onnx.Tests.Graph;

public sealed class GraphBuilderTests
{
    [Fact]
    public void Scopes_make_unique_names()
    {
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, 2);
        GraphValue one, two, three;
        using (builder.Scope("encoder"))
        {
            using (builder.Scope("layers.0")) one = builder.Node("Relu", x);
            using (builder.Scope("layers.0")) two = builder.Node("Relu", one);
        }
        three = builder.Node("Relu", two);
        Assert.Equal(["encoder/layers.0/Relu", "encoder/layers.0/Relu_1", "Relu"], builder.Graph.Nodes.Select(node => node.Name));
        Assert.Equal(3, new[] { one, two, three }.Select(value => value.Name).Distinct().Count());
        Assert.Throws<OnnxModelException>(() => builder.Input("x", OnnxElementType.Float32));
    }

    [Fact]
    public void An_input_or_constant_is_returned_through_an_identity()
    {
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, 2);
        builder.Output("y", x);
        builder.Output("z", x);
        Assert.Equal(["Identity", "Identity"], builder.Build().Graph.Nodes.Select(node => node.OpType));
    }

    [Fact]
    public void An_initializer_behind_a_reader_is_read_when_written()
    {
        int reads = 0;
        var lazy = TensorData.FromReader(OnnxElementType.Float32, [2, 2], (offset, destination) =>
        {
            reads++;
            for (int i = 0; i < destination.Length; i++) destination[i] = (byte)((offset + i) % 4 == 3 ? 0x3F : 0);
        });
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, "n", 2);
        builder.Output("y", builder.Node("MatMul", x, builder.Initializer("w", lazy)));
        Assert.Equal(0, reads);
        Assert.Equal(
            [0.5f, 0.5f, 0.5f, 0.5f], OnnxModel.Read(builder.Build().ToBytes()).Graph.Initializers[0].Initializer!.ToArray<float>());
    }

    [Fact]
    public void A_built_model_runs()
    {
        NativeRuntime.Require();
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, "n", 4);
        builder.Output("y", builder.Node(
            "Add", builder.Node("MatMul", x, builder.Initializer("w", Weights(4, 3))), builder.Initializer("b", Weights(3))));
        var model = builder.Build();
        Assert.Equal([5, 3], ModelRunner.Run(model, 1, new() { ["n"] = 5 })["y"].Shape);
    }
}
