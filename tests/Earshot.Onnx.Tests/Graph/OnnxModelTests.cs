using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Tests.Graph;

public sealed class OnnxModelTests
{
    [Fact]
    public void Silero_survives_reading_and_writing()
    {
        var path = TestData.Require("models/silero-vad/silero_vad.onnx");
        var model = OnnxModel.Load(path);
        var bytes = model.ToBytes();
        var again = OnnxModel.Read(bytes);
        Assert.Equal(model.ToString(), again.ToString());
        Assert.Equal(bytes, again.ToBytes());
        Assert.Contains(model.Graph.SelfAndSubgraphs(), graph => graph != model.Graph);
        foreach (var (one, other) in Initializers(model).Zip(Initializers(again)))
        {
            Assert.Equal(one.Name, other.Name);
            Assert.True(one.Initializer!.ContentEquals(other.Initializer!), one.Name);
        }
        ModelRunner.AssertSame(File.ReadAllBytes(path), again, tolerance: 0, new() { ["input"] = 576 });
    }

    [Fact]
    public void Text_is_one_line_a_node()
    {
        var model = Branching();
        Assert.Equal("""
            opset 20
            graph main(x: Float32(batch, 3), flag: Bool()) -> (y: Float32(batch, 3))
              two = Float32() {2}
              If_out: Float32(batch, 3) = If[else_branch=graph else, then_branch=graph then](flag)
                graph else() -> (Neg_out: Float32(batch, 3))
                  Neg_out: Float32(batch, 3) = Neg(x)
                graph then() -> (Mul_out: Float32(batch, 3))
                  Mul_out: Float32(batch, 3) = Mul(x, two)
              y: Float32(batch, 3) = Identity(If_out)

            """.ReplaceLineEndings("\n"), model.ToString());
    }

    [Fact]
    public void Values_know_their_producer_and_all_their_uses()
    {
        var model = Branching();
        var x = model.Graph.Inputs[0];
        Assert.Equal(["Neg", "Mul"], x.Uses.Select(use => use.Node.OpType).OrderDescending());
        var chosen = model.Graph.Nodes[0];
        Assert.Same(chosen, chosen.Output.Producer);
        Assert.Equal(["If", "Identity"], model.Graph.Nodes.Select(node => node.OpType));
        Assert.Throws<OnnxModelException>(() => model.Graph.Remove(chosen));
    }

    [Fact]
    public void Removing_a_node_lets_go_of_what_its_branches_read()
    {
        var model = Branching();
        var x = model.Graph.Inputs[0];
        var chosen = model.Graph.Nodes[0];
        model.Graph.Nodes[1].SetInput(0, x);
        model.Graph.Remove(chosen);
        Assert.Equal("Identity", Assert.Single(x.Uses).Node.OpType);
    }

