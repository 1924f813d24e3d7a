using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Recording;

public sealed class PrecisionTests
{
    // Largest error of the encoder's output over its largest magnitude, weights and activations random: what the formats allow.
    [Theory]
    [InlineData(GraphTarget.Portable, GraphPrecision.Float16, 4e-3f)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Float16, 4e-3f)]
    [InlineData(GraphTarget.Portable, GraphPrecision.Int8, 4e-2f)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8, 4e-2f)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int8Blocks, 3e-2f)]
    [InlineData(GraphTarget.OnnxRuntime, GraphPrecision.Int4Blocks, 2.5e-1f)]
    public void Reduced_precisions_stay_within_their_tolerance(GraphTarget target, GraphPrecision precision, float tolerance)
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config();
        using var runtime = SmallWhisper.Runtime(config);
        var options = new GraphOptions { Target = target, Precision = precision };
        using var session = OnnxSession.FromBytes(new WhisperGraphs(SmallWhisper.Weights(config), config, options).Encoder().ToBytes());
        var features = SmallWhisper.Features(config, 300);
        using var input = OnnxValue.FromMemory<float>(SmallWhisper.BySize(features, 300), 1, config.NumMelBins, 300);
        using var outputs = session.Run([(WhisperGraphs.InputFeatures, input)]);
        var expected = runtime.EncodeToArray(features, 300);
        Closeness.Check(expected, outputs[WhisperGraphs.LastHiddenState].Span<float>(), tolerance);
        var cacheType = precision == GraphPrecision.Float16 ? OnnxElementType.Float16 : OnnxElementType.Float32;
        Assert.Equal(cacheType, outputs["present.0.encoder.key"].ElementType);
    }

    [Fact]
    public void Quantized_weights_come_back_within_half_a_step()
    {
        var config = SmallWhisper.Config();
        var stored = SmallWhisper.Weights(config).Find("model.encoder.layers.0.fc1.weight")!; // (96, 64)
        var values = new float[96 * 64];
        Earshot.Compute.StoredTensorReading.ReadFloats(stored, 0, values);
        var scales = WeightReaders.ScalesByOutput(stored);
        var quantized = new byte[96 * 64];
        // In odd pieces, as a writer may ask.
        var reader = WeightReaders.QuantizedByOutput(stored, new Lazy<float[]>(scales));
        for (int at = 0; at < quantized.Length; at += 1000) reader(at, quantized.AsSpan(at, Math.Min(1000, quantized.Length - at)));
        for (int o = 0; o < 96; o++)
        {
            for (int i = 0; i < 64; i++) Assert.Equal(values[o * 64 + i], (sbyte)quantized[i * 96 + o] * scales[o], 0.5001f * scales[o]);
        }
    }

    [Theory]
    [InlineData(4, 16)]
    [InlineData(4, 32)]
    [InlineData(8, 32)]
    public void Blocks_come_back_within_a_step(int bits, int size)
    {
        var config = SmallWhisper.Config();
        var stored = SmallWhisper.Weights(config).Find("model.encoder.layers.0.fc2.weight")!; // (64, 96)
        var values = new float[64 * 96];
        Earshot.Compute.StoredTensorReading.ReadFloats(stored, 0, values);
        var format = new BlockFormat(bits, size);
        int blocks = format.Blocks(96);
        var packed = new byte[64 * blocks * format.BlockBytes];
        WeightReaders.QuantizedByBlock(stored, format)(0, packed);
        var scales = new float[64 * blocks];
        WeightReaders.ScalesByBlock(stored, format)(0, System.Runtime.InteropServices.MemoryMarshal.AsBytes(scales.AsSpan()));
        for (int at = 0; at < values.Length; at++)
        {
            int code = bits == 8 ? packed[at] - 128 : (packed[at / 2] >> (at % 2 * 4) & 15) - 8;
            float scale = scales[at / size];
            Assert.Equal(values[at], code * scale, 1.001f * MathF.Abs(scale));
        }
    }
}
