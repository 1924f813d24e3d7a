namespace Earshot.Evaluation;

/// <summary>The page's upper part: what each system reached, drawn and in tables.</summary>
internal static class SummarySection
{
    const int MostPublished = 12;

    public static HtmlBuilder Write(EvaluationReport report)
    {
        var html = new HtmlBuilder();
        html.Add($"<section aria-labelledby=\"results\">\n<h2 id=\"results\">Results</h2>\n");
        Systems(html, report);
        Figures(html, report);
        html.Add($"</section>\n");
        Details(html, report);
        Languages(html, report);
        Published(html, report);
        return html;
    }

    static void Systems(HtmlBuilder html, EvaluationReport report)
    {
        var systems = report.Systems;
        double? leastErrors = Best(systems, s => s.ErrorRate?.Rate), fastest = Best(systems, s => -s.Speed),
            least = Best(systems, s => s.PeakBytes), quickest = Best(systems, s => s.Latency.P50.TotalSeconds);
        HtmlPage.Table(
            html, "Systems", "System", "WER", "95 % interval", "CER", "× real time", "RTF", "p50", "p95", "p99", "Peak memory", "Model",
            "Languages");
        for (int i = 0; i < systems.Count; i++)
        {
            var s = systems[i];
            html.Add($"<tr><th scope=\"row\">{Charts.Key(Charts.StyleOf(i))} {s.System.Name}</th>");
            Cell(html, ReportText.Percent(s.ErrorRate?.Rate), s.ErrorRate?.Rate, leastErrors);
            Cell(html, s.ErrorRate is { } rate ? ReportText.Range(rate) : ReportText.None);
            Cell(html, ReportText.Percent(s.CharacterErrorRate?.Rate));
            Cell(html, ReportText.Speed(s.Speed), -s.Speed, fastest);
            Cell(html, ReportText.Factor(s.RealTimeFactor));
            Cell(html, ReportText.Seconds(s.Latency.P50), s.Latency.P50.TotalSeconds, quickest);
            Cell(html, ReportText.Seconds(s.Latency.P95));
            Cell(html, ReportText.Seconds(s.Latency.P99));
            Cell(html, ReportText.Bytes(s.PeakBytes), s.PeakBytes, least);
            Cell(html, ReportText.Bytes(s.System.ModelBytes));
            Cell(html, ReportText.Languages(s.System.Languages));
            html.Add($"</tr>\n");
        }
        html.Add(
            $"</tbody></table></div>\n<p class=\"note\">WER: errors per word of the reference, over all clips; " +
            $"the interval is by bootstrap. p50, p95, p99: the time that a clip takes as a whole. ");
        html.Add(
            $"Peak memory: the most of a process that runs the system alone. <b class=\"best\">Green</b> is the best of a column.</p>\n");
    }

    static void Figures(HtmlBuilder html, EvaluationReport report)
    {
        html.Add($"<div class=\"figures\">\n");
        if (Charts.ErrorAgainstSpeed(report) is { } errors)
            html.Add(
                $"<figure>{errors}<figcaption><b>Errors against speed, measured here.</b> Lower and further right is better; " +
                $"bars are 95 % intervals.</figcaption></figure>\n");
        if (Charts.Latencies(report) is { } latencies)
        {
            html.Add(
                $"<figure>{latencies}<figcaption><b>Latency of clips.</b> The share of clips done within a time; dashed at 95 and 99 %. ");
            for (int i = 0; i < report.Systems.Count; i++)
                html.Add($"<span class=\"legend\">{Charts.Key(Charts.StyleOf(i))} {report.Systems[i].System.Name}</span> ");
            html.Add($"</figcaption></figure>\n");
        }
        html.Add($"</div>\n");
    }

