using Earshot.Models;
using Earshot.Onnx.Export;

namespace Earshot.Onnx.Tests.Export;

public sealed class ExportGateTests
{
    static readonly GateClip[] Clips = [new("one.wav", "a b"), new("two.wav", "c d")];

    [Fact]
    public void A_model_that_hears_as_well_passes_with_its_figures()
    {
        using var before = SmallWhisper.Runtime(SmallWhisper.Config());
        using var after = SmallWhisper.Runtime(SmallWhisper.Config());
        var result = Gate(after, rate: 0.052).Check(before, after, Clips);
        Assert.Equal(0.05, result.Before);
        Assert.Equal(0.052, result.After);
        Assert.Equal("word error rate 5.00 % before, 5.20 % after (+0.20)", result.ToString());
    }

    [Fact]
    public void A_model_that_hears_worse_is_refused_with_its_figures()
    {
        using var before = SmallWhisper.Runtime(SmallWhisper.Config());
        using var after = SmallWhisper.Runtime(SmallWhisper.Config());
        var exception = Assert.Throws<ModelException>(() => Gate(after, rate: 0.0531).Check(before, after, Clips));
        Assert.Contains("5.00 % before, 5.31 % after (+0.31) on 2 clips, where at most +0.30", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reads_the_manifest_of_the_recordings()
    {
        var path = TestData.Require("audio/manifest.json");
        var clips = ExportGate.ReadManifest(path);
        Assert.DoesNotContain(clips, clip => Path.GetFileName(clip.Path) == "two-speakers.wav"); // it has no reference
        Assert.Contains(clips, clip => Path.GetFileName(clip.Path) == "jfk.wav" && clip.Reference.StartsWith("And so", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""[{"file": "../secret.wav", "reference": "x"}]""", "outside")]
    [InlineData("""[{"file": "/etc/secret.wav", "reference": "x"}]""", "outside")]
    [InlineData("""[{"reference": "x"}]""", "without 'file'")]
    [InlineData("""[null]""", "without 'file'")]
    [InlineData("""[{""", "cannot be read")]
    public void Refuses_manifests_that_cannot_be(string json, string expected)
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, json);
        var exception = Assert.Throws<CheckpointException>(() => ExportGate.ReadManifest(path));
        File.Delete(path);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    // "Transcribes" by naming the model, and scores the reference model at 5 %.
    static ExportGate Gate(WhisperRuntime after, double rate) => new(
        (runtime, clip, _) => ReferenceEquals(runtime, after) ? "after" : "before",
        pairs => pairs.Count == 2 && pairs.All(pair => pair.Hypothesis == "after") ? rate : 0.05);
}
