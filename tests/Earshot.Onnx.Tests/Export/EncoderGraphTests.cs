using Earshot.Checkpoints;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Tests.Export;

public sealed class EncoderGraphTests
{
    // Float32 sums in another order.
    const float Tolerance = 2e-4f;

    [Theory]
    [InlineData(GraphTarget.Portable, 80)]
    [InlineData(GraphTarget.Portable, 128)]
    [InlineData(GraphTarget.OnnxRuntime, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 128)]
    public void Any_batch_and_length_gives_what_the_cpu_backend_gives(GraphTarget target, int mels)
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config(mels);
        using var runtime = SmallWhisper.Runtime(config);
        using var session = OnnxSession.FromBytes(new WhisperGraphs(SmallWhisper.Weights(config), config, new GraphOptions { Target = target }).Encoder().ToBytes());
        foreach (var (batch, frames) in new[] { (1, 3000), (1, 2), (2, 500), (3, 264) })
        {
            var windows = Enumerable.Range(0, batch).Select(seed => SmallWhisper.Features(config, frames, seed)).ToArray();
            float[] input = [.. windows.SelectMany(window => SmallWhisper.BySize(window, frames))];
            using var features = OnnxValue.FromMemory<float>(input, batch, mels, frames);
            using var outputs = session.Run([(WhisperGraphs.InputFeatures, features)]);
            Assert.Equal([batch, config.DecoderAttentionHeads, frames / 2, config.DModel / config.DecoderAttentionHeads], outputs["present.1.encoder.key"].Shape.ToArray());
            float[] expected = [.. windows.SelectMany(window => runtime.EncodeToArray(window, frames))];
            Closeness.Check(expected, outputs[WhisperGraphs.LastHiddenState].Span<float>(), Tolerance, $"batch {batch}, {frames} frames:");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void The_real_model_gives_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        using var real = new WhisperBase();
        using var runtime = real.OpenRuntime();
        using var session = OnnxSession.FromBytes(new WhisperGraphs(real.Weights, real.Config, new GraphOptions { Target = target }).Encoder().ToBytes());
        var mel = WhisperBase.Features("jfk.wav", 3000);
        using var features = OnnxValue.FromMemory<float>(SmallWhisper.BySize(mel, 3000), 1, 80, 3000);
        using var outputs = session.Run([(WhisperGraphs.InputFeatures, features)], [WhisperGraphs.LastHiddenState]);
        Closeness.Check(runtime.EncodeToArray(mel, 3000), outputs[0].Span<float>(), Tolerance);
    }

    [Fact]
    public void A_portable_graph_has_no_operators_of_one_runtime()
    {
        var config = SmallWhisper.Config();
        foreach (var precision in new[] { GraphPrecision.Float32, GraphPrecision.Float16, GraphPrecision.Int8 })
        {
            var graphs = new WhisperGraphs(SmallWhisper.Weights(config), config, new GraphOptions { Target = GraphTarget.Portable, Precision = precision });
            foreach (var model in new[] { graphs.Encoder(), graphs.Decoder(), graphs.Decoder(WhisperShapes.GenerationFor(config).AlignmentHeads) })
            {
                Assert.Equal([""], model.Graph.Nodes.Select(node => node.Domain).Distinct());
                Assert.Equal([""], model.OperatorSets.Keys);
            }
        }
    }

    [Fact]
    public void Names_of_nodes_and_values_are_unique_and_begin_with_the_checkpoint_s_scopes()
    {
        var config = SmallWhisper.Config();
        var model = new WhisperGraphs(SmallWhisper.Weights(config), config).Decoder();
        var graph = model.Graph;
        string[] nodes = [.. graph.Nodes.Select(node => node.Name)];
        string[] values = [.. graph.Inputs.Concat(graph.Initializers).Concat(graph.Nodes.SelectMany(node => node.Outputs).OfType<Earshot.Onnx.Graph.GraphValue>()).Select(value => value.Name)];
        Assert.Equal(nodes.Length, nodes.Distinct().Count());
        Assert.Equal(values.Length, values.Distinct().Count());
        Assert.Contains("model.decoder.layers.1.fc1/MatMul", nodes);
        Assert.Contains("model.decoder.layers.1.fc1.weight", values);
    }

    [Fact]
    public void Blocks_cannot_be_portable()
    {
        var config = SmallWhisper.Config();
        var exception = Assert.Throws<ModelException>(() => new WhisperGraphs(SmallWhisper.Weights(config), config, new GraphOptions { Target = GraphTarget.Portable, Precision = GraphPrecision.Int4Blocks }).Encoder());
        Assert.Contains("MatMulNBits", exception.Message, StringComparison.Ordinal);
    }
}
