using Earshot.Checkpoints;
using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Families;

/// <summary>The end-of-turn detector in the box, exported and beside the CPU backend.</summary>
public sealed class SmartTurnGraphTests
{
    [Fact]
    public async Task The_answer_is_the_cpu_backend_s()
    {
        NativeRuntime.Require();
        var folder = new ModelFolder(TestModels.InBox(BundledModels.SmartTurn));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        using var exported = ExportFolder.Of(model.Parts, weights, new GraphOptions { Target = GraphTarget.OnnxRuntime });
        using var expected = new CpuModelRuntime(model.Parts, weights);
        using var actual = exported.Open(model.Parts);
        var random = new Random(3);
        float[] features = [.. Enumerable.Range(0, 800 * 80).Select(_ => random.NextSingle())];
        using var want = await expected.RequireEncoder().EncodeAsync(features, 800, TestContext.Current.CancellationToken);
        using var got = await actual.RequireEncoder().EncodeAsync(features, 800, TestContext.Current.CancellationToken);
        Assert.Equal(1, got.Positions);
        Closeness.Check(want.Values.Span, got.Values.Span, 1e-3f, "log-odds");
    }
}
