using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>The page's lower part: each clip to play, with what every system made of it.</summary>
internal static class ClipSection
{
    public static HtmlBuilder Write(EvaluationReport report, HtmlReportOptions options)
    {
        var styles = report.Systems.Select((system, at) => (system.System.Name, Style: Charts.StyleOf(at)))
            .ToDictionary(system => system.Name, system => system.Style);
        var clips = report.Results.GroupBy(result => result.Clip)
            .Select(
                group => (Id: group.Key, Results: group.ToList(), Errors: group.Sum(result => result.Counts?.ToEditCounts().Errors ?? 0)))
            .OrderByDescending(clip => clip.Results.Any(result => result.Error is not null)).ThenByDescending(clip => clip.Errors)
            .ThenBy(clip => clip.Id, StringComparer.Ordinal)
            .ToList();
        var html = new HtmlBuilder();
        html.Add($"<section aria-labelledby=\"clips\">\n<h2 id=\"clips\">Clips</h2>\n");
        html.Add(
            $"<p class=\"note\">Words as they are compared: <del>left out</del>, <ins>put in</ins>, <span class=\"sub\"><del>this</del>" +
            $"<ins>written as that</ins></span>. ");
        if (clips.Count > options.MostClips)
        {
            html.Add(
                $"The {ReportText.Whole(options.MostClips)} of {ReportText.Whole(clips.Count)} clips with most " +
                $"errors; all are in clips.csv. ");
        }
        html.Add($"</p>\n");
        Controls(html, report);
        html.Add($"<div id=\"list\">\n");
        var scorer = new ClipScorer(report.Plan.Scoring);
        var audio = new AudioEmbedding(options.EmbedAudioFrom);
        foreach (var (id, results, errors) in clips.Take(options.MostClips))
        {
            Head(html, (id, errors), results, audio);
            foreach (var result in results) One(html, result, styles[result.System], scorer);
            html.Add($"</article>\n");
        }
        return html.Add($"</div>\n<p id=\"none\" hidden=\"hidden\">No clip has this.</p>\n</section>\n");
    }

    /// <summary>Search and order: of use with JavaScript alone, so hidden until it shows them.</summary>
    static void Controls(HtmlBuilder html, EvaluationReport report)
    {
        html.Add(
            $"<form id=\"controls\" class=\"controls\" hidden=\"hidden\"><label>Search " +
            $"<input id=\"search\" type=\"search\" placeholder=\"a word, a speaker, a name\"/></label> ");
        html.Add(
            $"<label>Order <select id=\"order\"><option value=\"errors\">most errors</option><option value=\"rate\">highest error " +
            $"rate</option><option value=\"seconds\">longest</option><option value=\"id\">name</option></select></label> ");
        if (report.Systems.Count > 1)
        {
            html.Add($"<label>System <select id=\"system\"><option value=\"\">all</option>");
            foreach (var system in report.Systems) html.Add($"<option value=\"{system.System.Name}\">{system.System.Name}</option>");
            html.Add($"</select></label> ");
        }
        html.Add($"<label><input id=\"wrong\" type=\"checkbox\"/> only with errors</label> <output id=\"count\"></output></form>\n");
    }

    static void Head(HtmlBuilder html, (string Id, long Errors) clip, List<ClipResult> results, AudioEmbedding audio)
    {
        var first = results[0];
        long length = results.Sum(result => result.Counts?.ToEditCounts().ReferenceLength ?? 0);
        double rate = length == 0 ? clip.Errors : (double)clip.Errors / length;
        html.Add(
            $"<article data-errors=\"{clip.Errors}\" data-rate=\"{(long)(rate * 10_000)}\" " +
            $"data-seconds=\"{first.Duration.TotalSeconds}\" data-id=\"{clip.Id}\">\n<h3>{clip.Id}</h3>\n");
        html.Add($"<p class=\"facts\">{ReportText.Seconds(first.Duration)}");
        if (first.Speaker is { } speaker) html.Add($" · {speaker}");
        if (first.Language is { } language) html.Add($" · {language}");
        if (first.Reference is null) html.Add($" · no reference: timed only");
        if (first.IsNonSpeech) html.Add($" · nobody speaks");
        html.Add(
            $"</p>\n<audio controls=\"controls\" preload=\"none\" src=\"{audio.AddressOf(first)}\" " +
            $"aria-label=\"Play {clip.Id}\"></audio>\n");
    }

    static void One(HtmlBuilder html, ClipResult result, int style, ClipScorer scorer)
    {
        html.Add($"<div class=\"result\" data-system=\"{result.System}\"><p class=\"facts\">{Charts.Key(style)} <b>{result.System}</b>");
        if (result.Error is { } error)
        {
            html.Add($" <span class=\"failed\">failed</span></p><p class=\"diff\">{error}</p></div>\n");
            return;
        }
        if (result.Counts is { } counts) html.Add($" · {Errors(counts)}");
        html.Add($" · {ReportText.Seconds(result.Time)}</p>\n<p class=\"diff\" dir=\"auto\">");
        if (result.Reference is null) html.Add($"{result.Text}");
        else Difference(html, scorer.Align(result), result.Units == TextUnits.Words ? " " : "");
        html.Add($"</p>\n");
        if (result.Reference is { Length: > 0 } reference)
            html.Add(
                $"<details><summary>As written</summary><dl><dt>Reference</dt><dd dir=\"auto\">{reference}</dd><dt>Transcript</dt>" +
                $"<dd dir=\"auto\">{result.Text}</dd></dl></details>\n");
        html.Add($"</div>\n");
    }

    static string Errors(ErrorCounts counts)
    {
        var c = counts.ToEditCounts();
        if (c.Errors == 0) return "right";
        return c.ReferenceLength == 0
            ? ReportText.Plural((int)c.Errors, "made-up word")
            : $"{c.Errors} of {c.ReferenceLength} wrong ({ReportText.Percent(c.ErrorRate)})";
    }

    /// <summary>The reference's units, with what the system left out, put in, and exchanged.</summary>
    static void Difference(HtmlBuilder html, Alignment alignment, string between)
    {
        for (int i = 0; i < alignment.Edits.Count; i++)
        {
            var edit = alignment.Edits[i];
            if (i > 0) html.Add($"{between}");
            switch (edit.Kind)
            {
                case EditKind.Hit: html.Add($"{alignment.Reference[edit.ReferenceIndex]}"); break;
                case EditKind.Deletion: html.Add($"<del>{alignment.Reference[edit.ReferenceIndex]}</del>"); break;
                case EditKind.Insertion: html.Add($"<ins>{alignment.Hypothesis[edit.HypothesisIndex]}</ins>"); break;
                default:
                    html.Add($"<span class=\"sub\"><del>{alignment.Reference[edit.ReferenceIndex]}</del>");
                    html.Add($"<ins>{alignment.Hypothesis[edit.HypothesisIndex]}</ins></span>");
                    break;
            }
        }
    }
}
