using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;
using static Earshot.Onnx.Tests.Graph.InferenceTests;
using static Earshot.Onnx.Tests.Passes.PassTest;

namespace Earshot.Onnx.Tests.Passes;

public sealed class CleaningTests
{
    [Fact]
    public void Arithmetic_on_constants_is_folded()
    {
        var left = Apply(new ConstantFolding(), b =>
        {
            var sum = b.Node("Sqrt", b.Node("Add", b.Constant(TensorData.Of<float>([1, 2, 3], 3)), b.Constant(3f)));
            var power = b.Node("Pow", b.Node("Div", sum, b.Constant(2f)), b.Constant(3f));
            b.Output("y", b.Node("Mul", b.Input("x", OnnxElementType.Float32, "batch", 3), power));
        });
        Assert.Equal("Mul", left);
    }

    [Fact]
    public void Movements_of_constants_are_folded()
    {
        var left = Apply(new ConstantFolding(), b =>
        {
            var w = b.Constant(Weights(4, 6));
            var moved = b.Node("Transpose", [b.Node("Slice", w, b.Ints(3, 0), b.Ints(-5, 5), b.Ints(0, 1), b.Ints(-1, 2))], With(
                "perm", new long[] { 1, 0 }));
            var joined = b.Node("Concat", [moved, b.Node("Gather", [moved, b.Ints(-1, 0)], With("axis", 0L))], With("axis", 0L));
            var expanded = b.Node("Expand", b.Node("Unsqueeze", joined, b.Ints(0)), b.Ints(2, 1, 1));
            b.Output("y", b.Node("Add", b.Input("x", OnnxElementType.Float32, 2, 5, 4), expanded));
        });
        Assert.Equal("Add", left);
    }

    [Fact]
    public void Known_dimensions_of_a_dynamic_shape_are_folded()
    {
        var left = Apply(new ConstantFolding(), b =>
        {
            var x = FeatureCount(b);
            var size = b.Node("Gather", b.Node("Shape", x), b.Ints(2));
            var half = b.Node("Div", size, b.Ints(2));
            b.Output("y", b.Node("Reshape", x, b.Node("Concat", [b.Ints(0, 0), half, b.Ints(2)], With("axis", 0L))));
        });
        Assert.Equal("Reshape", left);
    }

    [Fact]
    public void Dimensions_that_are_not_known_are_not_folded()
    {
        var left = Apply(new ConstantFolding(), b =>
        {
            var x = FeatureCount(b);
            b.Output("y", b.Node("Gather", b.Node("Shape", x), b.Ints(1)));
        });
        Assert.Equal("Gather Shape", left);
    }

    [Fact]
    public void Constants_that_would_grow_are_not_folded()
    {
        var left = Apply(new ConstantFolding(), b => b.Output(
            "y", b.Node("Add", b.Input("x", OnnxElementType.Float32, 1), b.Node("Expand", b.Constant(1f), b.Ints(200, 200)))));
        Assert.Equal("Add Expand", left);
    }

    [Fact]
    public void Division_by_zero_is_left_to_the_runtime()
    {
        var builder = new GraphBuilder();
        builder.Output(
            "y", builder.Node("Add", builder.Input("x", OnnxElementType.Int64, 1), builder.Node("Div", builder.Ints(1), builder.Ints(0))));
        Assert.Equal(0, new ConstantFolding().Run(builder.Build()).Changes);
    }

    [Fact]
    public void Constants_are_folded_inside_branches_too()
    {
        var left = Apply(new ConstantFolding(), b =>
        {
            var x = FeatureCount(b);
            var then = b.Subgraph(
                "then", inner => inner.Graph.AddOutput(inner.Node("Mul", x, inner.Node("Add", inner.Constant(1f), inner.Constant(2f)))));
            var otherwise = b.Subgraph("else", inner => inner.Graph.AddOutput(inner.Node("Neg", x)));
            b.Output("y", b.Node(
                "If", [b.Input("flag", OnnxElementType.Bool)],
                new Dictionary<string, OnnxAttribute> { ["then_branch"] = then, ["else_branch"] = otherwise }));
        }, out var model);
        Assert.Equal("If", left);
        Assert.Equal(["Neg", "Mul"], model.Graph.Nodes[0].Subgraphs.Select(graph => Assert.Single(graph.Nodes).OpType));
    }

