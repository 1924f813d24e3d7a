using Earshot.Compute.Cpu;
using Earshot.Evaluation;
using Earshot.Transcription;

namespace Earshot.Tests.Evaluation;

/// <summary>The whole of it on real speech: no change may make the smallest model err more than when its baseline was made.</summary>
public class BaselineTests
{
    /// <summary>Points of percent. The baseline has 228 words: one more error is already too many.</summary>
    const double MostIncrease = 0.2;

    [Fact]
    public async Task Tiny_en_makes_no_more_errors_than_its_baseline()
    {
        var manifest = EvaluationManifest.Read(TestData.Require("audio/manifest.json"));
        manifest = manifest with { Clips = [.. manifest.Clips.Where(clip => clip.Reference is not null)] };
        var baseline = EvaluationRun.Read(Path.Combine(TestData.RepositoryRoot, "tests", "goldens", "eval-tiny.en.json"));
        // float32 gives the same text on every instruction set and with any number of threads.
        using var transcriber = await Transcriber.LoadAsync(TestData.Require("models/whisper-tiny.en"), new TranscriberOptions { Weights = WeightFormat.F32 });
        SystemUnderTest[] systems =
        [
            System("whisper-tiny.en/greedy", transcriber, new TranscriptionOptions { BeamSize = 1, Temperatures = [0] }),
            System("whisper-tiny.en/default", transcriber, new TranscriptionOptions()),
        ];
        using var folder = new ScratchFolder();
        using var run = RunFolder.Open(folder.Path, Runs.Plan(manifest, [.. systems.Select(system => system.Description)]));
        var results = await new EvaluationRunner(manifest, systems, new EvaluationRunOptions { WarmUp = false }).RunAsync(run);

        // Clips without a reference are in the baseline for its times alone.
        var comparison = RunComparison.Of(baseline, results, new RegressionBudget { MaxErrorRateIncrease = MostIncrease, AllowMissingClips = true });
        Assert.Equal(2, comparison.Systems.Count);
        Assert.All(comparison.Systems, system => Assert.Equal(manifest.Clips.Count, system.Clips));
        Assert.All(results.Results, result => Assert.Null(result.Error));
        Assert.True(comparison.Passed, string.Join("\n", comparison.Systems.SelectMany(Told)));
    }

    static IEnumerable<string> Told(SystemChange change) =>
    [
        .. change.Violations.Select(violation => $"{change.After}: {violation}"),
        .. change.Worse.Select(clip => $"{clip.Clip}: {clip.ErrorsBefore} → {clip.ErrorsAfter} errors\n  {clip.Before}\n  {clip.After}"),
    ];

    static SystemUnderTest System(string name, Transcriber transcriber, TranscriptionOptions options) => new()
    {
        Description = new SystemDescription { Name = name },
        TranscribeAsync = async (clip, cancellationToken) =>
        {
            var segments = new List<Segment>();
            await foreach (var segment in transcriber.TranscribeAsync(clip.Audio, options, cancellationToken: cancellationToken)) segments.Add(segment);
            return new SystemOutput { Text = string.Concat(segments.Select(segment => segment.Text)).Trim() };
        },
    };
}
