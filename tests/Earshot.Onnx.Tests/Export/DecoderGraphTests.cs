using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Tests.Export;

public sealed class DecoderGraphTests
{
    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Rows_of_several_windows_each_attend_to_their_own(GraphTarget target)
    {
        NativeRuntime.Require();
        const int windows = 2, rowsEach = 2, frames = 120;
        var config = SmallWhisper.Config();
        var graphs = new WhisperGraphs(SmallWhisper.Weights(config), config, new GraphOptions { Target = target });
        using var encoder = OnnxSession.FromBytes(graphs.Encoder().ToBytes());
        using var decoder = OnnxSession.FromBytes(graphs.Decoder().ToBytes());
        float[][] features = [SmallWhisper.Features(config, frames, 1), SmallWhisper.Features(config, frames, 2)];
        using var input = OnnxValue.FromMemory<float>(features.SelectMany(window => SmallWhisper.BySize(window, frames)).ToArray(), windows, config.NumMelBins, frames);
        using var encoded = encoder.Run([(WhisperGraphs.InputFeatures, input)]);
        int[][] prompts = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]];
        using var outputs = RunPrompts(decoder, encoded, prompts, config.DecoderLayers);

        using var runtime = SmallWhisper.Runtime(config);
        var logits = outputs[WhisperGraphs.Logits].ToArray<float>();
        var expected = new float[3 * config.VocabSize];
        for (int row = 0; row < prompts.Length; row++)
        {
            using var audio = runtime.Encode(features[row / rowsEach], frames);
            using var alone = runtime.CreateDecoder(audio, 1);
            alone.Start(prompts[row], [0, 1, 2], expected);
            Closeness.Check(expected, logits.AsSpan(row * expected.Length, expected.Length), 2e-4f, $"row {row}:");
        }
    }

    [Fact]
    public void Inputs_and_outputs_are_named_as_optimum_names_them_and_leave_sizes_open()
    {
        var config = SmallWhisper.Config() with { DecoderLayers = 1 };
        var model = new WhisperGraphs(SmallWhisper.Weights(config), config, new GraphOptions { Target = GraphTarget.Portable }).Decoder();
        Assert.Equal(
            ["input_ids: Int64(batch, sequence)",
             "past_key_values.0.decoder.key: Float32(batch, 4, past_length, 16)", "past_key_values.0.decoder.value: Float32(batch, 4, past_length, 16)",
             "past_key_values.0.encoder.key: Float32(windows, 4, positions, 16)", "past_key_values.0.encoder.value: Float32(windows, 4, positions, 16)"],
            model.Graph.Inputs.Select(input => input.ToString()));
        Assert.Equal(
            ["logits: Float32(batch, sequence, 2000)",
             "present.0.decoder.key: Float32(batch, 4, total_length, 16)", "present.0.decoder.value: Float32(batch, 4, total_length, 16)"],
            model.Graph.Outputs.Select(output => output.ToString()));
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

        Add(WhisperGraphs.InputIds, OnnxValue.FromMemory<long>(prompts.SelectMany(prompt => prompt).Select(token => (long)token).ToArray(), prompts.Length, prompts[0].Length));
        if (decoder.Inputs.Any(input => input.Name == WhisperGraphs.FirstLogit)) Add(WhisperGraphs.FirstLogit, OnnxValue.FromMemory<long>(new long[1], 1));
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (var kind in new[] { "key", "value" })
            {
                Add($"past_key_values.{layer}.decoder.{kind}", OnnxValue.Allocate(OnnxElementType.Float32, prompts.Length, 4, 0, 16));
                inputs.Add(($"past_key_values.{layer}.encoder.{kind}", encoded[$"present.{layer}.encoder.{kind}"]));
            }
        }
        var outputs = decoder.Run(inputs.ToArray(), [WhisperGraphs.Logits]);
        foreach (var value in owned) value.Dispose();
        return outputs;
    }
}
