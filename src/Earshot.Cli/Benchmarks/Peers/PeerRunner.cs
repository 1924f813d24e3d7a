using Earshot.Compute.Cpu;
using Earshot.Evaluation.Metrics;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>One run of an engine: how long it took, and what it wrote.</summary>
internal sealed record PeerResult(double Seconds, string Text = "");

/// <summary>An engine in a setting that is ready to run.</summary>
/// <param name="Setting">Asked for after the first run, which may tell more.</param>
internal sealed record PeerRunner(string Engine, Func<string> Setting, Func<CancellationToken, Task<PeerResult>> RunAsync)
{
    public ComputeSettings? Computed { get; init; }
}

/// <summary>Runs engines in turns: each round has all of them, so that a noisy machine is noisy for all.</summary>
internal sealed class PeerRounds(int rounds, Terminal terminal, IProgress<double> progress)
{
    /// <param name="group">What is measured, with the rows of what is not here.</param>
    public async Task<PeerGroup> MeasureAsync(
        PeerGroup group, IReadOnlyList<PeerRunner> runners, string language, CancellationToken cancellationToken)
    {
        var samples = runners.Select(_ => new List<double>()).ToArray();
        var texts = new string[runners.Count];
        var failures = new string?[runners.Count];
        // The first round warms up, and tells who fails.
        for (int round = -1; round < rounds; round++)
        {
            for (int r = 0; r < runners.Count; r++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (failures[r] is not null) continue;
                try
                {
                    var result = await runners[r].RunAsync(cancellationToken).ConfigureAwait(false);
                    texts[r] = result.Text;
                    if (round >= 0) samples[r].Add(1000 * result.Seconds);
                }
                catch (EarshotException e)
                {
                    failures[r] = Reason(e);
                    Warn(terminal, runners[r].Engine, e);
                }
                progress.Report((double)((round + 1) * runners.Count + r + 1) / ((rounds + 1) * runners.Count));
            }
        }
        int first = Array.FindIndex(failures, failure => failure is null);
        var rows = runners.Select((runner, r) => failures[r] is { } failure
            ? Absent(runner.Engine, runner.Setting(), PeerRow.Failed, failure)
            : Measured(runner, samples[r], samples[first], (texts[r], texts[first], language)));
        return group with { Rows = [.. rows, .. group.Rows] };
    }

    public static PeerRow Absent(string engine, string setting, string state, string reason) =>
        new() { Engine = engine, Setting = setting, State = state, Reason = reason };

    /// <summary>What a report may say of a failure: our own words where they name nothing of this machine.</summary>
    public static string Reason(EarshotException failure) =>
        failure is PeerException ? failure.Message : $"it failed ({failure.GetType().Name}); --verbose tells more when it is run again";

    /// <summary>Says what failed, here where the reader may know the paths.</summary>
    public static void Warn(Terminal terminal, string engine, EarshotException failure)
    {
        terminal.Warn($"{engine}: {failure.Message}{(failure is PeerException { Said: { } said } ? $": {said}" : "")}.");
    }

    static PeerRow Measured(PeerRunner runner, List<double> own, List<double> first, (string Own, string First, string Language) texts)
    {
        bool writes = texts.First.Length > 0 || texts.Own.Length > 0;
        return new PeerRow
        {
            Engine = runner.Engine,
            Setting = runner.Setting(),
            State = PeerRow.Measured,
            Milliseconds = Math.Round(Median(own), 3),
            Samples = [.. own.Select(sample => Math.Round(sample, 3))],
            RatioToFirst = ReferenceEquals(own, first) ? 1 : Math.Round(Median(own.Zip(first, (time, other) => time / other)), 4),
            Words = writes ? texts.Own.Split([' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries).Length : null,
            WordsDifferingPercent = writes ? Differing(texts) : null,
            Computed = runner.Computed,
        };
    }

    static double? Differing((string Own, string First, string Language) texts)
    {
        var scorer = new TextScorer(TextScoringOptions.ForLanguage(texts.Language));
        double rate = scorer.Score([new TextPair("", texts.First, texts.Own)]).Counts.ErrorRate;
        return double.IsFinite(rate) ? Math.Round(100 * rate, 2) : null;
    }

    static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
