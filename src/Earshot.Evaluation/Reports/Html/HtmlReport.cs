namespace Earshot.Evaluation;

/// <summary>How the page is made.</summary>
public sealed record HtmlReportOptions
{
    /// <summary>Puts the recordings into the page, read relative to this folder; null links to them by their relative paths.</summary>
    public string? EmbedAudioFrom { get; init; }

    /// <summary>Most clips that the page lists, those with most errors first.</summary>
    public int MostClips { get; init; } = 300;
}

/// <summary>
/// A report as one page that needs no other file: tables, drawings, and every clip with its differing words marked. It reads without
/// JavaScript; with it, clips can be searched and sorted, and the theme chosen.
/// </summary>
public static class HtmlReport
{
    public static string Write(EvaluationReport report, HtmlReportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        options ??= new HtmlReportOptions();
        var page = HtmlPage.Begin($"{report.Plan.Name} – evaluation");
        page.Add($"<a class=\"skip\" href=\"#clips\">Skip to the clips</a>\n");
        Head(page, report);
        page.Add($"<main>\n{SummarySection.Write(report)}{ClipSection.Write(report, options)}</main>\n");
        page.Add(
            $"<footer><p>The same as data: <a href=\"report.json\">report.json</a>, <a href=\"systems.csv\">systems.csv</a>, " +
            $"<a href=\"clips.csv\">clips.csv</a>, <a href=\"report.md\">report.md</a>.</p></footer>\n");
        return HtmlPage.End(page);
    }

    static void Head(HtmlBuilder page, EvaluationReport report)
    {
        var plan = report.Plan;
        var audio = report.Systems.Count == 0 ? TimeSpan.Zero : report.Systems.Max(system => system.AudioDuration);
        HtmlPage.Head(
            page, plan.Name,
            $"{ReportText.Plural(plan.Clips.Count, "clip")} · {ReportText.Seconds(audio)} of audio · " +
            $"{ReportText.Plural(report.Systems.Count, "system")} · " +
            $"{plan.Started.UtcDateTime.ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture)} UTC",
            $"Measured on {plan.Machine.Processor}, {ReportText.Plural(plan.Machine.Cores, "core")}, " +
            $"{plan.Machine.System}, {plan.Machine.Runtime}. Normaliser: " +
            $"{plan.Scoring.Normalizer.ToString().ToLowerInvariant()}.");
    }
}
