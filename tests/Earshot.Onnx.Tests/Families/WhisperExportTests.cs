using Earshot.Compute.Runtimes;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Export;
using Earshot.Onnx.Tests.Parts;
using Earshot.Onnx.Tests.Runtimes;
using Earshot.Tokenizers;

namespace Earshot.Onnx.Tests.Families;

public sealed class WhisperExportTests : IDisposable
{
    readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("earshot-export-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void An_exported_folder_has_all_that_running_needs()
    {
        using var real = new WhisperBase();
        var folder = real.Export(_root, new GraphOptions());
        Assert.Equal(["base"], Directory.GetFileSystemEntries(_root.FullName).Select(Path.GetFileName));
        var model = ModelFamilies.Open(folder);
        Assert.Equal((512, 80), (model.Parts.Encoder!.Shape.Width, model.Parts.Encoder.Shape.InputSize));
        Assert.Equal(" And so", ((WhisperTokenizer)model.RequireTokenizer()).Decode([400, 370]));
        var heads = model.Parts.Decoder!.Shape.AlignmentHeads;
        Assert.Equal([(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)], heads.Select(head => (head.Layer, head.Head)));
        var manifest = ExportManifest.Load(folder);
        Assert.Equal(heads, manifest.Heads);
        Assert.Equal((WhisperFamily.ModelType, GraphPrecision.Float32), (manifest.ModelType, manifest.Precision));
    }

    [Fact]
    public async Task The_real_model_gives_what_the_cpu_backend_gives()
    {
        NativeRuntime.Require();
        using var real = new WhisperBase();
        var folder = real.Export(_root, new GraphOptions());
        using var expected = real.OpenRuntime();
        using var actual = OnnxModelRuntime.Open(folder, ModelFamilies.Open(folder).Parts);
        await GenerationComparison.CompareAsync(expected, actual, WhisperBase.Features("jfk.wav", 1200), 1200);
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task The_real_encoder_gives_what_the_cpu_backend_gives(GraphTarget target)
    {
        NativeRuntime.Require();
        using var real = new WhisperBase();
        using var runtime = real.OpenRuntime();
        using var session = OnnxSession.FromBytes(
            new ModelGraphs("whisper", real.Parts, real.Weights, new GraphOptions { Target = target }).Encoder().ToBytes());
        var mel = WhisperBase.Features("jfk.wav", 3000);
        var expected = await runtime.RequireEncoder().EncodeToArrayAsync(mel, 3000);
        using var features = OnnxValue.FromMemory<float>(SmallModel.BySize(mel, 3000), 1, 80, 3000);
        using var outputs = session.Run([(GraphNames.InputFeatures, features)], [GraphNames.LastHiddenState]);
        Closeness.Check(expected, outputs[0].Span<float>(), 2e-4f);
    }

    [Theory]
    [InlineData(GraphTarget.Portable, 80)]
    [InlineData(GraphTarget.OnnxRuntime, 128)]
    public async Task A_small_one_gives_what_the_cpu_backend_gives(GraphTarget target, int mels)
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config(mels);
        var (parts, weights) = (SmallWhisper.Parts(config), SmallWhisper.Weights(config));
        var folder = Path.Combine(_root.FullName, "small");
        OnnxExporter.Export(
            new ExportSource(parts, weights, WhisperFamily.ModelType), folder,
            new ExportOptions { Graph = new GraphOptions { Target = target } });
        using var expected = new CpuModelRuntime(parts, weights);
        using var actual = OnnxModelRuntime.Open(folder, parts);
        foreach (int frames in new[] { 400, 3000 })
            await GenerationComparison.CompareAsync(expected, actual, SmallModel.Features(mels, frames), frames);
    }

    [Fact]
    public void Weights_pass_through_without_being_held()
    {
        var config = WhisperShapes.Named("base");
        var source = new ExportSource(WhisperFamily.OfShape(config).Parts, SmallWhisper.Weights(config), WhisperFamily.ModelType);
        var folder = Path.Combine(_root.FullName, "base");
        long before = GC.GetAllocatedBytesForCurrentThread();
        OnnxExporter.Export(source, folder, new ExportOptions { Graph = new GraphOptions { Precision = GraphPrecision.Float16 } });
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(
            allocated < 32 << 20,
            $"{allocated:N0} bytes were allocated for {new FileInfo(Path.Combine(folder, OnnxExporter.WeightsName)).Length:N0} of weights");
    }
}