    [Fact]
    public void A_returned_value_that_is_replaced_hands_its_name_on()
    {
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, 2);
        var relu = builder.Node("Relu", x);
        builder.Output("y", builder.Node("Identity", relu));
        var model = builder.Build();
        var identity = model.Graph.Nodes[1];
        Assert.False(OnnxGraph.CanReplace(identity.Output, x));
        OnnxGraph.Replace(identity.Output, relu);
        model.Graph.Remove(identity);
        Assert.Equal("opset 20\ngraph main(x: Float32(2)) -> (y: Float32(2))\n  y: Float32(2) = Relu(x)\n", model.ToString());
    }

    [Fact]
    public void Unknown_fields_are_written_again()
    {
        // A model with field 100, its graph with field 101, its node with field 102: all varints of 7.
        byte[] node = [.. Field(1, "x"u8), .. Field(2, "y"u8), .. Field(4, "Relu"u8), 0xB0, 0x06, 7];
        byte[] input = [.. Field(1, "x"u8), .. Field(2, Field(1, [0x08, 1]))];
        byte[] output = [.. Field(1, "y"u8), .. Field(2, Field(1, [0x08, 1]))];
        byte[] graph = [.. Field(1, node), .. Field(2, "g"u8), .. Field(11, input), .. Field(12, output), 0xA8, 0x06, 7];
        byte[] model = [0x08, 10, .. Field(7, graph), .. Field(8, [0x10, 20]), 0xA0, 0x06, 7];
        Assert.Equal(model, OnnxModel.Read(model).ToBytes());
    }

    [Fact]
    public void External_data_is_referred_to_and_read_when_asked_for()
    {
        using var folder = new TemporaryFolder();
        var weights = Enumerable.Range(0, 5000).Select(i => (float)i).ToArray();
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, "batch", 50);
        builder.Output("y", builder.Node("MatMul", x, builder.Initializer("w", TensorData.Of<float>(weights, 50, 100))));
        var model = builder.Build();
        var path = folder.File("model.onnx");
        model.Save(path, new OnnxSaveOptions { ExternalThreshold = 1000 });
        Assert.True(new FileInfo(path).Length < 1000);
        Assert.Equal(20_000, new FileInfo(path + ".data").Length);
        Assert.Equal(2, Directory.GetFiles(Path.GetDirectoryName(path)!).Length);

        var again = OnnxModel.Load(path);
        var tensor = again.Graph.Initializers[0].Initializer!;
        Assert.False(tensor.IsInMemory);
        Assert.Equal(path + ".data", tensor.File);
        Assert.Equal(weights, tensor.ToArray<float>());
        // Saved beside itself, the weights stay where they are; with a new name they are copied.
        again.Save(folder.File("copy.onnx"));
        Assert.False(File.Exists(folder.File("copy.onnx.data")));
        ModelRunner.AssertSame(model.ToBytes(), OnnxModel.Load(folder.File("copy.onnx")));
        again.Save(path, new OnnxSaveOptions { ExternalThreshold = 1000 });
        Assert.Equal(weights, OnnxModel.Load(path).Graph.Initializers[0].Initializer!.ToArray<float>());

        NativeRuntime.Require();
        using var session = Earshot.Onnx.Native.OnnxSession.FromFile(path);
        Assert.Equal("y: Float32(batch, 100)", session.Outputs[0].ToString());
    }

    [Fact]
    public void Nodes_out_of_order_are_sorted()
    {
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, 2);
        var relu = builder.Node("Relu", x);
        var neg = builder.Node("Neg", relu);
        builder.Output("y", neg);
        var model = builder.Build();
        var late = model.Graph.AddNode(new NodeSpec("Abs", [x], ["late"]));
        neg.Producer!.SetInput(0, late.Output);
        Assert.Equal(["Relu", "Neg", "Abs"], model.Graph.Nodes.Select(node => node.OpType));
        model.Graph.Sort();
        Assert.Equal(["Relu", "Abs", "Neg"], model.Graph.Nodes.Select(node => node.OpType));
    }

    internal static OnnxModel Branching()
    {
        var builder = new GraphBuilder();
        var x = builder.Input("x", OnnxElementType.Float32, "batch", 3);
        var flag = builder.Input("flag", OnnxElementType.Bool);
        var two = builder.Initializer("two", TensorData.Scalar(2f));
        var then = builder.Subgraph("then", inner => inner.Graph.AddOutput(inner.Node("Mul", x, two)));
        var otherwise = builder.Subgraph("else", inner => inner.Graph.AddOutput(inner.Node("Neg", x)));
        var chosen = builder.Node(
            "If", [flag], new Dictionary<string, OnnxAttribute> { ["then_branch"] = then, ["else_branch"] = otherwise });
        builder.Output("y", builder.Node("Identity", chosen));
        return builder.Build();
    }

    internal static byte[] Field(int number, ReadOnlySpan<byte> content) => [(byte)(number << 3 | 2), (byte)content.Length, .. content];

    static IEnumerable<GraphValue> Initializers(OnnxModel model) => model.Graph.SelfAndSubgraphs().SelectMany(graph => graph.Initializers);
}
