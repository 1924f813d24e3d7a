using Earshot.Compute.Parts;
using Earshot.Compute.Runtimes;
using Earshot.Onnx.Export;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtimes;
using Earshot.Onnx.Tests.Parts;

namespace Earshot.Onnx.Tests.Export;

public sealed class OnnxExporterTests : IDisposable
{
    readonly string _root = Directory.CreateTempSubdirectory("earshot-export-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_folder_holds_a_graph_of_each_part_the_settings_and_a_manifest()
    {
        var folder = Path.Combine(_root, "small");
        var progress = new Recorder();
        var source = new ExportSource(SmallModel.Attending(), SmallModel.Weights(), "small")
        {
            Name = "me/small",
            Files = new Dictionary<string, string> { ["config.json"] = "{}" },
        };
        var made = OnnxExporter.Export(source, folder, null, progress);
        Assert.Equal(progress.Fractions.Order(), progress.Fractions);
        Assert.Equal(1, progress.Fractions[^1]);
        Assert.Equal(["small"], Directory.GetFileSystemEntries(_root).Select(Path.GetFileName));
        Assert.Equal(
            ["config.json", "decoder_aligning_model.onnx", "decoder_model.onnx", "earshot.json", "encoder_model.onnx", "model.onnx_data"],
            Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var read = ExportManifest.Load(folder);
        Assert.Equal(
            ("small", "me/small", GraphPrecision.Float32, GraphTarget.OnnxRuntime),
            (read.ModelType, read.Source, read.Precision, read.Target));
        Assert.Equal([new AlignmentHead(1, 2), new AlignmentHead(0, 1), new AlignmentHead(1, 0)], read.Heads);
        Assert.Equal(made.Heads, read.Heads);
    }

    [Fact]
    public void A_part_that_is_not_there_has_no_graph()
    {
        OnnxExporter.Export(
            new ExportSource(SmallModel.WithHead(), SmallModel.Weights(SmallModel.Samples), "small"), Path.Combine(_root, "head"));
        var head = ExportManifest.Load(Path.Combine(_root, "head"));
        Assert.Equal(("encoder_model.onnx", null, null, null), (head.Encoder, head.Decoder, head.Embedding, head.AligningDecoder));
        var parts = SmallModel.Listening() with { SpeakerEncoder = new SmallSpeaker(), Segmentation = new SmallSegmentation() };
        OnnxExporter.Export(new ExportSource(parts, SmallModel.Weights(), "small"), Path.Combine(_root, "all"));
        Assert.Equal(
            ["decoder_model.onnx", "embed_tokens.onnx", "encoder_model.onnx", "segmentation_model.onnx", "speaker_encoder_model.onnx"],
            Directory.GetFiles(Path.Combine(_root, "all"), "*.onnx").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var exception = Assert.Throws<ModelException>(
            () => OnnxExporter.Export(new ExportSource(new ModelParts(), SmallModel.Weights(), "none"), Path.Combine(_root, "none")));
        Assert.Contains("no part that could be exported", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Matrices_that_are_coarse_in_int8_stay_in_float_unless_the_options_say_otherwise()
    {
        var parts = SmallModel.Attending() with
        {
            IsCoarseInInt8 = name => name.StartsWith("encoder.", StringComparison.Ordinal)
                && name.EndsWith("fc2.weight", StringComparison.Ordinal),
        };
        long Size(string name, Func<string, bool>? keep)
        {
            OnnxExporter.Export(
                new ExportSource(parts, SmallModel.Weights(), "small"), Path.Combine(_root, name),
                new ExportOptions { Graph = new GraphOptions { Precision = GraphPrecision.Int8, KeepInFloat = keep } });
            return new FileInfo(Path.Combine(_root, name, OnnxExporter.WeightsName)).Length;
        }
        // Two layers' matrices of 64 × 96, four bytes instead of one.
        Assert.InRange(Size("coarse", null) - Size("all", _ => false), 2 * 3 * 64 * 96 - 4096, 2 * 3 * 64 * 96 + 4096);
    }

    [Fact]
    public void All_graphs_share_one_file_of_weights()
    {
        var folder = Path.Combine(_root, "small");
        Export(folder);
        var weights = new FileInfo(Path.Combine(folder, OnnxExporter.WeightsName));
        // But for those of parts that this model has not.
        var all = SmallModel.Weights();
        string[] others = ["ctc.", "projector.", "speaker.", "segmentation."];
        long parameters = all.Names.Where(name => !others.Any(other => name.StartsWith(other, StringComparison.Ordinal)))
            .Sum(name => all.Find(name)!.Shape.Count);
        // Alignment adds at most a page a tensor.
        Assert.InRange(weights.Length, parameters * 4L * 9 / 10, parameters * 4L + 4096 * 200);
        Assert.All(Directory.GetFiles(folder, "*.onnx"), file => Assert.InRange(new FileInfo(file).Length, 1, 100_000));
    }

    [Theory]
    [InlineData(GraphTarget.Portable)]
    [InlineData(GraphTarget.OnnxRuntime)]
    public async Task Weights_that_graphs_can_use_stay_in_the_checkpoint_when_exported_into_its_folder(GraphTarget target)
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        var weights = new FileStore(Path.Combine(_root, "model.safetensors"), SmallModel.Weights());
        OnnxExporter.Export(
            new ExportSource(parts, weights, "small") { Folder = _root }, _root,
            new ExportOptions { Graph = new GraphOptions { Target = target } });
        Assert.False(File.Exists(Path.Combine(_root, OnnxExporter.WeightsName)), "no weight needs a copy");
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights());
        using var actual = OnnxModelRuntime.Open(_root, parts);
        var features = SmallModel.Features(80, 200);
        var got = await actual.RequireEncoder().EncodeToArrayAsync(features, 200);
        Closeness.Check(SmallModel.Encoded(expected, features, 200), got, 2e-4f);
        var exception = Assert.Throws<CheckpointException>(
            () => OnnxExporter.Export(new ExportSource(parts, weights, "small") { Folder = _root }, _root));
        Assert.Contains("already holds an exported model", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_export_leaves_nothing_behind()
    {
        using var cancelled = new CancellationTokenSource();
        var source = new ExportSource(SmallModel.Attending(), SmallModel.Weights(), "small");
        var progress = new Recorder { OnReport = value => { if (value.Fraction > 0) cancelled.Cancel(); } };
        Assert.Throws<OperationCanceledException>(
            () => OnnxExporter.Export(source, Path.Combine(_root, "small"), null, progress, cancelled.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_folder_that_holds_something_is_refused()
    {
        File.WriteAllText(Path.Combine(_root, "notes.txt"), "mine");
        var exception = Assert.Throws<CheckpointException>(() => Export(_root));
        Assert.Contains("is not empty", exception.Message, StringComparison.Ordinal);
        Assert.Equal(["notes.txt"], Directory.GetFiles(_root).Select(Path.GetFileName));
    }

    [Fact]
    public void A_file_beside_the_graphs_has_a_plain_name()
    {
        var source = new ExportSource(SmallModel.Attending(), SmallModel.Weights(), "small")
        {
            Files = new Dictionary<string, string> { ["../config.json"] = "{}" },
        };
        Assert.Contains(
            "expected a plain file name",
            Assert.Throws<CheckpointException>(() => OnnxExporter.Export(source, Path.Combine(_root, "small"))).Message,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public async Task An_export_of_Whisper_by_an_earlier_version_is_opened_and_runs()
    {
        NativeRuntime.Require();
        var parts = SmallModel.Attending();
        Export(Path.Combine(_root, "small"));
        // As that version wrote it.
        File.WriteAllText(Path.Combine(_root, "small", ExportManifest.FileName), """
            {
              "format": "earshot-onnx-1",
              "model_type": "whisper",
              "precision": "Float32",
              "target": "OnnxRuntime",
              "source": "openai/whisper-tiny",
              "encoder": "encoder_model.onnx",
              "decoder": "decoder_model.onnx",
              "aligning_decoder": "decoder_aligning_model.onnx",
              "alignment_heads": [[1, 2], [0, 1], [1, 0]]
            }
            """);
        using var expected = new CpuModelRuntime(parts, SmallModel.Weights());
        using var actual = OnnxModelRuntime.Open(Path.Combine(_root, "small"), parts);
        Assert.Equal("whisper", actual.Manifest.ModelType);
        await Runtimes.GenerationComparison.CompareAsync(expected, actual, SmallModel.Features(80, 120), 120);
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

    static void Export(string folder) =>
        OnnxExporter.Export(new ExportSource(SmallModel.Attending(), SmallModel.Weights(), "small"), folder);

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
