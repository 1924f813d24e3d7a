using Earshot.Compute.Quantization;
using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Parts;
using static Earshot.Onnx.Tests.Graph.InferenceTests;

namespace Earshot.Onnx.Tests.Passes;

public sealed class OptimizationPipelineTests
{
    [Theory]
    [InlineData(OptimizationTarget.Portable)]
    [InlineData(OptimizationTarget.OnnxRuntime)]
    public void Silero_computes_the_same_with_fewer_nodes(OptimizationTarget target)
    {
        var path = RealModels.Silero();
        var model = OnnxModel.Load(path);
        int before = Count(model);
        var reports = OptimizationPipeline.Run(model, new OptimizationOptions { Target = target });
        foreach (var report in reports) TestContext.Current.SendDiagnosticMessage(report.ToString());
        TestContext.Current.SendDiagnosticMessage($"{before} nodes became {Count(model)}.");
        Assert.True(Count(model) < before);
        Assert.Contains(model.Graph.SelfAndSubgraphs(), graph => graph != model.Graph);
        Assert.All(model.OperatorSets.Keys, domain => Assert.True(domain.Length == 0 || target == OptimizationTarget.OnnxRuntime
            || model.Graph.SelfAndSubgraphs().All(graph => graph.Nodes.All(node => node.Domain.Length == 0))));
        foreach (long batch in (long[])[1, 3])
        {
            ModelRunner.AssertSame(File.ReadAllBytes(path), model, sizes: new() { ["input"] = 576, ["?"] = batch });
        }
    }

    [Fact]
    public void An_exported_encoder_computes_the_same_with_fewer_nodes()
    {
        var bytes = new ModelGraphs(
            "small", SmallModel.Attending(), SmallModel.Weights(), new GraphOptions { Target = GraphTarget.Portable }).Encoder().ToBytes();
        var model = OnnxModel.Read(bytes);
        int before = Count(model);
        OptimizationPipeline.Run(model, new OptimizationOptions { Target = OptimizationTarget.OnnxRuntime });
        Assert.True(Count(model) < before, $"{before} nodes became {Count(model)}");
        foreach (long frames in (long[])[300, 3000])
            ModelRunner.AssertSame(bytes, model, 1e-4f, new() { ["batch"] = 2, ["frames"] = frames });
    }

    [Fact]
    public void A_transformer_block_becomes_what_it_means()
    {
        var bytes = Block().ToBytes();
        var model = OnnxModel.Read(bytes);
        var reports = OptimizationPipeline.Run(model);
        Assert.Equal("Add Add Add Gelu LayerNormalization MatMul MatMul MatMul MatMul MatMul MatMul MultiHeadAttention", Operators(model));
        Assert.Equal("gelu fusion: 1 change (erf form 1)", reports.First(report => report.Pass == "gelu fusion").ToString());
        ModelRunner.AssertSame(bytes, model, 1e-5f, new() { ["batch"] = 2, ["time"] = 7 });
        // A second run finds nothing more to do.
        Assert.All(OptimizationPipeline.Run(model), report => Assert.Equal(0, report.Changes));
    }

    [Fact]
    public void Weights_that_graphs_cannot_hold_are_refused()
    {
        foreach (var format in (WeightFormat[])[
            WeightFormat.F16, WeightFormat.Nf4, WeightFormat.Int8Outliers, WeightFormat.Integers(8, 48), WeightFormat.Integers(4, 0),
        ])
            Assert.Contains(
                $"cannot be stored as {format}", Assert.Throws<OnnxModelException>(() =>
                    OptimizationPipeline.Run(Block(), new OptimizationOptions { Weights = format })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transformer_block_is_quantised_and_halved()
    {
        var bytes = Block().ToBytes();
        var int4 = OnnxModel.Read(bytes);
        OptimizationPipeline.Run(int4, new OptimizationOptions { Weights = WeightFormat.Int8Group32, QuantizesWeight = (_, _) => true });
        Assert.Contains("MatMulNBits", Operators(int4), StringComparison.Ordinal);
        ModelRunner.AssertSame(bytes, int4, 0.05f, new() { ["batch"] = 2, ["time"] = 7 });
        var half = OnnxModel.Read(bytes);
        OptimizationPipeline.Run(half, new OptimizationOptions { Float16 = true });
        ModelRunner.AssertSame(bytes, half, 5e-3f, new() { ["batch"] = 2, ["time"] = 7 });
        Assert.True(half.ToBytes().Length < bytes.Length * 0.7);
    }

    [Fact]
    public void Cancellation_stops_the_passes() =>
        Assert.Throws<OperationCanceledException>(
            () => OptimizationPipeline.Run(Block(), cancellationToken: new CancellationToken(canceled: true)));

    static int Count(OnnxModel model) => model.Graph.SelfAndSubgraphs().Sum(graph => graph.Nodes.Count);

    static string Operators(OnnxModel model) =>
        string.Join(' ', model.Graph.Nodes.Select(node => node.OpType).Order(StringComparer.Ordinal));

    /// <summary>A block as exporters write it: everything in parts, constants from nodes, shapes computed.</summary>
    static OnnxModel Block()
    {
        var b = new GraphBuilder();
        var x = b.Input("x", OnnxElementType.Float32, "batch", "time", 16);
        GraphValue Linear(GraphValue input, params long[] shape) => b.Node(
            "MatMul", input, b.Node("Transpose", [b.Constant(Weights(shape[1], shape[0]))], Attributes(("perm", new long[] { 1, 0 }))));
        GraphValue Number(float number) => b.Node("Constant", [], Attributes(("value_float", number)));
        GraphValue Heads(GraphValue input) => b.Node(
            "Transpose", [
                b.Node("Reshape", input, b.Node(
                    "Concat", [b.Ints(0, 0), b.Node("Div", b.Node("Gather", b.Node("Shape", input), b.Ints(2)), b.Ints(8)), b.Ints(8)],
                    Attributes(("axis", 0L))))
            ], Attributes(("perm", new long[] { 0, 2, 1, 3 })));
        var keys = b.Node("Transpose", [Heads(Linear(x, 16, 16))], Attributes(("perm", new long[] { 0, 1, 3, 2 })));
        var logits = b.Node("Mul", b.Node("MatMul", Heads(Linear(x, 16, 16)), keys), Number(0.35355339f));
        var mixed = b.Node("MatMul", b.Node("Softmax", logits), Heads(Linear(x, 16, 16)));
        var attention = b.Node("Reshape", b.Node("Transpose", [mixed], Attributes(("perm", new long[] { 0, 2, 1, 3 }))), b.Ints(0, 0, 16));
        var h = b.Node("Add", x, Linear(attention, 16, 16));
        var centred = b.Node("Sub", h, b.Node("ReduceMean", h, b.Ints(-1)));
        var variance = b.Node("ReduceMean", b.Node("Pow", centred, Number(2)), b.Ints(-1));
        var norm = b.Node(
            "Add", b.Node("Mul", b.Node("Div", centred, b.Node("Sqrt", b.Node("Add", variance, Number(1e-5f)))), b.Constant(Weights(16))),
            b.Constant(Weights(16)));
        var fc1 = b.Node("Add", Linear(norm, 16, 64), b.Constant(Weights(64)));
        var gelu = b.Node(
            "Mul", b.Node("Mul", fc1, b.Node("Add", b.Node("Erf", b.Node("Div", fc1, Number(1.41421356f))), Number(1))), Number(0.5f));
        b.Output("y", b.Node("Identity", b.Node("Add", h, Linear(gelu, 64, 16))));
        return b.Build();
    }
}
