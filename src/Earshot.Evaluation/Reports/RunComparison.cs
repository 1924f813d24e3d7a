using System.Globalization;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>How much worse a run may be than the one before.</summary>
public sealed record RegressionBudget
{
    /// <summary>Points of the error rate, in percent: 0.2 lets 5.0 % become 5.2 %. Null for any.</summary>
    public double? MaxErrorRateIncrease { get; init; } = 0.2;

    /// <summary>How many times as long it may take: 1.2 lets 10 s become 12 s. Null for any.</summary>
    public double? MaxSlowdown { get; init; }

    /// <summary>Whether clips of the first run may be absent from the second.</summary>
    public bool AllowMissingClips { get; init; }
}

/// <summary>A clip of which two runs made something different.</summary>
public sealed record ChangedClip(string Clip, string? Reference, string Before, string After, long ErrorsBefore, long ErrorsAfter)
{
    public long Change => ErrorsAfter - ErrorsBefore;
}

/// <summary>What changed for one system from one run to another.</summary>
public sealed record SystemChange
{
    public required string Before { get; init; }

    public required string After { get; init; }

    /// <summary>Clips scored in both.</summary>
    public required int Clips { get; init; }

    /// <summary>Shares of 1, over the clips scored in both.</summary>
    public required double ErrorRateBefore { get; init; }

    public required double ErrorRateAfter { get; init; }

    /// <summary>After less before, with its interval by paired bootstrap: above 0 is worse.</summary>
    public RateInterval? Difference { get; init; }

    /// <summary>Two-sided, by paired bootstrap.</summary>
    public double? BootstrapPValue { get; init; }

    /// <summary>Two-sided, by NIST's matched pairs of segments.</summary>
    public double? MatchedPairsPValue { get; init; }

    /// <summary>Time after over time before, over the clips in both; null where times are not known.</summary>
    public double? Slowdown { get; init; }

    public required IReadOnlyList<ChangedClip> Worse { get; init; }

    public required IReadOnlyList<ChangedClip> Better { get; init; }

    /// <summary>Clips of the first run that the second lacks, or failed on.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>How the budget is exceeded; empty where it is kept.</summary>
    public required IReadOnlyList<string> Violations { get; init; }
}

/// <summary>Two runs side by side, judged by a budget.</summary>
public sealed record RunComparison
{
    public required RegressionBudget Budget { get; init; }

    public required IReadOnlyList<SystemChange> Systems { get; init; }

    /// <summary>Whether every system keeps the budget.</summary>
    public required bool Passed { get; init; }

