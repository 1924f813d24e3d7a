using Earshot.Compute;
using Earshot.Compute.Quantization;
using Earshot.Features;
using Earshot.Models;
using Earshot.Tests.Models;

namespace Earshot.Checkpoints;

public sealed class ModelFolderTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"model_type": "whisper"}""", "whisper")]
    [InlineData("""{"architecture": "PyanNet"}""", "PyanNet")]
    [InlineData("""{"model_type": "whisper", "architecture": "PyanNet"}""", "whisper")]
    public void The_kind_is_what_the_configuration_calls_it(string config, string type)
    {
        _folder.Write("config.json", config);
        Assert.Equal(type, new ModelFolder(_folder.Path).ModelType);
    }

    [Fact]
    public void Speaker_models_are_opened_by_their_families()
    {
        var voices = ModelFamilies.Open(Path.Combine(TestData.RepositoryRoot, "models", "campplus-zh-en-common-advanced"));
        Assert.Equal(192, voices.Parts.SpeakerEncoder!.EmbeddingSize);
        Assert.Equal(new KaldiFbankSettings(80) { SubtractsMeans = true }, voices.Features);
        var turns = ModelFamilies.Open(Path.Combine(TestData.RepositoryRoot, "models", "pyannote-segmentation-3.0"));
        Assert.Equal((160_000, 7), (turns.Parts.Segmentation!.WindowSamples, turns.Parts.Segmentation.Classes));
        Assert.Contains("has no tokenizer", Assert.Throws<CheckpointException>(turns.RequireTokenizer).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Features_of_a_stretch_are_those_of_its_samples_and_what_follows()
    {
        var settings = new KaldiFbankSettings(80) { SubtractsMeans = true };
        var random = new Random(3);
        var samples = Enumerable.Range(0, 1000).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var frames = new float[4 * 80];
        settings.CreateExtractor().Compute(samples.AsSpan(0, 640), frames, 4, after: samples.AsSpan(640));
        var expected = new KaldiFbank(80).Compute(samples.AsSpan(0, 640 + settings.SamplesAfter));
        KaldiFbank.SubtractMeans(expected, 80);
        Assert.Equal(expected, frames);
    }

    [Fact]
    public void What_a_model_asks_for_is_remembered_as_it_is_stored()
    {
        var folder = new ModelFolder(Path.Combine(TestData.RepositoryRoot, "models", "pyannote-segmentation-3.0"));
        var model = ModelFamilies.Open(folder);
        using var weights = folder.OpenWeights();
        var tracked = new TrackedTensors(weights);
        var root = new Scope(model.Prepare(tracked));
        var computed = (root / "sincnet" / "conv1d" / 0 / "filterbank").Parameter("weight", new Shape(80, 1, 251));
        var stored = (root / "classifier").Parameter("weight", new Shape(7, 128));
        Assert.False(tracked.IsAsStored(computed));
        Assert.True(tracked.IsAsStored(stored));
        Assert.True(tracked.IsUsed("sincnet.conv1d.0.filterbank.low_hz_"));
        Assert.True(tracked.IsUsed("classifier.weight"));
        Assert.False(tracked.IsUsed("classifier.bias"));
    }

    [Fact]
    public void What_says_how_a_model_is_used_goes_with_its_quantised_weights()
    {
        var source = RandomModel.WriteTo(_folder.Path);
        string[] copied = ["LICENSE.md", "NOTICE", "chat_template.jinja", "normalizer.json"],
            left = ["model.safetensors.index.json", "pytorch_model.bin", "encoder_model.onnx", "earshot.json", "notes.pdf"];
        foreach (var name in (string[])[.. copied, .. left]) File.WriteAllText(Path.Combine(source, name), "{}");
        var target = Path.Combine(_folder.Path, "int8");
        CheckpointQuantizer.Run(source, target, new QuantizationOptions { Format = WeightFormat.Int8 });
        Assert.Equal(
            ((string[])[
                .. copied, "config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json", "vocabulary.bin",
            ]).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(target).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_settings_of_a_shape_describe_it()
    {
        var shape = ModelFamilies.Named("small.en");
        _folder.Write("config.json", shape.Files["config.json"]);
        Assert.Equal(((WhisperPrompt)shape.Prompt!).Config, WhisperConfig.Load(_folder.Path));
    }
}
