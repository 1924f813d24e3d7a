using System.Diagnostics;
using System.Globalization;
using Earshot.Evaluation;
using Earshot.Evaluation.Metrics;

namespace Earshot.Cli.Evaluation;

/// <summary>Draws how far an evaluation is, and tells of clips that fail.</summary>
internal sealed class EvalProgress(Terminal terminal, StatusLine status) : IProgress<EvaluationProgress>
{
    const int BarWidth = 24;

    readonly long _started = Stopwatch.GetTimestamp();
    EditCounts _counts;
    int _before = -1;

    /// <summary>Results made in this run that failed.</summary>
    public int Failures { get; private set; }

    public void Report(EvaluationProgress value)
    {
        if (_before < 0) _before = value.Done;
        if (value.Latest is { Error: { } error } failed)
        {
            Failures++;
            status.Above(() => terminal.Fail($"{failed.System}, {failed.Clip}: {error}"));
        }
        if (value.Latest is { IsScored: true } scored) _counts += scored.Counts!.ToEditCounts();
        if (value.Latest is { } latest)
        {
            status.Above(() => terminal.Detail(string.Create(
                CultureInfo.InvariantCulture, $"{latest.Clip} · {latest.System} · {latest.Time.TotalSeconds:0.00} s · {latest.Text}")));
        }
        status.Show(_ => Line(value.Done, value.Total, value.Done - _before, Stopwatch.GetElapsedTime(_started)));
    }

    internal string Line(int done, int total, int doneNow, TimeSpan elapsed)
    {
        double part = total == 0 ? 1 : (double)done / total;
        int full = (int)Math.Round(part * BarWidth);
        var wer = _counts.ReferenceLength > 0 ? string.Create(CultureInfo.InvariantCulture, $"  WER {100 * _counts.ErrorRate:0.0} %") : "";
        var left = doneNow > 0 && done < total ? $"  {Units.Clock(elapsed * ((double)(total - done) / doneNow))} left" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Evaluating  {new string('━', full)}{new string('─', BarWidth - full)}  {done} / {total}{wer}{left}");
    }
}
