using Earshot.Transcription;

namespace Earshot.Evaluation.Tests;

/// <summary>
/// The whole of it on real speech of three languages: as it is shipped, the model errs no more than the reference does. All
/// recordings, settings and weights are compared in .ci/long and, the fastest of them, in .ci/run; a dozen stands for them here.
/// </summary>
public class BaselineTests
{
    /// <summary>Words that int8 products may cost over the dozen.</summary>
    const int MoreErrors = 1;

    static readonly string[] s_clips =
    [
        "jfk.wav", "librispeech-test-clean-1089-134686-0000.wav", "librispeech-train-clean-196-122150-0000.flac",
        "librispeech-train-clean-4406-16882-0000.flac", "kerstin-de_rhasspy-0773.flac", "kerstin-de_rhasspy-0682.flac",
        "kerstin-de_rhasspy-0323.flac", "kerstin-de_rhasspy-1123.flac", "nathalie-nl_rhasspy_1151.flac", "nathalie-nl_rhasspy_383.flac",
        "nathalie-nl_rhasspy_357.flac", "nathalie-nl_rhasspy_1021.flac",
    ];

    [Fact]
    public async Task The_shipped_model_makes_no_more_errors_than_the_reference()
    {
        var all = EvaluationManifest.Read(TestData.Require("audio/manifest.json"));
        var manifest = all with { Clips = [.. all.Clips.Where(clip => s_clips.Contains(clip.Id))] };
        Assert.Equal(s_clips.Length, manifest.Clips.Count);
        using var transcriber = await Transcriber.LoadAsync(
            TestModels.WhisperBase, new TranscriberOptions { SpeechDetectorFile = TestModels.SileroVad });
        SystemUnderTest[] systems = [Heard(transcriber), Reference()];
        using var folder = new ScratchFolder();
        using var run = RunFolder.Open(folder.Path, Runs.Plan(manifest, [.. systems.Select(system => system.Description)]));
        var results = await new EvaluationRunner(manifest, systems, new EvaluationRunOptions { WarmUp = false }).RunAsync(run);
        Assert.All(results.Results, result => Assert.Null(result.Error));

        long words = results.Of("reference").Sum(result => result.Counts!.ToEditCounts().ReferenceLength);
        var comparison = RunComparison.OfSystems(
            (results, "reference"), (results, "shipped"), new RegressionBudget { MaxErrorRateIncrease = 100.0 * MoreErrors / words });
        Assert.True(comparison.Passed, string.Join("\n", comparison.Systems.SelectMany(Told)));
    }

    static IEnumerable<string> Told(SystemChange change) =>
    [
        .. change.Violations.Select(violation => $"{change.After}: {violation}"),
        .. change.Worse.Select(clip => $"{clip.Clip}: {clip.ErrorsBefore} → {clip.ErrorsAfter} errors\n  {clip.Before}\n  {clip.After}"),
    ];

    static SystemUnderTest Heard(Transcriber transcriber) => new()
    {
        Description = new SystemDescription { Name = "shipped" },
        TranscribeAsync = async (clip, cancellationToken) =>
        {
            var options = new TranscriptionOptions { Language = clip.Language, Decoding = new() { BeamSize = 1 } };
            var text = "";
            await foreach (var segment in transcriber.TranscribeAsync(clip.Audio, options, cancellationToken: cancellationToken))
                text += segment.Text;
            return new SystemOutput { Text = text.Trim() };
        },
    };

    static SystemUnderTest Reference() => new()
    {
        Description = new SystemDescription { Name = "reference" },
        TranscribeAsync = (clip, _) => Task.FromResult(
            new SystemOutput { Text = WhisperGoldens.Clip("transcribe.json", clip.Id).GetProperty("text").GetString()!.Trim() }),
    };
}
