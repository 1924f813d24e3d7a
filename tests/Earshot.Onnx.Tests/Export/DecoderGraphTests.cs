using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Export;

public sealed class DecoderGraphTests
{
    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task Rows_of_several_windows_each_attend_to_their_own(GraphTarget target)
    {
        NativeRuntime.Require();
        const int windows = 2, rowsEach = 2, frames = 120;
        var (sizes, parts) = (new SmallSizes(), SmallModel.Attending());
        var graphs = new ModelGraphs("small", parts, SmallModel.Weights(), new GraphOptions { Target = target });
        using var encoder = OnnxSession.FromBytes(graphs.Encoder().ToBytes());
        using var decoder = OnnxSession.FromBytes(graphs.Decoder().ToBytes());
        float[][] features = [SmallModel.Features(80, frames, 1), SmallModel.Features(80, frames, 2)];
        using var input = OnnxValue.FromMemory<float>(
            features.SelectMany(window => SmallModel.BySize(window, frames)).ToArray(), windows, 80, frames);
        using var encoded = encoder.Run([(GraphNames.InputFeatures, input)]);
        int[][] prompts = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]];
        using var outputs = RunPrompts(decoder, encoded, prompts, sizes.DecoderLayers);

        using var runtime = new CpuModelRuntime(parts, SmallModel.Weights());
        var logits = outputs[GraphNames.Logits].ToArray<float>();
        var expected = new float[3 * sizes.Vocabulary];
        for (int row = 0; row < prompts.Length; row++)
        {
            using var audio = await runtime.RequireEncoder().EncodeAsync(features[row / rowsEach], frames);
            using var alone = await runtime.RequireDecoder().BeginAsync(audio, 1);
            await alone.PromptAsync(prompts[row], new[] { 0, 1, 2 }, expected);
            Closeness.Check(expected, logits.AsSpan(row * expected.Length, expected.Length), 2e-4f, $"row {row}:");
        }
    }

    [Fact]
    public void Inputs_and_outputs_are_named_as_optimum_names_them_and_leave_sizes_open()
    {
        var sizes = new SmallSizes { DecoderLayers = 1 };
        var model = new ModelGraphs(
            "small", SmallModel.Attending(sizes), SmallModel.Weights(sizes), new GraphOptions { Target = GraphTarget.Portable }).Decoder();
        Assert.Equal(
            ["input_ids: Int64(batch, sequence)",
             "past_key_values.0.decoder.key: Float32(batch, 4, past_length, 16)",
                "past_key_values.0.decoder.value: Float32(batch, 4, past_length, 16)",
             "past_key_values.0.encoder.key: Float32(windows, 4, positions, 16)",
                "past_key_values.0.encoder.value: Float32(windows, 4, positions, 16)"],
            model.Graph.Inputs.Select(input => input.ToString()));
        Assert.Equal(
            ["logits: Float32(batch, sequence, 2000)",
             "present.0.decoder.key: Float32(batch, 4, total_length, 16)", "present.0.decoder.value: Float32(batch, 4, total_length, 16)"],
            model.Graph.Outputs.Select(output => output.ToString()));
    }

    [Fact]
    public void A_decoder_without_a_memory_takes_embeddings_which_a_graph_of_its_own_makes()
    {
        var sizes = new SmallSizes { DecoderLayers = 1 };
        var graphs = new ModelGraphs(
            "small", SmallModel.Listening(sizes), SmallModel.Weights(sizes), new GraphOptions { Target = GraphTarget.Portable });
        var (embedding, decoder) = (graphs.Embedding().Graph, graphs.Decoder().Graph);
        Assert.Equal(["input_ids: Int64(batch, sequence)"], embedding.Inputs.Select(input => input.ToString()));
        Assert.Equal(["inputs_embeds: Float32(batch, sequence, 64)"], embedding.Outputs.Select(output => output.ToString()));
        Assert.Equal(
            ["inputs_embeds: Float32(batch, sequence, 64)",
             "past_key_values.0.decoder.key: Float32(batch, 4, past_length, 16)",
                "past_key_values.0.decoder.value: Float32(batch, 4, past_length, 16)"],
            decoder.Inputs.Select(input => input.ToString()));
        // The table that is read by rows is the last product's matrix too.
        Assert.Contains(
            embedding.Initializers, value => decoder.Initializers.Any(other => ReferenceEquals(other.Initializer, value.Initializer)));
    }

    static OnnxOutputs RunPrompts(OnnxSession decoder, OnnxOutputs encoded, int[][] prompts, int layers)
    {
        var owned = new List<IDisposable>();
        var inputs = new List<(string, OnnxValue)>();
        void Add(string name, OnnxValue value)
        {
            owned.Add(value);
            inputs.Add((name, value));
        }

        Add(GraphNames.InputIds, OnnxValue.FromMemory<long>(
            prompts.SelectMany(prompt => prompt).Select(token => (long)token).ToArray(), prompts.Length, prompts[0].Length));
        if (decoder.Inputs.Any(input => input.Name == GraphNames.FirstLogit))
            Add(GraphNames.FirstLogit, OnnxValue.FromMemory<long>(new long[1], 1));
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (var kind in new[] { "key", "value" })
            {
                Add($"past_key_values.{layer}.decoder.{kind}", OnnxValue.Allocate(OnnxElementType.Float32, prompts.Length, 4, 0, 16));
                inputs.Add(($"past_key_values.{layer}.encoder.{kind}", encoded[$"present.{layer}.encoder.{kind}"]));
            }
        }
        var outputs = decoder.Run(inputs.ToArray(), [GraphNames.Logits]);
        foreach (var value in owned) value.Dispose();
        return outputs;
    }
}
