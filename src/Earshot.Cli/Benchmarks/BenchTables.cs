using System.Globalization;
using System.Text;
using Earshot.Benchmarks;
using Spectre.Console;

namespace Earshot.Cli.Benchmarks;

/// <summary>A benchmark for people: a table on a terminal, or Markdown.</summary>
internal static class BenchTables
{
    static readonly string[] s_stageHeads = ["Setting", "Stage", "ms", "GFLOP", "MB read", "Of the limit", "× first"];
    static readonly string[] s_resultHeads =
    [
        "Setting", "× real time", "Prompt, tokens/s", "Tokens/s", "Tokens/s, all streams", "Weights", "Peak memory so far",
    ];

    static readonly string[] s_scalingHeads = ["Setting", "Stage", "Threads", "ms", "× the fewest", "Of what threads could add"];

    public static void Write(BenchmarkReport report, IAnsiConsole console)
    {
        console.WriteLine(Heading(report));
        console.Write(Table(s_stageHeads, Stages(report), textColumns: 2));
        console.Write(Table(s_resultHeads, Results(report), textColumns: 1));
        if (Scaling(report).Any()) console.Write(Table(s_scalingHeads, Scaling(report), textColumns: 2));
        foreach (var result in report.Results.Where(result => result.Computed is not null))
            console.WriteLine($"{result.Name}: {result.Computed}");
    }

    public static string Markdown(BenchmarkReport report)
    {
        var text = new StringBuilder();
        text.AppendLine(Heading(report)).AppendLine();
        Append(text, s_stageHeads, Stages(report));
        text.AppendLine();
        Append(text, s_resultHeads, Results(report));
        if (!Scaling(report).Any()) return text.ToString();
        text.AppendLine();
        Append(text, s_scalingHeads, Scaling(report));
        return text.ToString();
    }

    static string Heading(BenchmarkReport report)
    {
        var peaks = report.PeakGigaflops.Select(pair => Invariant($"{pair.Key} {pair.Value:0} GFLOP/s"));
        string limits = $"Measured limits: {string.Join(", ", peaks)}";
        return Invariant(
            $"{report.Model}, {report.Threads} threads; {report.Machine}. {limits}; reading {report.ReadGigabytesPerSecond:0.0} GB/s.");
    }

    static IEnumerable<string[]> Stages(BenchmarkReport report) =>
        from result in report.Results
        from stage in result.Stages
        select new[]
        {
            result.Name,
            stage.Name,
            Invariant($"{stage.Milliseconds:0.00}"),
            stage.Flops > 0 ? Invariant($"{stage.Flops / 1e9:0.00}") : "",
            stage.Bytes > 0 ? Invariant($"{stage.Bytes / 1e6:0.0}") : "",
            stage.RooflineShare is { } share ? Invariant($"{100 * share:0} %") : "",
            result.RatioToFirst.TryGetValue(stage.Name, out double ratio) ? Invariant($"{ratio:0.00}") : "",
        };

    static IEnumerable<string[]> Results(BenchmarkReport report) => report.Results.Select(result => new[]
    {
        result.Name,
        result.RealTimeFactor is { } factor ? Invariant($"{1 / factor:0.0}") : "",
        result.PromptTokensPerSecond is { } prompt ? Invariant($"{prompt:0}") : "",
        result.TokensPerSecond is { } tokens ? Invariant($"{tokens:0}") : "",
        result.StreamsTokensPerSecond is { } streams ? Invariant($"{streams:0}") : "",
        Units.Bytes(result.WeightBytes),
        Units.Bytes(result.PeakMemoryBytes),
    });

    static IEnumerable<string[]> Scaling(BenchmarkReport report) =>
        from result in report.Results
        from stage in result.Stages
        where result.Speedup.ContainsKey(stage.Name)
        select new[]
        {
            result.Name,
            stage.Name,
            Invariant($"{result.Computed!.Threads}"),
            Invariant($"{stage.Milliseconds:0.00}"),
            Invariant($"{result.Speedup[stage.Name]:0.00}"),
            Invariant($"{100 * result.Efficiency[stage.Name]:0} %"),
        };

    static Table Table(string[] heads, IEnumerable<string[]> rows, int textColumns)
    {
        var table = new Table().Border(TableBorder.Rounded);
        for (int i = 0; i < heads.Length; i++)
        {
            var column = new TableColumn(heads[i]);
            table.AddColumn(i < textColumns ? column : column.RightAligned());
        }
        foreach (var row in rows) table.AddRow([.. row.Select(Markup.Escape)]);
        return table;
    }

    static void Append(StringBuilder text, string[] heads, IEnumerable<string[]> rows)
    {
        text.AppendLine($"| {string.Join(" | ", heads)} |");
        text.AppendLine($"|{string.Concat(Enumerable.Repeat(" --- |", heads.Length))}");
        foreach (var row in rows) text.AppendLine($"| {string.Join(" | ", row)} |");
    }

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
