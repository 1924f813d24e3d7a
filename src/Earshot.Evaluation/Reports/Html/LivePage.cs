using System.Globalization;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>
/// What live policies reached, as one page that needs no other file: errors against delay, and what each word waited for.
/// </summary>
public static class LivePage
{
    /// <param name="title">What was heard.</param>
    /// <param name="facts">On what, and when.</param>
    public static string Write(IReadOnlyList<LiveReport> reports, string title, params ReadOnlySpan<string> facts)
    {
        ArgumentNullException.ThrowIfNull(reports);
        var page = HtmlPage.Begin($"{title} – live");
        HtmlPage.Head(page, title, facts);
        page.Add($"<main>\n<section aria-labelledby=\"results\">\n<h2 id=\"results\">Live policies</h2>\n");
        Policies(page, reports);
        Figures(page, reports);
        page.Add($"</section>\n");
        Delays(page, reports);
        Load(page, reports);
        Recordings(page, reports);
        page.Add($"</main>\n<footer><p>The same as data: <a href=\"live.json\">live.json</a>.</p></footer>\n");
        return HtmlPage.End(page);
    }

    static void Policies(HtmlBuilder html, IReadOnlyList<LiveReport> reports)
    {
        HtmlPage.Table(
            html, "Policies", "Policy", "Errors", "WER", "Offline", "Final word p50", "p95", "Mean", "After a turn's end p95", "Erasure",
            "Processor a second", "Streams a core");
        for (int i = 0; i < reports.Count; i++)
        {
            var r = reports[i];
            html.Add($"<tr><th scope=\"row\">{Charts.Key(Charts.StyleOf(i))} {r.Policy}</th>");
            Cell(html, r.Errors.ToString(CultureInfo.InvariantCulture));
            Cell(html, ReportText.Percent((double)r.Errors / Math.Max(1, r.ReferenceWords)));
            Cell(html, r.OfflineErrors.ToString(CultureInfo.InvariantCulture));
            Cell(html, ReportText.Seconds(r.WordsComputed.P50));
            Cell(html, ReportText.Seconds(r.WordsComputed.P95));
            Cell(html, ReportText.Seconds(r.WordsComputed.Mean));
            Cell(html, ReportText.Seconds(r.TurnEndComputed.P95));
            Cell(html, ReportText.Factor(r.NormalizedErasure));
            Cell(html, $"{ReportText.Factor(r.ProcessorPerSecond)} s");
            Cell(html, r.ProcessorPerSecond > 0 ? ReportText.Factor(1 / r.ProcessorPerSecond) : ReportText.None);
            html.Add($"</tr>\n");
        }
        html.Add(
            $"</tbody></table></div>\n<p class=\"note\">Times of words count from their ends, as the model dates them, to their becoming " +
            $"final, computing included; the silence that ends a turn is left out of the time after it. Erasure: words that were shown " +
            $"and taken back, for each word of the text. Offline: errors of the same model that hears the whole recordings. Streams a " +
            $"core: what one core's time is enough for, one stream at a time; streams together share steps and need less.</p>\n");
    }

    static void Figures(HtmlBuilder html, IReadOnlyList<LiveReport> reports)
    {
        html.Add($"<div class=\"figures\">\n");
        var points = reports
            .Select((r, i) => (
                Charts.StyleOf(i), r.Policy, r.WordsComputed.Mean.TotalSeconds, 100.0 * r.Errors / Math.Max(1, r.ReferenceWords)))
            .ToList();
        var errors = Charts.Scatter(
            "Errors against delay", "Each point is a policy. Lower and further to the left is better.",
            ("mean seconds from a word to its being final", "word error rate, %"), points);
        html.Add(
            $"<figure>{errors}<figcaption><b>Errors against delay.</b> Lower and further left is better.</figcaption></figure>\n");
        if (Charts.Shares(
            "When words are final", "For each policy, the share of words that are final within a time. Further to the left is better.",
            ("seconds from a word to its being final", "words, %"),
            [
                .. reports.Select((r, i) => (
                    Charts.StyleOf(i), (IReadOnlyList<double>)[.. r.WordTimes.Select(time => Math.Max(0.01, time.TotalSeconds)).Order()])),
            ]) is { } times)
        {
            html.Add(
                $"<figure>{times}<figcaption><b>When words are final</b>, computing included; dashed: 95 and 99 %. {Legend(reports)}" +
                $"</figcaption></figure>\n");
        }
        html.Add($"</div>\n");
    }

