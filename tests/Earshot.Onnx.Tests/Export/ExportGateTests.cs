using Earshot.Onnx.Export;

namespace Earshot.Onnx.Tests.Export;

public sealed class ExportGateTests
{
    static readonly GateClip[] Clips = [new("one.wav", "a b"), new("two.wav", "c d")];

    [Fact]
    public async Task A_model_that_hears_as_well_passes_with_its_figures()
    {
        var result = await Gate(rate: 0.052).CheckAsync(Before, After, Clips);
        Assert.Equal(0.05, result.Before);
        Assert.Equal(0.052, result.After);
        Assert.Equal("word error rate 5.00 % before, 5.20 % after (+0.20)", result.ToString());
    }

    [Fact]
    public async Task A_model_that_hears_worse_is_refused_with_its_figures()
    {
        var exception = await Assert.ThrowsAsync<ModelException>(() => Gate(rate: 0.0531).CheckAsync(Before, After, Clips));
        Assert.Contains("5.00 % before, 5.31 % after (+0.31) on 2 clips, where at most +0.30", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clips_are_heard_in_their_order_and_none_is_an_error()
    {
        var heard = new List<string>();
        ClipText Note(string model) => (clip, _) =>
        {
            heard.Add($"{model} {clip.Path}");
            return ValueTask.FromResult("");
        };
        await Gate(rate: 0.05).CheckAsync(Note("before"), Note("after"), Clips);
        Assert.Equal(["before one.wav", "before two.wav", "after one.wav", "after two.wav"], heard);
        Assert.Contains(
            "no clips", (await Assert.ThrowsAsync<ModelException>(() => Gate(rate: 0).CheckAsync(Before, After, []))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Reads_the_manifest_of_the_recordings()
    {
        var path = TestData.Require("audio/manifest.json");
        var clips = ExportGate.ReadManifest(path);
        Assert.DoesNotContain(clips, clip => Path.GetFileName(clip.Path) == "two-speakers.wav"); // it has no reference
        Assert.Contains(
            clips, clip => Path.GetFileName(clip.Path) == "jfk.wav" && clip.Reference.StartsWith("And so", StringComparison.Ordinal));
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
    static ValueTask<string> Before(GateClip clip, CancellationToken cancellationToken) => ValueTask.FromResult("before");

    static ValueTask<string> After(GateClip clip, CancellationToken cancellationToken) => ValueTask.FromResult("after");

    static ExportGate Gate(double rate) => new(pairs => pairs.Count == 2 && pairs.All(pair => pair.Hypothesis == "after") ? rate : 0.05);
}
