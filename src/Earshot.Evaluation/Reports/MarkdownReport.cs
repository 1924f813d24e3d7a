using System.Text;

namespace Earshot.Evaluation;

/// <summary>Reports as Markdown, for repositories and pull requests.</summary>
public static class MarkdownReport
{
    const int MostClips = 20;

    /// <summary>The tables, and the clips with most errors.</summary>
    public static string Write(EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var text = new StringBuilder();
        var plan = report.Plan;
        text.Append($"# {Escape(plan.Name)}\n\n");
        text.Append(
            $"{ReportText.Plural(plan.Clips.Count, "clip")}, " +
            $"{ReportText.Seconds(report.Systems.Count == 0 ? TimeSpan.Zero : report.Systems.Max(system => system.AudioDuration))} of " +
            "audio. ");
        text.Append(
            $"Measured on {Escape(plan.Machine.Processor)}, {ReportText.Plural(plan.Machine.Cores, "core")}, " +
            $"{Escape(plan.Machine.System)}, {Escape(plan.Machine.Runtime)}. ");
        text.Append($"Normaliser: {plan.Scoring.Normalizer.ToString().ToLowerInvariant()}.\n\n");
        Systems(report, text);
        Details(report, text);
        Languages(report, text);
        Published(report, text);
        Worst(report, text);
        return text.ToString();
    }

    static void Systems(EvaluationReport report, StringBuilder text)
    {
        Header(text, "System", "WER [95 %]>", "CER>", "× real time>", "RTF>", "p50>", "p95>", "p99>", "Memory>", "Model>", "Languages>");
        foreach (var s in report.Systems)
        {
            Row(text, Escape(s.System.Name), ReportText.Interval(s.ErrorRate), ReportText.Percent(s.CharacterErrorRate?.Rate),
                ReportText.Speed(s.Speed), ReportText.Factor(s.RealTimeFactor), ReportText.Seconds(s.Latency.P50),
                ReportText.Seconds(s.Latency.P95), ReportText.Seconds(s.Latency.P99), ReportText.Bytes(s.PeakBytes),
                ReportText.Bytes(s.System.ModelBytes), ReportText.Languages(s.System.Languages));
        }
        text.Append(
            "\np50, p95, p99: the time that a clip takes as a whole. Memory: the most of a process that runs the system alone.\n\n");
    }

    static void Details(EvaluationReport report, StringBuilder text)
    {
        Header(
            text, "System", "Scored clips>", "Failed>", "Substituted>", "Deleted>", "Inserted>", "Hallucinated clips>", "Repeated 4-grams>",
            "Longest loop>");
        foreach (var s in report.Systems)
        {
            Row(text, Escape(s.System.Name), ReportText.Whole(s.ScoredClips), ReportText.Whole(s.FailedClips),
                Count(s.Counts?.Substitutions), Count(s.Counts?.Deletions), Count(s.Counts?.Insertions),
                s.NonSpeech is { } silent ? $"{silent.ClipsWithWords} of {silent.Clips}" : ReportText.None,
                ReportText.Percent(s.RepeatedNgramRate), ReportText.Whole(s.LongestLoop));
        }
        text.Append('\n');
    }

    static string Count(long? count) => count is { } value ? ReportText.Whole(value) : ReportText.None;

    static void Languages(EvaluationReport report, StringBuilder text)
    {
        if (report.Systems.All(system => system.Languages.Count < 2)) return;
        text.Append("## Languages\n\n");
        Header(text, "Language", "System", "Clips>", "WER>", "CER>");
        foreach (var (language, system) in report.Systems.SelectMany(s => s.Languages.Select(language => (Language: language, s.System)))
            .OrderBy(row => row.Language.Language, StringComparer.Ordinal))
            Row(
                text, Escape(language.Language), Escape(system.Name), ReportText.Whole(language.Clips),
                ReportText.Percent(language.ErrorRate), ReportText.Percent(language.CharacterErrorRate));
        text.Append('\n');
    }

    static void Published(EvaluationReport report, StringBuilder text)
    {
        if (report.Published is not { Count: > 0 } rows) return;
        text.Append(
            $"## Published by others: {Escape(rows[0].Dataset)}\n\nNot measured here, " +
            "and on other recordings than the tables above unless the test set is the same.\n\n");
        Header(text, "System", "WER>", "Source");
        foreach (var row in rows)
        {
            Row(
                text, Escape(row.System),
                $"{ReportText.Significant(row.Value)} {row.Unit}", $"[{Escape(row.Source)}]({row.Url.AbsoluteUri}), {row.Date:yyyy-MM-dd}");
        }
        text.Append('\n');
    }

    static void Worst(EvaluationReport report, StringBuilder text)
    {
        var worst = report.Results.Where(result => result.IsScored && result.Counts!.ToEditCounts().Errors > 0)
            .OrderByDescending(result => result.Counts!.ToEditCounts().Errors).ThenBy(result => result.Clip, StringComparer.Ordinal)
            .Take(MostClips).ToList();
        if (worst.Count == 0) return;
        text.Append("## Clips with most errors\n\n");
        Header(text, "Clip", "System", "Errors>", "Reference", "Transcript");
        foreach (var result in worst)
        {
            var counts = result.Counts!.ToEditCounts();
            Row(
                text, Escape(result.Clip), Escape(result.System),
                $"{counts.Errors} of {counts.ReferenceLength}", Escape(result.Reference!), Escape(result.Text));
        }
    }

    /// <summary>A table's head; columns with &gt; at their end are set to the right.</summary>
    static void Header(StringBuilder text, params ReadOnlySpan<string> columns)
    {
        foreach (var column in columns) text.Append("| ").Append(column.TrimEnd('>')).Append(' ');
        text.Append("|\n");
        foreach (var column in columns) text.Append(column.EndsWith('>') ? "| ---: " : "| --- ");
        text.Append("|\n");
    }

    static void Row(StringBuilder text, params ReadOnlySpan<string> cells)
    {
        foreach (var cell in cells) text.Append("| ").Append(cell).Append(' ');
        text.Append("|\n");
    }

    /// <summary>Text that Markdown leaves as it is, in one line.</summary>
    internal static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char c in text.ReplaceLineEndings(" "))
        {
            switch (c)
            {
                case '<': escaped.Append("&lt;"); break;
                case '>': escaped.Append("&gt;"); break;
                case '&': escaped.Append("&amp;"); break;
                case '\\' or '|' or '*' or '_' or '`' or '[' or ']' or '#' or '~' or '!': escaped.Append('\\').Append(c); break;
                default: escaped.Append(char.IsControl(c) ? ' ' : c); break;
            }
        }
        return escaped.ToString();
    }
}
