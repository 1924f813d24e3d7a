using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runner;

namespace Earshot.Onnx.Tests.Export;

public sealed class WhisperExporterTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("earshot-export-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void An_exported_folder_has_all_that_running_needs()
    {
        var folder = Path.Combine(_root, "base");
        using (var checkpoint = WhisperCheckpoint.Open(TestModels.WhisperBase))
        {
            var progress = new Recorder();
            WhisperExporter.Export(WhisperExportSource.From(checkpoint), folder, null, progress);
            Assert.Equal(progress.Fractions.Order(), progress.Fractions);
            Assert.Equal(1, progress.Fractions[^1]);
        }
        Assert.Equal(["base"], Directory.GetFileSystemEntries(_root).Select(Path.GetFileName));
        var model = ExportedModel.Open(folder);
        Assert.Equal(512, model.Config.DModel);
        Assert.Equal(80, model.Preprocessor.FeatureSize);
        Assert.Equal(" And so", model.Tokenizer.Decode([400, 370]));
        Assert.Equal([(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)], model.Generation.AlignmentHeads.Select(head => (head.Layer, head.Head)));
        Assert.Equal(GraphPrecision.Float32, model.Manifest.Precision);
    }

    [Fact]
    public void All_graphs_share_one_file_of_weights()
    {
        var config = SmallWhisper.Config();
        var folder = Path.Combine(_root, "small");
        Export(config, folder);
        var weights = new FileInfo(Path.Combine(folder, WhisperExporter.WeightsName));
        long parameters = SmallWhisper.Weights(config).Names.Sum(name => SmallWhisper.Weights(config).Find(name)!.Shape.Count);
        // Alignment adds at most a page a tensor.
        Assert.InRange(weights.Length, parameters * 4L * 9 / 10, parameters * 4L + 4096 * 200);
        Assert.All(Directory.GetFiles(folder, "*.onnx"), file => Assert.InRange(new FileInfo(file).Length, 1, 100_000));
    }

    [Fact]
    public void Weights_that_graphs_can_use_stay_in_the_checkpoint_when_exported_into_its_folder()
    {
        NativeRuntime.Require();
        var config = SmallWhisper.Config();
        var random = new RandomWeights(config, type: DType.F32);
        SafetensorsWriter.Write(Path.Combine(_root, "model.safetensors"), random.Names.Select(name => random.Find(name)!).Select(stored => new TensorToWrite(stored.Name, stored.Type, stored.Shape, stream =>
        {
            var bytes = new byte[stored.ByteLength];
            stored.Read(0, bytes);
            stream.Write(bytes);
        })));
        ConfigurationFiles.Write(config, _root);
        using var weights = SafetensorsCheckpoint.Open(_root);
        foreach (var target in new[] { GraphTarget.OnnxRuntime, GraphTarget.Portable })
        {
            WhisperExporter.Export(new WhisperExportSource(weights, config, WhisperShapes.GenerationFor(config)) { Folder = _root }, _root, new WhisperExportOptions { Graph = new GraphOptions { Target = target } });
            Assert.False(File.Exists(Path.Combine(_root, WhisperExporter.WeightsName)), "no weight needs a copy");
            using var expected = new CpuWhisperRuntime(random, config, WhisperShapes.GenerationFor(config));
            using (var actual = OnnxWhisperRuntime.Open(_root))
            {
                var features = SmallWhisper.Features(config, 200);
                Closeness.Check(expected.EncodeToArray(features, 200), actual.EncodeToArray(features, 200), 2e-4f);
            }
            foreach (var file in Directory.GetFiles(_root, "*.onnx").Append(Path.Combine(_root, ExportManifest.FileName))) File.Delete(file);
        }
    }

    [Fact]
    public void A_cancelled_export_leaves_nothing_behind()
    {
        using var cancelled = new CancellationTokenSource();
        var config = SmallWhisper.Config();
        var source = new WhisperExportSource(SmallWhisper.Weights(config), config, WhisperShapes.GenerationFor(config));
        var progress = new Recorder { OnReport = value => { if (value.Fraction > 0) cancelled.Cancel(); } };
        Assert.Throws<OperationCanceledException>(() => WhisperExporter.Export(source, Path.Combine(_root, "small"), null, progress, cancelled.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_folder_that_holds_something_is_refused()
    {
        File.WriteAllText(Path.Combine(_root, "notes.txt"), "mine");
        var exception = Assert.Throws<CheckpointException>(() => Export(SmallWhisper.Config(), _root));
        Assert.Contains("is not empty", exception.Message, StringComparison.Ordinal);
        Assert.Equal(["notes.txt"], Directory.GetFiles(_root).Select(Path.GetFileName));
    }

    [Fact]
    public void Weights_pass_through_without_being_held()
    {
        var config = WhisperShapes.Named("base");
        var source = new WhisperExportSource(new RandomWeights(config), config, WhisperShapes.GenerationFor(config));
        long before = GC.GetAllocatedBytesForCurrentThread();
        WhisperExporter.Export(source, Path.Combine(_root, "base"), new WhisperExportOptions { Graph = new GraphOptions { Precision = GraphPrecision.Float16 } });
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 32 << 20, $"{allocated:N0} bytes were allocated for {new FileInfo(Path.Combine(_root, "base", WhisperExporter.WeightsName)).Length:N0} of weights");
    }

    [Theory]
    [InlineData("""{"format": "something else"}""", "expected 'earshot-onnx-1'")]
    [InlineData("""{"format": "earshot-onnx-1", "encoder": "../encoder.onnx"}""", "expected a file name in the same folder")]
    [InlineData("""{"format": "earshot-onnx-1", "alignment_heads": [[1]]}""", "pairs of a layer and a head")]
    [InlineData("""{"format": """, "cannot be read")]
    [InlineData("null", "expected 'earshot-onnx-1'")]
    public void Refuses_manifests_that_cannot_be(string json, string expected)
    {
        File.WriteAllText(Path.Combine(_root, ExportManifest.FileName), json);
        var exception = Assert.Throws<CheckpointException>(() => ExportManifest.Load(_root));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    static void Export(WhisperConfig config, string folder) =>
        WhisperExporter.Export(new WhisperExportSource(SmallWhisper.Weights(config), config, WhisperShapes.GenerationFor(config)), folder);

    sealed class Recorder : IProgress<ExportProgress>
    {
        public List<double> Fractions { get; } = [];

        public Action<ExportProgress>? OnReport { get; init; }

        public void Report(ExportProgress value)
        {
            Fractions.Add(value.Fraction);
            OnReport?.Invoke(value);
        }
    }
}