    /// <summary>
    /// Compares the systems that two runs share by name; where each has one system alone, those two whatever their names.
    /// </summary>
    /// <exception cref="ManifestException">The runs share no system or no clip, or were scored against different references or by different
    /// rules.</exception>
    public static RunComparison Of(
        EvaluationRun before, EvaluationRun after, RegressionBudget? budget = null, ResamplingOptions? resampling = null)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        budget ??= new RegressionBudget();
        if (before.Plan.Scoring != after.Plan.Scoring)
            throw new ManifestException(
                $"The runs were scored by different rules ({before.Plan.Scoring}, {after.Plan.Scoring}); they cannot be compared.");
        var pairs = Pairs(before, after);
        var changes = pairs.Select(pair => Change(pair, (before, after), budget, resampling)).ToList();
        return new RunComparison { Budget = budget, Systems = changes, Passed = changes.All(change => change.Violations.Count == 0) };
    }

    /// <summary>Compares two systems, of one run or of two.</summary>
    /// <inheritdoc cref="Of(EvaluationRun, EvaluationRun, RegressionBudget, ResamplingOptions)"/>
    public static RunComparison OfSystems(
        (EvaluationRun Run, string System) before, (EvaluationRun Run, string System) after, RegressionBudget? budget = null)
    {
        Require(before.Run, before.System);
        Require(after.Run, after.System);
        return Of(Only(before.Run, before.System), Only(after.Run, after.System), budget);

        static EvaluationRun Only(EvaluationRun run, string system) => run with
        {
            Plan = run.Plan with { Systems = [.. run.Plan.Systems.Where(known => known.Name == system)] },
            Results = [.. run.Results.Where(result => result.System == system)],
        };
    }

    static void Require(EvaluationRun run, string system)
    {
        if (run.Plan.Systems.All(known => known.Name != system))
            throw new ManifestException(
                $"The run has no system '{system}'; it has {string.Join(", ", run.Plan.Systems.Select(known => $"'{known.Name}'"))}.");
    }

    static List<(string Before, string After)> Pairs(EvaluationRun before, EvaluationRun after)
    {
        var (first, second) = (Names(before), Names(after));
        if (first.Count == 1 && second.Count == 1) return [(first[0], second[0])];
        var shared = first.Intersect(second).Select(name => (name, name)).ToList();
        return shared.Count > 0 ? shared : throw new ManifestException(
            $"The runs share no system: one has {string.Join(", ", first)}, the other {string.Join(", ", second)}.");

        static List<string> Names(EvaluationRun run) =>
        [
            .. run.Plan.Systems.Select(system => system.Name).Where(name => run.Results.Any(result => result.System == name))
        ];
    }

    static SystemChange Change(
        (string Before, string After) names,
        (EvaluationRun Before, EvaluationRun After) runs,
        RegressionBudget budget,
        ResamplingOptions? resampling)
    {
        var first = runs.Before.Of(names.Before).Where(result => result.Error is null).ToList();
        var second = runs.After.Of(names.After).Where(result => result.Error is null)
            .ToDictionary(result => result.Clip, StringComparer.Ordinal);
        var both =
            first.Where(result => second.ContainsKey(result.Clip)).Select(result => (Before: result, After: second[result.Clip])).ToList();
        if (both.Count == 0) throw new ManifestException($"'{names.Before}' and '{names.After}' have no clip in common.");
        if (both.FirstOrDefault(pair => pair.Before.Reference != pair.After.Reference) is { Before: { } differing })
            throw new ManifestException($"The references of the clip '{differing.Clip}' differ; the runs cannot be compared.");
        var scorer = new ClipScorer(runs.Before.Plan.Scoring);
        // Counts are made anew of the texts, so that both are counted by the same program.
        var scored = both.Select(pair => (Before: scorer.Score(pair.Before), After: scorer.Score(pair.After)))
            .Where(pair => pair.Before.IsScored).ToList();
        var change = Tested(scored, scorer, resampling) with
        {
            Before = names.Before,
            After = names.After,
            Slowdown = Slowdown(both),
            Missing = [.. first.Where(result => !second.ContainsKey(result.Clip)).Select(result => result.Clip)],
        };
        return change with { Violations = [.. Violations(change, budget)] };
    }

    static SystemChange Tested(List<(ClipResult Before, ClipResult After)> scored, ClipScorer scorer, ResamplingOptions? resampling)
    {
        EditCounts[] before = [.. scored.Select(pair => pair.Before.Counts!.ToEditCounts())],
            after = [.. scored.Select(pair => pair.After.Counts!.ToEditCounts())];
        var changed = scored
            .Select(pair => new ChangedClip(
                pair.Before.Clip, pair.Before.Reference, pair.Before.Text, pair.After.Text, pair.Before.Counts!.ToEditCounts().Errors,
                pair.After.Counts!.ToEditCounts().Errors))
            .Where(clip => clip.Change != 0)
            .OrderByDescending(clip => Math.Abs(clip.Change)).ThenBy(clip => clip.Clip, StringComparer.Ordinal)
            .ToList();
        var change = new SystemChange
        {
            Before = "",
            After = "",
            Clips = scored.Count,
            ErrorRateBefore = before.Aggregate(default(EditCounts), EditCounts.Add).ErrorRate,
            ErrorRateAfter = after.Aggregate(default(EditCounts), EditCounts.Add).ErrorRate,
            Worse = [.. changed.Where(clip => clip.Change > 0)],
            Better = [.. changed.Where(clip => clip.Change < 0)],
            Missing = [],
            Violations = [],
        };
        if (scored.Count == 0) return change;
        var bootstrap = SystemComparison.PairedBootstrap(after, before, resampling);
        var pairs = SystemComparison.MatchedPairs(
            [.. scored.Select(pair => scorer.Align(pair.After))], [.. scored.Select(pair => scorer.Align(pair.Before))]);
        return change with
        {
            Difference = new RateInterval(
                bootstrap.Difference.Estimate, bootstrap.Difference.Low, bootstrap.Difference.High, bootstrap.Difference.Level),
            BootstrapPValue = bootstrap.PValue,
            MatchedPairsPValue = pairs.PValue,
        };
    }

    static double? Slowdown(List<(ClipResult Before, ClipResult After)> pairs)
    {
        var timed = pairs.Where(pair => pair.Before.Times.Count > 0 && pair.After.Times.Count > 0).ToList();
        double before = timed.Sum(pair => pair.Before.Time.TotalSeconds);
        return before > 0 ? timed.Sum(pair => pair.After.Time.TotalSeconds) / before : null;
    }

    static IEnumerable<string> Violations(SystemChange change, RegressionBudget budget)
    {
        double points = 100 * (change.ErrorRateAfter - change.ErrorRateBefore);
        // A hair for rounding: a rise of just the budget keeps it.
        if (budget.MaxErrorRateIncrease is { } most && points > most + 1e-9)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"the error rate rose by {points:0.00} points, from {100 * change.ErrorRateBefore:0.00} % to " +
                $"{100 * change.ErrorRateAfter:0.00} %; the budget is {most:0.##}");
        if (budget.MaxSlowdown is { } factor)
        {
            if (change.Slowdown is not { } slowdown) yield return "a run holds no times, so its speed cannot be judged";
            else if (slowdown > factor)
                yield return string.Create(
                    CultureInfo.InvariantCulture, $"it takes {slowdown:0.00} times as long; the budget is {factor:0.##}");
        }
        if (change.Missing.Count > 0 && !budget.AllowMissingClips)
            yield return $"{change.Missing.Count} {(change.Missing.Count == 1 ? "clip is" : "clips are")} missing or failed, " +
                $"such as '{change.Missing[0]}'";
    }
}