    static void Details(HtmlBuilder html, EvaluationReport report)
    {
        html.Add($"<section aria-labelledby=\"errors\">\n<h2 id=\"errors\">Kinds of errors</h2>\n");
        HtmlPage.Table(
            html, "Kinds of errors", "System", "Clips", "Failed", "Substituted", "Deleted", "Inserted", "Words of reference", "MER", "WIL",
            "Words where nobody speaks", "Repeated 4-grams", "Longest loop");
        foreach (var s in report.Systems)
        {
            var counts = s.Counts?.ToEditCounts();
            html.Add($"<tr><th scope=\"row\">{s.System.Name}</th>");
            Cell(html, ReportText.Whole(s.ScoredClips));
            Cell(html, ReportText.Whole(s.FailedClips));
            Cell(html, Count(counts?.Substitutions));
            Cell(html, Count(counts?.Deletions));
            Cell(html, Count(counts?.Insertions));
            Cell(html, Count(counts?.ReferenceLength));
            Cell(html, ReportText.Percent(s.MatchErrorRate));
            Cell(html, ReportText.Percent(s.WordInformationLost));
            Cell(html, s.NonSpeech is { } silent
                ? $"{silent.ClipsWithWords} of {silent.Clips} clips, {ReportText.Significant(silent.WordsPerMinute)}/min"
                : ReportText.None);
            Cell(html, ReportText.Percent(s.RepeatedNgramRate));
            Cell(html, ReportText.Whole(s.LongestLoop));
            html.Add($"</tr>\n");
        }
        html.Add($"</tbody></table></div>\n<dl class=\"settings\">\n");
        foreach (var s in report.Systems)
        {
            var settings = string.Join(
                " · ", new[] { s.System.Model, s.System.Settings, s.System.Device }.Where(text => !string.IsNullOrEmpty(text)));
            html.Add($"<div><dt>{s.System.Name}</dt><dd>{(settings.Length == 0 ? "as it comes" : settings)}</dd></div>\n");
        }
        html.Add($"</dl>\n</section>\n");
    }

    static void Languages(HtmlBuilder html, EvaluationReport report)
    {
        if (report.Systems.All(system => system.Languages.Count < 2)) return;
        html.Add($"<section aria-labelledby=\"languages\">\n<h2 id=\"languages\">Languages</h2>\n");
        HtmlPage.Table(html, "Languages", "Language", "System", "Clips", "WER", "CER");
        foreach (var (language, system) in report.Systems
            .SelectMany(s => s.Languages.Select(language => (Language: language, s.System.Name)))
            .OrderBy(row => row.Language.Language, StringComparer.Ordinal))
        {
            html.Add(
                $"<tr><th scope=\"row\">{(language.Language.Length == 0 ? "not given" : language.Language)}</th>" +
                $"<td class=\"text\">{system}</td>");
            Cell(html, ReportText.Whole(language.Clips));
            Cell(html, ReportText.Percent(language.ErrorRate));
            Cell(html, ReportText.Percent(language.CharacterErrorRate));
            html.Add($"</tr>\n");
        }
        html.Add($"</tbody></table></div>\n</section>\n");
    }

    static void Published(HtmlBuilder html, EvaluationReport report)
    {
        if (report.Published is not { Count: > 0 } rows) return;
        html.Add($"<section aria-labelledby=\"published\">\n<h2 id=\"published\">Published by others: {rows[0].Dataset}</h2>\n");
        html.Add(
            $"<p class=\"note\">Not measured here. They compare with the results above only where the test set, " +
            $"its revision and the normaliser are the same.</p>\n");
        var shown =
            rows.Where(row => row.IsOwn).Concat(rows.Where(row => !row.IsOwn).Take(MostPublished)).OrderBy(row => row.Value).ToList();
        html.Add($"<figure class=\"wide\">{Charts.Published(shown)}<figcaption><b>Word error rates as others published them</b>");
        if (shown.Any(row => row.IsOwn)) html.Add($"; in colour, models that are evaluated here");
        if (shown.Count < rows.Count) html.Add($"; the best of {rows.Count}, all of which are in report.json");
        html.Add($".</figcaption></figure>\n<ul class=\"sources\">\n");
        foreach (var source in shown.DistinctBy(row => row.Url))
            html.Add(
                $"<li><a href=\"{source.Url.AbsoluteUri}\" rel=\"noreferrer\">{source.Source}</a>, " +
                $"{source.Date.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture)}. {source.Note}</li>\n");
        html.Add($"</ul>\n</section>\n");
    }

    static void Cell(HtmlBuilder html, string text, double? value = null, double? best = null)
    {
        if (value is not null && value == best) html.Add($"<td><b class=\"best\">{text}</b></td>");
        else html.Add($"<td>{text}</td>");
    }

    /// <summary>The least value, where there are several to choose from.</summary>
    static double? Best(IReadOnlyList<SystemSummary> systems, Func<SystemSummary, double?> value) =>
        systems.Count < 2 ? null : systems.Min(value);

    static string Count(long? count) => count is { } value ? ReportText.Whole(value) : ReportText.None;
}
