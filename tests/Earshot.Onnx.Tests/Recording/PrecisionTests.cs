using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;

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
        var parts = SmallModel.Attending();
        using var runtime = new CpuModelRuntime(parts, SmallModel.Weights());
        var options = new GraphOptions { Target = target, Precision = precision };
        using var session = OnnxSession.FromBytes(
            new ModelGraphs("small", SmallModel.Attending(), SmallModel.Weights(), options).Encoder().ToBytes());
        var features = SmallModel.Features(80, 300);
        using var input = OnnxValue.FromMemory<float>(SmallModel.BySize(features, 300), 1, 80, 300);
        using var outputs = session.Run([(GraphNames.InputFeatures, input)]);
        var expected = SmallModel.Encoded(runtime, features, 300);
        Closeness.Check(expected, outputs[GraphNames.LastHiddenState].Span<float>(), tolerance);
        var cacheType = precision == GraphPrecision.Float16 ? OnnxElementType.Float16 : OnnxElementType.Float32;
        Assert.Equal(cacheType, outputs["present.0.encoder.key"].ElementType);
    }

    [Fact]
    public void Matrices_that_are_kept_in_float_are_not_quantised()
    {
        var options = new GraphOptions
        {
            Precision = GraphPrecision.Int8,
            KeepInFloat = name => name.EndsWith("fc2.weight", StringComparison.Ordinal)
                || name.Contains("tokens", StringComparison.Ordinal),
        };
        var graphs = new ModelGraphs("small", SmallModel.Attending(), SmallModel.Weights(), options);
        string[] names = [.. graphs.Encoder().Graph.Initializers.Concat(graphs.Decoder().Graph.Initializers).Select(value => value.Name)];
        Assert.Contains("encoder.layers.1.fc2.weight", names);
        Assert.Contains("encoder.layers.1.fc1.weight_int8", names);
        Assert.DoesNotContain(
            names, name => name.EndsWith("fc2.weight_int8", StringComparison.Ordinal) || name == "decoder.tokens.weight_int8");
    }

    [Fact]
    public void Quantized_weights_come_back_within_half_a_step()
    {
        var stored = SmallModel.Weights().Find("encoder.layers.0.fc1.weight")!; // (96, 64)
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
        var stored = SmallModel.Weights().Find("encoder.layers.0.fc2.weight")!; // (64, 96)
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
