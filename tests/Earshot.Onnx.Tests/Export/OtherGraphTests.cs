using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;
using Earshot.Compute.Tests;
using Earshot.Onnx.Export;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Export;

/// <summary>Parts that are no recogniser, beside the CPU backend.</summary>
public sealed class OtherGraphTests
{
    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void A_speaker_encoder_and_a_segmentation_give_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = new ModelParts { SpeakerEncoder = new SmallSpeaker(), Segmentation = new SmallSegmentation() };
        var graphs = new ModelGraphs("small", parts, SmallModel.Weights(), new GraphOptions { Target = target });
        foreach (int frames in new[] { 3, 77, 400 })
        {
            var features = SmallModel.Features(80, frames);
            using var bySize = OnnxValue.FromMemory<float>(SmallModel.BySize(features, frames), 1, 80, frames);
            Check(
                graphs.SpeakerEncoder(), (GraphNames.InputFeatures, bySize), GraphNames.Embedding,
                (x, w) => parts.SpeakerEncoder.Embed(x, w), features, new Shape(1, frames, 80));
        }
        var sound = SmallModel.Features(1, 1600);
        using var samples = OnnxValue.FromMemory<float>(sound, 1, 1600);
        Check(
            graphs.Segmentation(), (GraphNames.InputValues, samples), GraphNames.LogProbabilities,
            (x, w) => parts.Segmentation.Segment(x, w), sound, new Shape(1, 1600, 1));
    }

    [Fact]
    public void A_recurrent_graph_carries_its_state_from_window_to_window()
    {
        NativeRuntime.Require();
        const int size = 12, inputs = 8;
        var random = new Random(3);
        var weights = new MemoryStore()
            .AddRandom("conv.weight", random, size, 1, inputs)
            .AddRandom("cell.weight_ih", random, 4 * size, size).AddRandom("cell.weight_hh", random, 4 * size, size)
            .AddRandom("cell.bias_ih", random, 4 * size).AddRandom("cell.bias_hh", random, 4 * size);
        Tensor Step(Tensor window, RecurrentState state, Scope w)
        {
            var x = window.Convolve(w / "conv", size, kernel: inputs, new Convolution(Stride: 1)); // (1, 1, size)
            var h = x.Backend.Reshape(x, new Shape(1, size)).LstmStep(w / "cell", size, state);
            return h.Backend.Reshape(h, new Shape(1, 1, size));
        }
        var graph = new RecurrentGraph { Name = "steps", InputSize = inputs, StateSize = size, OutputSize = size, Step = Step };
        using var session = OnnxSession.FromBytes(graph.Record(weights).ToBytes());
        using var device = new CpuDevice();
        using var cpu = new CpuBackend(device);
        using var state = cpu.CreateRecurrentState(1, size);
        var root = new Scope(weights);
        var (h, c) = (new float[size], new float[size]);
        for (int window = 0; window < 5; window++)
        {
            var sound = SmallModel.Features(1, inputs, window);
            var expected = CpuBackend.Read(Step(cpu.Input(sound, new Shape(1, inputs, 1)), state, root));
            using var input = OnnxValue.FromMemory<float>(sound, 1, 1, inputs);
            using var hidden = OnnxValue.FromMemory<float>(h, 1, size);
            using var cell = OnnxValue.FromMemory<float>(c, 1, size);
            using var outputs = session.Run([("input", input), ("h", hidden), ("c", cell)]);
            Closeness.Check(expected, outputs["output"].Span<float>(), 1e-5f, $"window {window}");
            outputs["hn"].Span<float>().CopyTo(h);
            outputs["cn"].Span<float>().CopyTo(c);
        }
    }

    static void Check(
        OnnxModel model, (string Name, OnnxValue Value) input, string output, Func<Tensor, Scope, Tensor> part, float[] values, Shape shape)
    {
        using var device = new CpuDevice();
        using var cpu = new CpuBackend(device);
        var expected = CpuBackend.Read(part(cpu.Input(values, shape), new Scope(SmallModel.Weights())));
        using var session = OnnxSession.FromBytes(model.ToBytes());
        using var outputs = session.Run([input]);
        Closeness.Check(expected, outputs[output].Span<float>(), 2e-4f, output);
    }
}
