using System.Globalization;
using Earshot.Benchmarks;
using Earshot.Compute.Cpu;
using Earshot.Evaluation;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>A comparison as one page that needs no other file: drawings where people look first, and every figure in a table.</summary>
internal static class PeerPage
{
    const string None = "–";

    /// <param name="data">The name of the JSON beside the page.</param>
    public static string Write(PeerReport report, string data)
    {
        var page = HtmlPage.Begin($"{report.Model} on {report.Machine.Processor} – Earshot beside others");
        HtmlPage.Head(
            page, $"{report.Model}: Earshot beside others",
            Invariant($"{report.Measured:yyyy-MM-dd} · {Count(report.Threads, "thread")} · {Count(report.Rounds, "round")} · ")
                + $"Earshot {report.Machine.Earshot}",
            Invariant($"{report.Machine.Processor}, {Count(report.Machine.Cores, "core")}; {report.Machine.System}, ")
                + $"{report.Machine.Runtime}.");
        page.Add($"<main>\n");
        page.Add($"<div class=\"figures\">\n");
        foreach (var group in report.Groups) Figure(page, group);
        Limits(page, report);
        page.Add($"</div>\n");
        foreach (var group in report.Groups) Rows(page, group);
        Stages(page, report);
        Machine(page, report);
        page.Add($"</main>\n<footer><p>The same as data, which names no file, user or recording and can be sent in: ");
        page.Add($"<a href=\"{data}\">{data}</a>. Made by <code>earshot bench --peers</code>.</p></footer>\n");
        return HtmlPage.End(page);
    }

    static void Figure(HtmlBuilder page, PeerGroup group)
    {
        var bars = group.Rows.Where(row => row.Milliseconds is not null)
            .Select(row => new ChartBar(LabelOf(row), row.Milliseconds!.Value, Time(row.Milliseconds.Value), IsOurs(row))).ToList();
        if (bars.Count == 0) return;
        page.Add($"<figure>{BarChart.Draw($"{group.What}, milliseconds", bars)}<figcaption><b>{group.What}.</b> ");
        page.Add($"Milliseconds, the median of the rounds; shorter is better. Earshot is in colour.</figcaption></figure>\n");
    }

