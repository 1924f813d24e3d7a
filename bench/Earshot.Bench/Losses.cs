using System.Globalization;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;

namespace Earshot.Bench;

/// <summary>
/// What each system of an evaluated run loses against one of them: in word errors, with and without the clips on which either
/// loops, and in words that differ from that system's own text. Variants of a recording are not independent, so intervals
/// are by speaker.
/// </summary>
internal static class Losses
{
    // Whisper's measure of a text that loops.
    const double Loop = 2.4;

    public static void Run(string folder, string baseline)
    {
        var run = EvaluationRun.Read(folder);
        var scorer = new ClipScorer(run.Plan.Scoring);
        var before = run.Of(baseline).Where(result => result.Error is null).ToList();
        foreach (var system in run.Plan.Systems.Select(system => system.Name).Where(name => name != baseline))
        {
            var after = run.Of(system).Where(result => result.Error is null).ToDictionary(result => result.Clip);
            var pairs = before.Where(result => after.ContainsKey(result.Clip)).Select(result => (Before: result, After: after[result.Clip]))
                .ToList();
            var referenced = pairs.Where(pair => pair.Before.Reference is { Length: > 0 }).ToList();
            Console.WriteLine(
                $"{system}: {pairs.Count(pair => Loops(pair.After))} of {pairs.Count} clips loop, " +
                $"{pairs.Count(pair => Loops(pair.Before))} before");
            Print("all clips", referenced, scorer);
            Print("without loops", [.. referenced.Where(pair => !Loops(pair.Before) && !Loops(pair.After))], scorer);
            // The baseline's own words as the reference: it has none wrong.
            var own = pairs.Where(pair => !Loops(pair.Before) && !Loops(pair.After)).Select(
                pair => (pair.Before with { Reference = pair.Before.Text }, pair.After with { Reference = pair.Before.Text })).ToList();
            Print("against its text", own, scorer);
        }
    }

    static void Print(string what, List<(ClipResult Before, ClipResult After)> pairs, ClipScorer scorer)
    {
        var bySpeaker = pairs.GroupBy(pair => pair.Before.Speaker ?? pair.Before.Clip)
            .Select(group => (Before: Counts(
                group.Select(pair => pair.Before), scorer), After: Counts(group.Select(pair => pair.After), scorer))).ToList();
        EditCounts[] before = [.. bySpeaker.Select(pair => pair.Before)], after = [.. bySpeaker.Select(pair => pair.After)];
        var difference = SystemComparison.PairedBootstrap(after, before).Difference;
        var (first, second) = (before.Aggregate(default(EditCounts), EditCounts.Add), after.Aggregate(default(EditCounts), EditCounts.Add));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {what,-17} {pairs.Count,4} clips, {first.ReferenceLength,5} words: " +
            $"{100 * first.ErrorRate:F2} → {100 * second.ErrorRate:F2} %, {100 * difference.Estimate:+0.00;-0.00;0.00} points " +
            $"({100 * difference.Low:+0.00;-0.00;0.00} to {100 * difference.High:+0.00;-0.00;0.00})"));
    }

    static EditCounts Counts(IEnumerable<ClipResult> results, ClipScorer scorer) =>
        results.Select(result => scorer.Align(result).Counts).Aggregate(default(EditCounts), EditCounts.Add);

    static bool Loops(ClipResult result) => Repetition.CompressionRatio(result.Text) > Loop;
}
