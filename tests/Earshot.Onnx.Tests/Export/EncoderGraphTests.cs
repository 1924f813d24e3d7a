using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Parts;

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
    public void Any_batch_and_length_gives_what_the_cpu_backend_gives(GraphTarget target, int inputs)
    {
        NativeRuntime.Require();
        var sizes = new SmallSizes { Inputs = inputs };
        var parts = SmallModel.Attending(sizes);
        using var runtime = new CpuModelRuntime(parts, SmallModel.Weights(sizes));
        using var session = OnnxSession.FromBytes(
            new ModelGraphs("small", parts, SmallModel.Weights(sizes), new GraphOptions { Target = target }).Encoder().ToBytes());
        foreach (var (batch, frames) in new[] { (1, 3000), (1, 2), (2, 500), (3, 264) })
        {
            var windows = Enumerable.Range(0, batch).Select(seed => SmallModel.Features(inputs, frames, seed)).ToArray();
            float[] input = [.. windows.SelectMany(window => SmallModel.BySize(window, frames))];
            using var features = OnnxValue.FromMemory<float>(input, batch, inputs, frames);
            using var outputs = session.Run([(GraphNames.InputFeatures, features)]);
            Assert.Equal(
                [batch, sizes.DecoderHeads, frames / 2, sizes.Width / sizes.DecoderHeads],
                outputs["present.1.encoder.key"].Shape.ToArray());
            float[] expected = [.. windows.SelectMany(window => SmallModel.Encoded(runtime, window, frames))];
            Closeness.Check(expected, outputs[GraphNames.LastHiddenState].Span<float>(), Tolerance, $"batch {batch}, {frames} frames:");
        }
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Samples_give_the_logits_that_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = SmallModel.WithHead();
        using var runtime = new CpuModelRuntime(parts, SmallModel.Weights(SmallModel.Samples));
        var model = new ModelGraphs("small", parts, SmallModel.Weights(SmallModel.Samples), new GraphOptions { Target = target }).Encoder();
        Assert.Equal(["input_values: Float32(batch, samples)"], model.Graph.Inputs.Select(input => input.ToString()));
        Assert.Equal(
            ["last_hidden_state: Float32(batch, positions, 64)", "logits: Float32(batch, positions, 29)"],
            model.Graph.Outputs.Select(output => output.ToString()));
        using var session = OnnxSession.FromBytes(model.ToBytes());
        float[][] windows = [SmallModel.Features(1, 800, 1), SmallModel.Features(1, 800, 2)];
        using var samples = OnnxValue.FromMemory<float>(windows.SelectMany(window => window).ToArray(), 2, 800);
        using var outputs = session.Run([(GraphNames.InputValues, samples)]);
        float[] expected = [.. windows.SelectMany(
            window => runtime.RequireEncoder().EncodeAsync(window, 800).AsTask().GetAwaiter().GetResult().Values.ToArray())];
        Closeness.Check(expected, outputs[GraphNames.Logits].Span<float>(), Tolerance);
    }

    [Fact]
    public void A_projector_s_embeddings_are_an_output_and_no_memory_is()
    {
        var model = new ModelGraphs("small", SmallModel.Listening(), SmallModel.Weights()).Encoder();
        Assert.Equal(
            ["last_hidden_state: Float32(batch, positions, 64)", "embeddings: Float32(batch, embedding_positions, 64)"],
            model.Graph.Outputs.Select(output => output.ToString()));
    }

    [Fact]
    public void A_portable_graph_has_no_operators_of_one_runtime()
    {
        foreach (var precision in new[] { GraphPrecision.Float32, GraphPrecision.Float16, GraphPrecision.Int8 })
        {
            var options = new GraphOptions { Target = GraphTarget.Portable, Precision = precision };
            var parts = SmallModel.Attending();
            var attending = new ModelGraphs("small", parts, SmallModel.Weights(), options);
            var listening = new ModelGraphs("small", SmallModel.Listening(), SmallModel.Weights(), options);
            var models = new[]
            {
                attending.Encoder(),
                attending.Decoder(),
                attending.Decoder(parts.Decoder!.Shape.AlignmentHeads),
                listening.Encoder(),
                listening.Embedding(),
                listening.Decoder(),
            };
            foreach (var model in models)
            {
                Assert.Equal([""], model.Graph.Nodes.Select(node => node.Domain).Distinct());
                Assert.Equal([""], model.OperatorSets.Keys);
            }
        }
    }

    [Fact]
    public void Names_of_nodes_and_values_are_unique_and_begin_with_the_checkpoint_s_scopes()
    {
        var graph = new ModelGraphs("small", SmallModel.Attending(), SmallModel.Weights()).Decoder().Graph;
        string[] nodes = [.. graph.Nodes.Select(node => node.Name)];
        string[] values = [.. graph.Inputs.Concat(graph.Initializers)
            .Concat(graph.Nodes.SelectMany(node => node.Outputs).OfType<Earshot.Onnx.Graph.GraphValue>()).Select(value => value.Name)];
        Assert.Equal("small_decoder", graph.Name);
        Assert.Equal(nodes.Length, nodes.Distinct().Count());
        Assert.Equal(values.Length, values.Distinct().Count());
        Assert.Contains("decoder.layers.1.fc1/MatMul", nodes);
        Assert.Contains("decoder.layers.1.fc1.weight", values);
    }

    [Fact]
    public void Blocks_cannot_be_portable()
    {
        var options = new GraphOptions { Target = GraphTarget.Portable, Precision = GraphPrecision.Int4Blocks };
        var exception = Assert.Throws<ModelException>(
            () => new ModelGraphs("small", SmallModel.Attending(), SmallModel.Weights(), options).Encoder());
        Assert.Contains("MatMulNBits", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_a_part_that_is_not_there_is_refused()
    {
        var exception = Assert.Throws<ModelException>(
            () => new ModelGraphs("small", SmallModel.WithHead(), SmallModel.Weights(SmallModel.Samples)).Decoder());
        Assert.Contains("'small' has no decoder", exception.Message, StringComparison.Ordinal);
    }
}