    static void Limits(HtmlBuilder page, PeerReport report)
    {
        var bars = report.Stages.SelectMany(result => result.Stages.Where(stage => stage.RooflineShare is not null).Select(stage =>
            new ChartBar($"{stage.Name}, {result.Name}", 100 * stage.RooflineShare!.Value, Percent(stage.RooflineShare), IsOwn: true)))
            .ToList();
        if (bars.Count == 0) return;
        page.Add($"<figure>{BarChart.Draw("Share of the machine's limits", bars, 100)}<figcaption>");
        page.Add($"<b>Earshot and this machine's limits.</b> ");
        page.Add($"The time that the measured limits allow over the time taken, %; longer is better.</figcaption></figure>\n");
    }

    static void Rows(HtmlBuilder page, PeerGroup group)
    {
        bool written = group.Rows.Any(row => row.Words is not null);
        page.Add($"<section aria-labelledby=\"{group.Name}\">\n<h2 id=\"{group.Name}\">{group.What}</h2>\n");
        string[] columns = ["Engine", "Median", "Least", "Most", "Of the first row's time"];
        string[] more = group.AudioSeconds is null ? [] : ["× real time"];
        HtmlPage.Table(page, group.What, [.. columns, .. more, .. written ? (string[])["Words", "Words that differ"] : []]);
        foreach (var row in group.Rows.Where(row => row.State != PeerRow.NotHere)) Row(page, group, row, written);
        page.Add($"</tbody></table></div>\n<p class=\"note\">Engines take turns within each round; the last column of times is ");
        page.Add($"the median of the rounds' ratios. {(written ? "Words are compared with the first row's. " : "")}</p>\n");
        var absent = group.Rows.Where(row => row.State == PeerRow.NotHere).ToList();
        if (absent.Count > 0)
        {
            page.Add($"<dl class=\"settings\">\n");
            foreach (var row in absent)
                page.Add($"<div><dt>{NameOf(row)}: not here</dt><dd>To compare: {row.Reason}.</dd></div>\n");
            page.Add($"</dl>\n");
        }
        page.Add($"</section>\n");
    }

    static void Row(HtmlBuilder page, PeerGroup group, PeerRow row, bool written)
    {
        page.Add($"<tr><th scope=\"row\">{NameOf(row)}</th>");
        if (row.Milliseconds is not { } median)
        {
            int columns = 4 + (group.AudioSeconds is null ? 0 : 1) + (written ? 2 : 0);
            page.Add($"<td class=\"text\" colspan=\"{columns}\">failed: {row.Reason}</td></tr>\n");
            return;
        }
        Cell(page, Time(median));
        Cell(page, Time(row.Samples!.Min()));
        Cell(page, Time(row.Samples!.Max()));
        Cell(page, row.RatioToFirst is { } ratio ? Invariant($"{ratio:0.00} ×") : None);
        if (group.AudioSeconds is { } seconds) Cell(page, Invariant($"{1000 * seconds / median:0.0}"));
        if (written)
        {
            Cell(page, row.Words is { } words ? Invariant($"{words}") : None);
            Cell(page, row.WordsDifferingPercent is { } percent ? Invariant($"{percent:0.0} %") : None);
        }
        page.Add($"</tr>\n");
    }

    static void Stages(HtmlBuilder page, PeerReport report)
    {
        page.Add($"<section aria-labelledby=\"stages\">\n<h2 id=\"stages\">Earshot's stages</h2>\n");
        HtmlPage.Table(page, "Earshot's stages", "Stage", "Median", "GFLOP", "Megabytes read", "Of the limit");
        foreach (var result in report.Stages)
        {
            foreach (var stage in result.Stages) Stage(page, result, stage);
        }
        page.Add($"</tbody></table></div>\n<dl class=\"settings\">\n");
        foreach (var result in report.Stages.Where(result => result.Computed is not null))
            page.Add($"<div><dt>{result.Name}</dt><dd>{result.Computed!.ToString()}</dd></div>\n");
        page.Add($"</dl>\n</section>\n");
    }

    static void Stage(HtmlBuilder page, BenchmarkResult result, StageResult stage)
    {
        page.Add($"<tr><th scope=\"row\">{stage.Name}, {result.Name}</th>");
        Cell(page, Time(stage.Milliseconds));
        Cell(page, stage.Flops > 0 ? Invariant($"{stage.Flops / 1e9:0.00}") : None);
        Cell(page, stage.Bytes > 0 ? Invariant($"{stage.Bytes / 1e6:0.0}") : None);
        Cell(page, Percent(stage.RooflineShare));
        page.Add($"</tr>\n");
    }

    static void Machine(HtmlBuilder page, PeerReport report)
    {
        var machine = report.Machine;
        page.Add($"<section aria-labelledby=\"machine\">\n<h2 id=\"machine\">This machine</h2>\n");
        HtmlPage.Table(page, "This machine", "What", "How much");
        Line("Processor", machine.Processor);
        Line("Cores that may be used", Invariant($"{machine.Cores}, {Count(machine.Processors, "thread")} at once"));
        Line("Instructions", machine.Instructions);
        bool isLeast = (machine.FirstCache, machine.SecondCache) == (CacheSizes.Least.First, CacheSizes.Least.Second);
        Line(
            "Caches of a core",
            Invariant($"{machine.FirstCache >> 10} KiB of data, {machine.SecondCache >> 10} KiB behind") +
            (isLeast ? ", which is taken where a system does not tell" : ""));
        foreach (var (setting, peak) in report.PeakGigaflops) Line($"Most arithmetic, {setting}", Invariant($"{peak:0} GFLOP/s"));
        if (report.ReadGigabytesPerSecond is { } bytes) Line("Reading memory", Invariant($"{bytes:0.0} GB/s"));
        page.Add($"</tbody></table></div>\n</section>\n");

        void Line(string what, string much) => page.Add($"<tr><th scope=\"row\">{what}</th><td>{much}</td></tr>\n");
    }

    static void Cell(HtmlBuilder page, string text) => page.Add($"<td>{text}</td>");

    static bool IsOurs(PeerRow row) => row.Computed?.Engine == "earshot";

    // Versions stand in the table.
    static string LabelOf(PeerRow row) =>
        NameOf(row with { Engine = string.Join(' ', row.Engine.Split(' ').Where(word => !char.IsAsciiDigit(word[0]))) });

    static string NameOf(PeerRow row) => row.Setting.Length == 0 ? row.Engine : $"{row.Engine}, {row.Setting}";

    static string Time(double milliseconds) =>
        milliseconds >= 100 ? Invariant($"{milliseconds:0} ms") : milliseconds >= 1 ? Invariant($"{milliseconds:0.0} ms")
        : Invariant($"{milliseconds:0.000} ms");

    static string Percent(double? share) => share is { } value ? Invariant($"{100 * value:0} %") : None;

    static string Count(int count, string one) => Invariant($"{count} {one}{(count == 1 ? "" : "s")}");

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
