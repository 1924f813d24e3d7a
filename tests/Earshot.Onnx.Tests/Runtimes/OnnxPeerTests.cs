using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Runtimes;

public sealed class OnnxPeerTests
{
    [Theory]
    [InlineData(GraphPrecision.Float32)]
    [InlineData(GraphPrecision.Int8)]
    public void Runs_windows_and_steps_again_and_again(GraphPrecision precision)
    {
        NativeRuntime.Require();
        using var peer = OnnxPeer.Create(
            SmallModel.Attending(), SmallModel.Weights(), new GraphOptions { Precision = precision }, threads: 1);
        Action[] runs =
        [
            peer.EncoderRun(200), peer.EncoderRun(200, crossKeys: true), peer.StepRun(), peer.StepRun(rows: 5, past: 10, positions: 100),
        ];
        foreach (var run in runs.Concat(runs)) run();
        Assert.Equal(["cpu"], peer.Encoder!.Providers.Used.Select(provider => provider.Name));
    }

    [Fact]
    public void Runs_models_of_other_parts()
    {
        NativeRuntime.Require();
        using var head = OnnxPeer.Create(SmallModel.WithHead(), SmallModel.Weights(SmallModel.Samples), new GraphOptions());
        using var listening = OnnxPeer.Create(SmallModel.Listening(), SmallModel.Weights(), new GraphOptions());
        Action[] runs = [head.EncoderRun(400), listening.EncoderRun(200), listening.StepRun(rows: 2)];
        foreach (var run in runs.Concat(runs)) run();
        Assert.Null(head.Decoder);
    }

    [Fact]
    public void The_runtime_s_optimiser_keeps_what_was_fused()
    {
        NativeRuntime.Require();
        var sizes = new SmallSizes();
        var path = Path.GetTempFileName();
        try
        {
            using (OnnxSession.FromBytes(
                new ModelGraphs("small", SmallModel.Attending(), SmallModel.Weights()).Encoder().ToBytes(),
                new OnnxSessionOptions { OptimizedModelPath = path })) { }
            var nodes = OnnxModel.Load(path).Graph.Nodes;
            Assert.Equal(sizes.EncoderLayers, nodes.Count(node => node.Is("MultiHeadAttention", "com.microsoft")));
            Assert.Equal(sizes.EncoderLayers, nodes.Count(node => node.Is("BiasGelu", "com.microsoft")));
            Assert.Equal(2 * sizes.EncoderLayers + 1, nodes.Count(node => node.Is("LayerNormalization")));
            Assert.DoesNotContain(nodes, node => node.OpType is "Softmax" or "Erf");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
