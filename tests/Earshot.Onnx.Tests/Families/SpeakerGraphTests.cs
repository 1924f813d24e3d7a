using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Tests.Export;

namespace Earshot.Onnx.Tests.Families;

/// <summary>The speaker models in the box recorded at one size and run at others, beside the CPU backend.</summary>
public sealed class SpeakerGraphTests
{
    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Segmentation_gives_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        var folder = TestModels.InBox(BundledModels.SpeakerSegmentation);
        var config = PyannoteSegmentationConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var tensors = PyannoteSegmentationModel.Prepare(checkpoint, config);
        Tensor Model(Tensor x, Scope w) => PyannoteSegmentationModel.Classify(PyannoteSegmentationModel.Encode(x, w, config), w, config, 7);
        var backend = new OnnxBackend("segmentation", new GraphOptions { Target = target });
        backend.Output(
            "y", Model(backend.Input("x", new Shape(1, 16_000, 1), "batch", "samples", 1), new Scope(tensors)), "batch", "frames", 7);
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        Compare(session, tensors, Model, [(1, 16_000, 1), (2, 24_001, 1), (1, 991, 1)], 2e-4f);
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public void Embedding_gives_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        var folder = TestModels.InBox(BundledModels.SpeakerEmbedding);
        var config = CamPlusConfig.Load(folder);
        using var checkpoint = SafetensorsCheckpoint.Open(folder);
        var tensors = CamPlusModel.Prepare(checkpoint, config);
        Tensor Model(Tensor x, Scope w) => CamPlusModel.Embed(x, w, config);
        var backend = new OnnxBackend("embedding", new GraphOptions { Target = target });
        backend.Output("y", Model(backend.Input("x", new Shape(1, 150, 80), "batch", "frames", 80), new Scope(tensors)), "batch", 192);
        using var session = OnnxSession.FromBytes(backend.Build().ToBytes());
        // 75 frames after the first layer, 120 in two segments, 200 in two whole ones, 2.
        Compare(session, tensors, Model, [(1, 150, 80), (2, 240, 80), (1, 400, 80), (1, 3, 80)], 2e-4f);
    }

    static void Compare(
        OnnxSession session, ITensorStore tensors, Func<Tensor, Scope, Tensor> model, (int Batch, int Time, int Size)[] shapes,
        float tolerance)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var cpu = new CpuBackend(device);
        var w = new Scope(tensors);
        var random = new Random(5);
        foreach (var (batch, time, size) in shapes)
        {
            float[] values = [.. Enumerable.Range(0, batch * time * size).Select(_ => random.NextSingle() * 2 - 1)];
            cpu.FreeTemporaries();
            var expected = CpuBackend.Read(model(cpu.Input(values, new Shape(batch, time, size)), w));
            using var x = OnnxValue.FromMemory<float>(values, batch, time, size);
            using var outputs = session.Run([("x", x)]);
            Closeness.Check(expected, outputs["y"].Span<float>(), tolerance, $"({batch}, {time}, {size})");
        }
        device.Unload(w);
    }
}
