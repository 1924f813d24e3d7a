using System.Globalization;
using System.Text.Json;
using Earshot.Cli.Files;
using Earshot.Evaluation;
using Spectre.Console;

namespace Earshot.Cli.Evaluation;

/// <summary>Writes a run's reports into its folder, and its table on the terminal.</summary>
internal static class EvalReports
{
    /// <summary>Writes report.json, report.md, report.html, systems.csv and clips.csv; returns the page's path.</summary>
    public static string Write(EvaluationReport report, string folder, bool embedAudio)
    {
        Write(folder, "report.json", Json(report) + "\n");
        Write(folder, "report.md", MarkdownReport.Write(report));
        Write(folder, "systems.csv", CsvReport.Systems(report));
        Write(folder, "clips.csv", CsvReport.Clips(report));
        return Write(
            folder, "report.html", HtmlReport.Write(report, new HtmlReportOptions { EmbedAudioFrom = embedAudio ? folder : null }));
    }

    /// <summary>Writes live.json and live.html; returns the page's path.</summary>
    public static string Write(IReadOnlyList<LiveReport> reports, EvaluationManifest manifest, string model, string folder)
    {
        var machine = EvalMachine.This();
        var recordings = manifest.Clips.Count == 1 ? "recording" : "recordings";
        Write(folder, "live.json", Json(reports) + "\n");
        return Write(folder, "live.html", LivePage.Write(
            reports, manifest.Name,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{model} · {manifest.Clips.Count} {recordings} · {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC"),
            $"Measured on {machine.Processor}, {machine.Cores} cores, {machine.System}, {machine.Runtime}."));
    }

    public static string Json(IReadOnlyList<LiveReport> reports) =>
        JsonSerializer.Serialize(reports, CliJson.Readable.IReadOnlyListLiveReport);

    public static string Json(EvaluationReport report) => JsonSerializer.Serialize(report, EvaluationJson.Readable.EvaluationReport);

    public static void Show(EvaluationReport report, Terminal terminal)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("System");
        foreach (var column in (string[])["WER", "95 %", "CER", "× real time", "p50", "p95", "Memory", "Clips", "Failed"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var system in report.Systems)
        {
            table.AddRow(
                new Text(system.System.Name),
                new Text(Percent(system.ErrorRate?.Rate)),
                new Text(system.ErrorRate is { } rate
                    ? string.Create(CultureInfo.InvariantCulture, $"{100 * rate.Low:0.00}–{100 * rate.High:0.00}")
                    : "–"),
                new Text(Percent(system.CharacterErrorRate?.Rate)),
                new Text(system.Speed is { } speed ? speed.ToString("0.00", CultureInfo.InvariantCulture) : "–"),
                new Text(Seconds(system.Latency.P50)),
                new Text(Seconds(system.Latency.P95)),
                new Text(system.PeakBytes is { } bytes ? Units.Bytes(bytes) : "–"),
                new Text(Units.Count(system.Clips)),
                new Text(Units.Count(system.FailedClips)));
        }
        terminal.OutConsole().Write(table);
        foreach (var system in report.Systems.Where(system => system.NonSpeech is not null))
            terminal.Out.WriteLine(
                $"{system.System.Name}: words in {system.NonSpeech!.ClipsWithWords} of {system.NonSpeech.Clips} " +
                "clips in which nobody speaks");
    }

    public static string Percent(double? share) =>
        share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %") : "–";

    static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");

    static string Write(string folder, string name, string content)
    {
        var path = Path.Combine(folder, name);
        using var file = OutputFile.Create(path);
        file.Writer.Write(content);
        file.Complete(overwrite: true);
        return path;
    }
}
