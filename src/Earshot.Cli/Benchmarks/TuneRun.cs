using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Models;
using Earshot.Compute.Cpu;
using Earshot.Transcription;
using Spectre.Console;

namespace Earshot.Cli.Benchmarks;

/// <summary>What was measured for one instruction set and number of threads. Programs read this: fields may be added.</summary>
internal sealed record TuneReport(TuningKey Machine, string Model, bool Kept, IReadOnlyList<TuneLine> Formats);

/// <summary>A kind of matrix: its time in each format, what the table says, and what is taken.</summary>
internal sealed record TuneLine(
    string Use, string Saved, int Outputs, int Inputs, int Matrices, IReadOnlyDictionary<string, double> Milliseconds, string Table,
    string Taken);

/// <summary>Measures which formats a model's matrices are multiplied fastest in, and keeps that for loading.</summary>
internal static class TuneRun
{
    public static async Task<int> RunAsync(
        BenchModel model, IReadOnlyList<BenchSetting> settings, bool json, Terminal terminal, CancellationToken cancellationToken)
    {
        var matrices = TranscriberOptions.ModelMatrices(model.Stored);
        var kinds = matrices.Select(matrix => matrix.Kind).Distinct().Where(kind => FormatTuner.Choices(kind).Count > 1).ToList();
        if (kinds.Count == 0) throw new UsageException($"'{model.Model.Info.Name}' has no matrices whose format could be chosen.");
        var reports = new List<TuneReport>();
        foreach (var options in settings.Select(setting => new CpuOptions
        {
            InstructionSet = setting.Options.InstructionSet,
            Threads = setting.Options.Threads,
        }).Distinct())
        {
            IReadOnlyList<TuningResult> results;
            using (var status = new StatusLine(terminal))
            {
                results = await Task.Run(
                    () => new FormatTuner(options).Run(kinds, new PercentStatus(status, "Measuring"), cancellationToken), cancellationToken)
                    .ConfigureAwait(false);
            }
            var tuned = new TunedFormats(
                TuningKey.Of(options), results.Select(result => new TunedFormat(result.Kind, result.Fastest)));
            var why = TuningCache.Save(options, tuned, out var path);
            if (why is null) terminal.Say($"Kept in {path}; models are loaded so where no format is given, until --no-tune.");
            else terminal.Warn($"what was measured is not kept: '{path}' cannot be written: {why}");
            var lines = results.Select(result => Line(result, matrices.Count(matrix => matrix.Kind == result.Kind))).ToList();
            reports.Add(new TuneReport(tuned.Key, model.Model.Info.Name, why is null, lines));
        }
        if (json) terminal.Out.WriteLine(JsonSerializer.Serialize(reports, CliJson.Readable.IReadOnlyListTuneReport));
        else reports.ForEach(report => Write(report, terminal));
        return ExitCode.Ok;
    }

    static TuneLine Line(TuningResult result, int matrices) => new(
        result.Kind.Use == WeightUse.ManyRows ? "many rows" : "few rows", result.Kind.Saved?.Name ?? "plain", result.Kind.Outputs,
        result.Kind.Inputs, matrices, result.Seconds.ToDictionary(pair => pair.Key.Name, pair => Math.Round(1000 * pair.Value, 4)),
        result.Table.Name, result.Fastest.Name);

    static void Write(TuneReport report, Terminal terminal)
    {
        terminal.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Model}: {report.Machine.Processor}, {report.Machine.Instructions}, {report.Machine.Threads} threads, kernels " +
            $"{report.Machine.Kernels}"));
        var formats = CpuDevice.Formats.Select(format => format.Name)
            .Where(name => report.Formats.Any(line => line.Milliseconds.ContainsKey(name))).ToList();
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var head in (string[])["Met by", "Saved as", "Outputs × inputs", "Matrices"]) table.AddColumn(head);
        foreach (var format in formats) table.AddColumn(new TableColumn($"{format}, ms").RightAligned());
        table.AddColumn("By the table").AddColumn("Taken");
        foreach (var line in report.Formats)
        {
            string[] cells =
            [
                line.Use, line.Saved, $"{line.Outputs} × {line.Inputs}", line.Matrices.ToString(CultureInfo.InvariantCulture),
                .. formats.Select(format => line.Milliseconds.TryGetValue(format, out double time)
                    ? time.ToString("0.000", CultureInfo.InvariantCulture)
                    : ""),
                line.Table, line.Taken,
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }
        terminal.OutConsole().Write(table);
    }
}
