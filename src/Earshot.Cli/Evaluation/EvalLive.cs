using System.Globalization;
using Earshot.Audio;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;
using Earshot.Live;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Cli.Evaluation;

/// <summary><c>earshot eval --live</c>: latency, erasure and errors of live policies, at simulated pace.</summary>
internal sealed class EvalLive(Terminal terminal, ScoringOptions scoring)
{
    readonly ClipScorer _scorer = new(scoring);

    /// <param name="streams">How many recordings are heard at once besides, at real pace; 0 for none.</param>
    public async Task<IReadOnlyList<LiveReport>> RunAsync(
        EvaluationManifest manifest, IReadOnlyList<LivePolicy> policies, EvalChoice choice, int streams,
        CancellationToken cancellationToken)
    {
        using var transcriber = await ModelLoading.LoadAsync(choice.Model, choice.Loading, terminal, cancellationToken)
            .ConfigureAwait(false);
        await ModelLoading.LoadSpeechDetectorAsync(transcriber, terminal, cancellationToken).ConfigureAwait(false);
        var clips = manifest.Clips.Where(clip => clip.Reference is not null).ToList();
        if (clips.Count == 0)
            throw new ManifestException($"'{manifest.Source}': no clip tells what is said, so that nothing can be scored.");
        var sounds = clips.Select(clip => (ReadOnlyMemory<float>)AudioFile.Load(clip.Audio)).ToList();
        var offline = new List<string>();
        var reports = new List<LiveReport>();
        foreach (var clip in clips)
            offline.Add(await OfflineAsync(transcriber, clip, choice.Transcription, cancellationToken).ConfigureAwait(false));
        foreach (var policy in policies)
        {
            var options = clips.Select(clip => new LiveOptions
            {
                Policy = policy,
                Recognition = new RecognitionOptions { Language = clip.Language, Task = choice.Transcription.Task },
            }).ToList();
            var results = new List<LiveResult>();
            for (int i = 0; i < clips.Count; i++)
            {
                terminal.Detail($"{policy.Name}: {clips[i].Id}");
                results.Add(await LiveEvaluation.RunAsync(transcriber, options[i], sounds[i], cancellationToken).ConfigureAwait(false));
            }
            var report = Report(policy, clips, results, offline);
            if (streams > 0)
            {
                terminal.Detail($"{policy.Name}: {streams} streams at once");
                var load = await LiveLoad.RunAsync(
                    transcriber, [.. Enumerable.Range(0, streams).Select(i => (sounds[i % clips.Count], options[i % clips.Count]))], null,
                    cancellationToken).ConfigureAwait(false);
                int equal = load.Texts.Where((text, i) => text == results[i % clips.Count].Text).Count();
                report = report with { Load = load, LoadEqualTexts = equal };
            }
            reports.Add(report);
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
                $"erasure {report.NormalizedErasure:0.00}, a second of sound takes {report.ComputingPerSecond:0.000} s " +
                $"({report.ProcessorPerSecond:0.000} s of processors)"));
            terminal.Out.WriteLine($"  {"",-34}{"p50",8}{"p95",8}{"p99",8}{"mean",8}");
            Row("first word, by the sound", report.FirstWord);
            Row("first word, computing included", report.FirstWordComputed);
            Row("final words, by the sound", report.Words);
            Row("final words, computing included", report.WordsComputed);
            Row("after a turn's end, computing", report.TurnEndComputed);
            if (report.Load is not { } load) continue;
            terminal.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {load.Streams} streams at once, at real pace: {load.ProcessorPerSecond:0.000} s of processors a second of a stream, " +
                $"{load.PaceChanges} changes of pace, {report.LoadEqualTexts} texts as alone"));
            Row("final words, by the clock", load.Words);
            Row("after a turn's end, by the clock", load.TurnEnds);
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
            Policy = LivePolicies.Describe(policy),
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
            ProcessorPerSecond = results.Sum(result => result.Processor.TotalSeconds) / results.Sum(result => result.Duration.TotalSeconds),
            WordTimes = [.. results.SelectMany(result => result.WordsComputed).Order()],
            Recordings =
            [
                .. clips.Select((clip, i) => new LiveClipReport(
                    clip.Id, clip.Reference!, results[i].Text, live[i].Errors, offline[i].Trim(), whole[i].Errors)),
            ],
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