    static HtmlBuilder Legend(IReadOnlyList<LiveReport> reports)
    {
        var legend = new HtmlBuilder();
        for (int i = 0; i < reports.Count; i++)
            legend.Add($"<span class=\"legend\">{Charts.Key(Charts.StyleOf(i))} {reports[i].Policy}</span> ");
        return legend;
    }

    static void Delays(HtmlBuilder html, IReadOnlyList<LiveReport> reports)
    {
        html.Add($"<section aria-labelledby=\"delays\">\n<h2 id=\"delays\">All delays</h2>\n");
        HtmlPage.Table(html, "Delays", "Policy", "Of", "p50", "p95", "p99", "Mean", "Largest");
        foreach (var r in reports)
        {
            Row(html, r.Policy, "first word, by the sound", r.FirstWord);
            Row(html, r.Policy, "first word, computing included", r.FirstWordComputed);
            Row(html, r.Policy, "final words, by the sound", r.Words);
            Row(html, r.Policy, "final words, computing included", r.WordsComputed);
            Row(html, r.Policy, "after a turn's end, computing", r.TurnEndComputed);
        }
        html.Add($"</tbody></table></div>\n</section>\n");
    }

    static void Load(HtmlBuilder html, IReadOnlyList<LiveReport> reports)
    {
        if (reports.All(r => r.Load is null)) return;
        html.Add($"<section aria-labelledby=\"load\">\n<h2 id=\"load\">Many streams at once, at real pace</h2>\n");
        HtmlPage.Table(
            html, "Streams", "Policy", "Streams", "Final word p50", "p95", "After a turn's end p95", "Processor a second of a stream",
            "Changes of pace", "Texts as alone");
        foreach (var r in reports)
        {
            if (r.Load is not { } load) continue;
            html.Add($"<tr><th scope=\"row\">{r.Policy}</th>");
            Cell(html, load.Streams.ToString(CultureInfo.InvariantCulture));
            Cell(html, ReportText.Seconds(load.Words.P50));
            Cell(html, ReportText.Seconds(load.Words.P95));
            Cell(html, ReportText.Seconds(load.TurnEnds.P95));
            Cell(html, $"{ReportText.Factor(load.ProcessorPerSecond)} s");
            Cell(html, load.PaceChanges.ToString(CultureInfo.InvariantCulture));
            Cell(html, string.Create(CultureInfo.InvariantCulture, $"{r.LoadEqualTexts} of {load.Streams}"));
            html.Add($"</tr>\n");
        }
        html.Add($"</tbody></table></div>\n</section>\n");
    }

    static void Recordings(HtmlBuilder html, IReadOnlyList<LiveReport> reports)
    {
        html.Add($"<section aria-labelledby=\"texts\">\n<h2 id=\"texts\">Texts</h2>\n");
        for (int clip = 0; clip < (reports.Count > 0 ? reports[0].Recordings.Count : 0); clip++)
        {
            var first = reports[0].Recordings[clip];
            html.Add($"<h3>{first.Clip}</h3>\n<p><b>Reference</b> {first.Reference}</p>\n");
            html.Add($"<p><b>Offline, {first.OfflineErrors} errors</b> {first.OfflineText}</p>\n");
            foreach (var report in reports)
            {
                var live = report.Recordings[clip];
                html.Add($"<p><b>{report.Policy}, {live.Errors} errors</b> {live.Text}</p>\n");
            }
        }
        html.Add($"</section>\n");
    }

    static void Row(HtmlBuilder html, string policy, string what, LatencySummary times)
    {
        html.Add($"<tr><th scope=\"row\">{policy}</th><td class=\"text\">{what}</td>");
        foreach (var time in (TimeSpan[])[times.P50, times.P95, times.P99, times.Mean, times.Largest]) Cell(html, ReportText.Seconds(time));
        html.Add($"</tr>\n");
    }

    static void Cell(HtmlBuilder html, string text) => html.Add($"<td>{text}</td>");
}