    [Fact]
    public void Unread_nodes_and_initializers_go_and_inputs_stay()
    {
        var left = Apply(new DeadNodes(), b =>
        {
            var x = FeatureCount(b);
            b.Input("unread", OnnxElementType.Float32, 1);
            b.Node("MatMul", x, b.Initializer("w", Weights(8, 8)));
            b.Output("y", b.Node("Relu", x));
        }, out var model);
        Assert.Equal("Relu", left);
        Assert.Empty(model.Graph.Initializers);
        Assert.Equal(2, model.Graph.Inputs.Count);
    }

    [Fact]
    public void Nodes_that_change_nothing_go()
    {
        var left = Apply(new RedundantNodes(), b =>
        {
            var x = b.Node("Relu", FeatureCount(b));
            var same = b.Node("Cast", [b.Node("Identity", x)], With("to", OnnxElementType.Float32));
            same = b.Node("Mul", b.Node("Add", same, b.Constant(0f)), b.Constant(1f));
            same = b.Node("Reshape", b.Node("Transpose", [same], With("perm", new long[] { 0, 1, 2 })), b.Ints(0, 0, 8));
            same = b.Nodes("Dropout", [same], 1)[0];
            b.Output("y", b.Node("Neg", same));
        });
        Assert.Equal("Neg Relu", left);
    }

    [Fact]
    public void Pairs_of_movements_become_one_or_none()
    {
        var left = Apply(new RedundantNodes(), b =>
        {
            var x = b.Node("Relu", FeatureCount(b));
            var back = b.Node(
                "Transpose", [b.Node("Transpose", [x], With("perm", new long[] { 1, 0, 2 }))], With("perm", new long[] { 1, 0, 2 }));
            b.Output("none", b.Node("Neg", back));
            b.Output("one", b.Node(
                "Transpose", [b.Node("Transpose", [x], With("perm", new long[] { 1, 2, 0 }))], With("perm", new long[] { 0, 2, 1 })));
            b.Output("flat", b.Node("Reshape", b.Node("Reshape", x, b.Ints(0, 0, 2, 4)), b.Ints(-1, 8)));
            b.Output("cast", b.Node(
                "Cast", [b.Node("Cast", [b.Node("Cast", [x], With("to", OnnxElementType.Float16))], With("to", OnnxElementType.Float32))],
                With("to", OnnxElementType.Float16)));
        });
        // The merged transpose of the first pair changes nothing, and goes when it is looked at again.
        Assert.Equal("Cast Neg Relu Reshape Transpose Transpose", left);
    }

    [Fact]
    public void A_cast_through_less_stays()
    {
        Assert.Equal("Cast Cast Neg Relu", Apply(new RedundantNodes(), b =>
        {
            var x = b.Node("Relu", FeatureCount(b));
            b.Output("y", b.Node(
                "Neg", b.Node("Cast", [b.Node("Cast", [x], With("to", OnnxElementType.Float16))], With("to", OnnxElementType.Float32))));
        }));
    }

    [Fact]
    public void What_looks_neutral_and_broadcasts_stays()
    {
        Assert.Equal("Add", Apply(
            new RedundantNodes(),
            b => b.Output("y", b.Node("Add", b.Input("x", OnnxElementType.Float32, 3), b.Constant(TensorData.Of<float>([0], 1, 1))))));
        Assert.Equal("Sub", Apply(
            new RedundantNodes(), b => b.Output("y", b.Node("Sub", b.Constant(0f), b.Input("x", OnnxElementType.Float32, 3)))));
    }

    [Fact]
    public void An_input_that_is_returned_keeps_its_identity()
    {
        Assert.Equal("Identity", Apply(new RedundantNodes(), b => b.Output("y", b.Node("Identity", FeatureCount(b)))));
    }

    [Fact]
    public void A_reshape_that_copies_a_dimension_keeps_the_one_before_it()
    {
        Assert.Equal("Reshape Reshape", Apply(new RedundantNodes(), b =>
        {
            var x = b.Input("x", OnnxElementType.Float32, 2, 12);
            b.Output("y", b.Node("Reshape", b.Node("Reshape", x, b.Ints(3, 8)), b.Ints(0, 4, 2)));
        }));
    }
}
