using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Options;
using Earshot.Evaluation;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot eval compare</c>: whether a run is worse than the one before, for CI.</summary>
internal sealed class EvalCompareCommand : EarshotCommand
{
    readonly Argument<string> _before =
        new("before") { HelpName = "BEFORE", Description = "A run's folder, or a report.json kept as baseline." };
    readonly Argument<string> _after = new("after") { HelpName = "AFTER", Description = "The run to judge." };
    readonly Option<double?> _wer = OptionKinds.Number(
        "--max-wer-increase", "Points of percent by which the error rate may rise (default 0.2).", 0, 100, "POINTS");
    readonly Option<double?> _slowdown = OptionKinds.Number(
        "--max-slowdown", "How many times as long it may take (default: any; times of different machines say nothing).", 0.01, 1000);
    readonly Option<bool> _allowMissing = OptionKinds.Flag("--allow-missing", "Clips of the first run may be absent from the second.");
    readonly Option<string?> _systemBefore = OptionKinds.Text(
        "--system-before", "NAME", "Compare this system of the first run alone; with --system-after, whatever their names.");
    readonly Option<string?> _systemAfter = OptionKinds.Text("--system-after", "NAME", "Compare this system of the second run alone.");
    readonly Option<int?> _show = OptionKinds.Whole("--show", "How many clips that got worse are shown (default 20).", 0);
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs.");

    public EvalCompareCommand(Terminal terminal)
        : base(
            "compare",
            "Compare two runs, clip by clip, and fail (exit code 1) where the second is worse than a budget allows. " +
            "Differences come with their interval by paired bootstrap and the p value of NIST's matched pairs.", terminal)
    {
        Add(_before);
        Add(_after);
        AddGroup("Budget", _wer, _slowdown, _allowMissing);
        AddGroup("What to compare", _systemBefore, _systemAfter);
        AddGroup("Output", _show, _json);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot eval compare baseline.json eval-runs/calls", "Fails where the error rate rose by more than 0.2 points."),
        new(
            "earshot eval compare eval-runs/calls eval-runs/calls --system-before turbo/beam --system-after turbo/greedy",
            "Two systems of one run."),
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (before, after) = (EvaluationRun.Read(parsed.GetRequiredValue(_before)), EvaluationRun.Read(parsed.GetRequiredValue(_after)));
        var budget = new RegressionBudget
        {
            MaxErrorRateIncrease = parsed.GetValue(_wer) ?? new RegressionBudget().MaxErrorRateIncrease,
            MaxSlowdown = parsed.GetValue(_slowdown),
            AllowMissingClips = parsed.GetValue(_allowMissing),
        };
        var comparison = (parsed.GetValue(_systemBefore), parsed.GetValue(_systemAfter)) switch
        {
            (null, null) => RunComparison.Of(before, after, budget),
            var (first, second) => RunComparison.OfSystems((before, first ?? second!), (after, second ?? first!), budget),
        };
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(comparison, EvaluationJson.Readable.RunComparison));
        else foreach (var system in comparison.Systems) Print(system, parsed.GetValue(_show) ?? 20);
        return Task.FromResult(comparison.Passed ? ExitCode.Ok : ExitCode.SomeFailed);
    }

    void Print(SystemChange change, int show)
    {
        var output = Terminal.Out;
        output.WriteLine(Terminal.Paint(
            change.Before == change.After ? change.Before : $"{change.Before} → {change.After}", "1", Terminal.OutIsTerminal));
        output.WriteLine(
            $"  error rate  {EvalReports.Percent(change.ErrorRateBefore)} → {EvalReports.Percent(change.ErrorRateAfter)} over " +
            $"{Units.Count(change.Clips)} clips");
        if (change.Difference is { } difference)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  difference  {100 * difference.Rate:+0.00;-0.00;0.00} points, 95 % interval {100 * difference.Low:+0.00;-0.00;0.00} " +
                $"to {100 * difference.High:+0.00;-0.00;0.00}"));
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  p value     {change.BootstrapPValue:0.000} paired bootstrap, {change.MatchedPairsPValue:0.000} matched pairs"));
        }
        if (change.Slowdown is { } slowdown)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  time        {slowdown:0.00} times as long"));
        output.WriteLine($"  clips       {Units.Count(change.Worse.Count)} worse, {Units.Count(change.Better.Count)} better");
        foreach (var clip in change.Worse.Take(show)) Print(clip);
        if (change.Worse.Count > show) output.WriteLine($"  … and {Units.Count(change.Worse.Count - show)} more that got worse");
        if (change.Violations.Count == 0) output.WriteLine($"  {Terminal.Paint("kept", "32", Terminal.OutIsTerminal)}: the budget");
        foreach (var violation in change.Violations)
            output.WriteLine($"  {Terminal.Paint("exceeded", "31", Terminal.OutIsTerminal)}: {violation}");
    }

    void Print(ChangedClip clip)
    {
        Terminal.Out.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"  {clip.Clip}: {clip.ErrorsBefore} → {clip.ErrorsAfter} errors"));
        Terminal.Out.WriteLine($"    reference  {clip.Reference?.ReplaceLineEndings(" ")}");
        Terminal.Out.WriteLine($"    before     {clip.Before.ReplaceLineEndings(" ")}");
        Terminal.Out.WriteLine($"    after      {clip.After.ReplaceLineEndings(" ")}");
    }
}
