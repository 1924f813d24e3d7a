using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;
using Earshot.Onnx.Runtime;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Runner;

public sealed class OnnxPeerTests
{
    [Theory]
    [InlineData(GraphPrecision.Float32)]
    [InlineData(GraphPrecision.Int8)]
    public void Runs_windows_and_steps_again_and_again(GraphPrecision precision)
    {
        NativeRuntime.Require();
        using var peer = OnnxPeer.Create(SmallWhisper.Config(), new GraphOptions { Precision = precision }, threads: 1);
        Action[] runs = [peer.EncoderRun(200), peer.StepRun(), peer.StepRun(rows: 5, past: 10, positions: 100)];
        foreach (var run in runs.Concat(runs)) run();
        Assert.Equal(["cpu"], peer.Encoder.Providers.Used.Select(provider => provider.Name));
    }

    [Fact]
    public void The_runtime_s_optimiser_keeps_what_was_fused()
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config();
        var path = Path.GetTempFileName();
        try
        {
            using (OnnxSession.FromBytes(new WhisperGraphs(SmallWhisper.Weights(config), config).Encoder().ToBytes(), new OnnxSessionOptions { OptimizedModelPath = path })) { }
            var nodes = OnnxModel.Load(path).Graph.Nodes;
            Assert.Equal(config.EncoderLayers, nodes.Count(node => node.Is("MultiHeadAttention", "com.microsoft")));
            Assert.Equal(config.EncoderLayers, nodes.Count(node => node.Is("BiasGelu", "com.microsoft")));
            Assert.Equal(2 * config.EncoderLayers + 1, nodes.Count(node => node.Is("LayerNormalization")));
            Assert.DoesNotContain(nodes, node => node.OpType is "Softmax" or "Erf");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
