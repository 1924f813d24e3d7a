using System.Security.Cryptography;
using System.Text;

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
        var (style, script) = (Resource("report.css"), Resource("report.js"));
        var page = new HtmlBuilder();
        page.Add(
            $"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<title>{report.Plan.Name} – evaluation</title>\n");
        page.Add(
            $"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
            $"<meta name=\"color-scheme\" content=\"light dark\"/>\n");
        // Nothing is loaded from elsewhere, and no script runs but the page's own, whatever a transcript may hold.
        page.Add(
            $"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{Hash(style)}'; script-src " +
            $"'{Hash(script)}'; media-src 'self' data: file:\"/>\n");
        page.Add($"<style>{Code(style)}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#clips\">Skip to the clips</a>\n");
        Head(page, report);
        page.Add($"<main>\n{SummarySection.Write(report)}{ClipSection.Write(report, options)}</main>\n");
        page.Add(
            $"<footer><p>The same as data: <a href=\"report.json\">report.json</a>, <a href=\"systems.csv\">systems.csv</a>, " +
            $"<a href=\"clips.csv\">clips.csv</a>, <a href=\"report.md\">report.md</a>.</p></footer>\n");
        page.Add($"<script>{Code(script)}</script>\n</body>\n</html>\n");
        return page.ToString();
    }

    static void Head(HtmlBuilder page, EvaluationReport report)
    {
        var plan = report.Plan;
        var audio = report.Systems.Count == 0 ? TimeSpan.Zero : report.Systems.Max(system => system.AudioDuration);
        page.Add(
            $"<header>\n<div class=\"top\"><h1>{plan.Name}</h1><button id=\"theme\" type=\"button\" hidden=\"hidden\" " +
            $"aria-live=\"polite\">Theme: system</button></div>\n");
        page.Add(
            $"<p class=\"facts\">{ReportText.Plural(plan.Clips.Count, "clip")} · {ReportText.Seconds(audio)} of audio · " +
            $"{ReportText.Plural(report.Systems.Count, "system")} · " +
            $"{plan.Started.UtcDateTime.ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture)} UTC</p>\n");
        page.Add(
            $"<p class=\"facts\">Measured on {plan.Machine.Processor}, {ReportText.Plural(plan.Machine.Cores, "core")}, " +
            $"{plan.Machine.System}, {plan.Machine.Runtime}. Normaliser: " +
            $"{plan.Scoring.Normalizer.ToString().ToLowerInvariant()}.</p>\n</header>\n");
    }

    /// <summary>Our own style or script, which holds nothing that XML would read as markup.</summary>
    static HtmlBuilder Code(string text)
    {
        if (text.AsSpan().IndexOfAny('<', '&') >= 0)
            throw new InvalidOperationException("The page's style and script must hold no '<' and no '&'.");
        var code = new HtmlBuilder();
        var piece = new HtmlBuilder.Piece(text.Length, 0, code);
        piece.AppendLiteral(text);
        return code.Add(ref piece);
    }

    static string Hash(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    static string Resource(string name)
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("Earshot.Evaluation." + name)
            ?? throw new InvalidOperationException($"The assembly lacks its file '{name}'.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
