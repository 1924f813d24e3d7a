using System.Globalization;
using Earshot.Audio;
using Earshot.Cli.Models;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;
using Earshot.Live;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Cli.Evaluation;

/// <summary>A policy's figures over a test set.</summary>
internal sealed record LiveReport
{
    public required string Policy { get; init; }

    public required int Clips { get; init; }

    public required long ReferenceWords { get; init; }

    public required long Errors { get; init; }

    /// <summary>Errors of the same model that hears the whole recordings.</summary>
    public required long OfflineErrors { get; init; }

    public required LatencySummary FirstWord { get; init; }

    public required LatencySummary FirstWordComputed { get; init; }

    public required LatencySummary Words { get; init; }

    public required LatencySummary WordsComputed { get; init; }

    public required LatencySummary TurnEndComputed { get; init; }

    public required double NormalizedErasure { get; init; }

    /// <summary>Seconds of computing for each second of sound, waiting included.</summary>
    public required double ComputingPerSecond { get; init; }
}

/// <summary><c>earshot eval --live</c>: latency, erasure and errors of live policies, at simulated pace.</summary>
internal sealed class EvalLive(Terminal terminal, ScoringOptions scoring)
{
    readonly ClipScorer _scorer = new(scoring);

    public async Task<IReadOnlyList<LiveReport>> RunAsync(
        EvaluationManifest manifest, IReadOnlyList<LivePolicy> policies, EvalChoice choice, CancellationToken cancellationToken)
    {
        using var transcriber = await ModelLoading.LoadAsync(choice.Model, choice.Loading, terminal, cancellationToken)
            .ConfigureAwait(false);
        await ModelLoading.LoadSpeechDetectorAsync(transcriber, terminal, cancellationToken).ConfigureAwait(false);
        var clips = manifest.Clips.Where(clip => clip.Reference is not null).ToList();
        if (clips.Count == 0)
            throw new ManifestException($"'{manifest.Source}': no clip tells what is said, so that nothing can be scored.");
        var offline = new List<string>();
        var reports = new List<LiveReport>();
        foreach (var clip in clips)
            offline.Add(await OfflineAsync(transcriber, clip, choice.Transcription, cancellationToken).ConfigureAwait(false));
        foreach (var policy in policies)
        {
            var results = new List<LiveResult>();
            foreach (var clip in clips)
            {
                terminal.Detail($"{policy.Name}: {clip.Id}");
                var options = new LiveOptions
                {
                    Policy = policy,
                    Recognition = new RecognitionOptions { Language = clip.Language, Task = choice.Transcription.Task },
                };
                results.Add(await LiveEvaluation.RunAsync(transcriber, options, AudioFile.Load(clip.Audio), cancellationToken)
                    .ConfigureAwait(false));
            }
            reports.Add(Report(policy, clips, results, offline));
        }
        return reports;
    }

    public static void Show(IReadOnlyList<LiveReport> reports, Terminal terminal)
    {
        foreach (var report in reports)
        {
            terminal.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{report.Policy}: {report.Errors} errors of {report.ReferenceWords} words (offline {report.OfflineErrors}), " +
                $"erasure {report.NormalizedErasure:0.00}, {report.ComputingPerSecond:0.00} s of computing a second of sound"));
            terminal.Out.WriteLine($"  {"",-34}{"p50",8}{"p95",8}{"p99",8}{"mean",8}");
            Row("first word, by the sound", report.FirstWord);
            Row("first word, computing included", report.FirstWordComputed);
            Row("final words, by the sound", report.Words);
            Row("final words, computing included", report.WordsComputed);
            Row("after a turn's end, computing", report.TurnEndComputed);
        }

        void Row(string name, LatencySummary times) => terminal.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-34}{times.P50.TotalSeconds,8:0.00}{times.P95.TotalSeconds,8:0.00}{times.P99.TotalSeconds,8:0.00}" +
            $"{times.Mean.TotalSeconds,8:0.00}"));
    }

    LiveReport Report(LivePolicy policy, List<EvaluationClip> clips, List<LiveResult> results, List<string> offline)
    {
        var live = clips.Zip(results, (clip, result) => Counts(clip, result.Text)).ToList();
        var whole = clips.Zip(offline, Counts).ToList();
        double words = results.Sum(result => result.Words.Count);
        return new LiveReport
        {
            Policy = policy.Name,
            Clips = clips.Count,
            ReferenceWords = live.Sum(counts => counts.ReferenceLength),
            Errors = live.Sum(counts => counts.Errors),
            OfflineErrors = whole.Sum(counts => counts.Errors),
            FirstWord = LatencySummary.Of(results.SelectMany(result => result.FirstWords)),
            FirstWordComputed = LatencySummary.Of(results.SelectMany(result => result.FirstWordsComputed)),
            Words = LatencySummary.Of(results.SelectMany(result => result.Words)),
            WordsComputed = LatencySummary.Of(results.SelectMany(result => result.WordsComputed)),
            TurnEndComputed = LatencySummary.Of(results.SelectMany(result => result.TurnsComputed)),
            NormalizedErasure = results.Sum(result => result.NormalizedErasure * result.Words.Count) / Math.Max(1, words),
            ComputingPerSecond = results.Sum(result => result.Computing.TotalSeconds) / results.Sum(result => result.Duration.TotalSeconds),
        };
    }

    EditCounts Counts(EvaluationClip clip, string text) => _scorer.Align(new ClipResult
    {
        System = "",
        Clip = clip.Id,
        Audio = clip.Audio,
        Reference = clip.Reference,
        Language = clip.Language,
        Text = text,
        Times = [],
    }).Counts;

    static async Task<string> OfflineAsync(
        Transcriber transcriber, EvaluationClip clip, TranscriptionOptions options, CancellationToken cancellationToken)
    {
        var text = "";
        await foreach (var segment in transcriber
            .TranscribeAsync(clip.Audio, options with { Language = clip.Language }, null, cancellationToken).ConfigureAwait(false))
        {
            text += segment.Text;
        }
        return text;
    }
}
