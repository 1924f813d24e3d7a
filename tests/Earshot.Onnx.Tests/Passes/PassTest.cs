using Earshot.Onnx.Graph;
using Earshot.Onnx.Passes;

namespace Earshot.Onnx.Tests.Passes;

/// <summary>Builds a graph, applies a pass, counts what is left, and compares what both compute.</summary>
static class PassTest
{
    /// <summary>The operators left, sorted, after the pass; asserts that the outputs are the same.</summary>
    public static string Apply(
        GraphPass pass, Action<GraphBuilder> build, OptimizationOptions? options = null, long operatorSet = 20, float tolerance = 1e-5f) =>
        Apply(pass, build, out _, options, operatorSet, tolerance);

    public static string Apply(
        GraphPass pass, Action<GraphBuilder> build, out OnnxModel model, OptimizationOptions? options = null, long operatorSet = 20,
        float tolerance = 1e-5f)
    {
        var builder = new GraphBuilder("main", operatorSet);
        build(builder);
        model = builder.Build();
        var before = model.ToBytes();
        var text = model.ToString();
        var report = pass.Run(model, options);
        Assert.Equal(report.Changes == 0, text == model.ToString());
        // What is left over by the pass is for the dead nodes pass.
        new DeadNodes().Run(model);
        ModelRunner.AssertSame(before, model, tolerance, new() { ["batch"] = 2, ["time"] = 5 });
        return string.Join(' ', model.Graph.Nodes.Select(node => node.OpType).Order(StringComparer.Ordinal));
    }

    public static GraphValue FeatureCount(GraphBuilder builder, long size = 8) =>
        builder.Input("x", OnnxElementType.Float32, "batch", "time", size);

    public static Dictionary<string, OnnxAttribute> With(string name, OnnxAttribute value) => new() { [name] = value };
}
