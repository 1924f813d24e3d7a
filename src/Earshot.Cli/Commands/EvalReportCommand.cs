using System.CommandLine;
using Earshot.Cli.Evaluation;
using Earshot.Evaluation;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot eval report</c>: the reports of a run anew.</summary>
internal sealed class EvalReportCommand : EarshotCommand
{
    readonly Argument<string> _run = new("run") { HelpName = "RUN", Description = "A run's folder." };
    readonly EvalReportOptionSet _report = new();

    public EvalReportCommand(Terminal terminal) : base("report", "Write a run's reports anew, also of one that is not done yet.", terminal)
    {
        Add(_run);
        AddGroups([_report.Group]);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot eval report eval-runs/calls --embed-audio", "One page with the recordings in it.")
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var folder = parsed.GetRequiredValue(_run);
        var report = EvaluationReport.Of(RunFolder.Read(folder), _report.Of(parsed));
        var page = EvalReports.Write(report, folder, _report.EmbedsAudio(parsed));
        if (_report.PrintsJson(parsed)) Terminal.Out.WriteLine(EvalReports.Json(report));
        else EvalReports.Show(report, Terminal);
        Terminal.Say($"Report: {page}");
        return Task.FromResult(ExitCode.Ok);
    }
}
