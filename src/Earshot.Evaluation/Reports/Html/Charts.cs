namespace Earshot.Evaluation;

/// <summary>The report's drawings, as SVG within the page. Every figure in them stands in a table too.</summary>
internal static class Charts
{
    const double Width = 640, Height = 400, Left = 62, Right = 18, Top = 18, Bottom = 52;
    const double LetterWidth = 7.2, LabelHeight = 16;

    /// <summary>How many colours and shapes there are before they begin again.</summary>
    public const int Styles = 8;

    public static int StyleOf(int system) => system % Styles + 1;

    /// <summary>Word error rate against speed; null where no system has both.</summary>
    public static HtmlBuilder? ErrorAgainstSpeed(EvaluationReport report)
    {
        var points = report.Systems.Select((system, at) => (System: system, Style: StyleOf(at)))
            .Where(point => point.System is { ErrorRate: not null, Speed: > 0 }).ToList();
        if (points.Count == 0) return null;
        var x = ChartAxis.Logarithmic([.. points.Select(point => point.System.Speed!.Value)], Left, Width - Right);
        var y = ChartAxis.Linear(100 * Math.Max(0.001, points.Max(point => point.System.ErrorRate!.High)), Height - Bottom, Top);
        var svg = Begin(
            "Word error rate against speed",
            "Each point is a system measured here; its bar is the 95 % interval of the error rate. " +
            "Lower and further to the right is better.");
        Axes(svg, x, y, "times faster than real time →", "word error rate, %");
        foreach (var (system, style) in points)
        {
            var (px, rate) = (x.Place(system.Speed!.Value), system.ErrorRate!);
            svg.Add(
                $"<line class=\"bar s{style}\" x1=\"{px}\" x2=\"{px}\" y1=\"{y.Place(100 * rate.Low)}\" " +
                $"y2=\"{y.Place(100 * rate.High)}\"/>");
            svg.Add($"{Marker(px, y.Place(100 * rate.Rate), style)}");
        }
        Labels(svg, [.. points.Select(point => (x.Place(
            point.System.Speed!.Value), y.Place(100 * point.System.ErrorRate!.Rate), point.System.System.Name, point.Style))]);
        return svg.Add($"</svg>");
    }

    /// <summary>The share of clips that are done within a time; null where nothing was timed.</summary>
    public static HtmlBuilder? Latencies(EvaluationReport report) => Shares(
        "Distribution of latency", "For each system, the share of clips that are transcribed within a time. Further to the left is better.",
        ("seconds a clip takes", "clips done, %"),
        [.. report.Systems.Select((system, at) => (StyleOf(at), (IReadOnlyList<double>)Times(report, system)))]);

    /// <summary>For each series of ascending values the share of them that a value reaches; null where there are none.</summary>
    public static HtmlBuilder? Shares(
        string title, string description, (string X, string Y) axes, IReadOnlyList<(int Style, IReadOnlyList<double> Values)> all)
    {
        var series = all.Where(line => line.Values.Count > 0).ToList();
        if (series.Count == 0) return null;
        var x = ChartAxis.Logarithmic([.. series.SelectMany(line => line.Values)], Left, Width - Right);
        var y = ChartAxis.Linear(100, Height - Bottom, Top);
        var svg = Begin(title, description);
        Axes(svg, x, y, axes.X, axes.Y);
        foreach (int share in (int[])[95, 99])
            svg.Add($"<line class=\"mark\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y.Place(share)}\" y2=\"{y.Place(share)}\"/>");
        foreach (var (style, values) in series)
        {
            var path = new HtmlBuilder().Add($"M{x.Place(values[0])} {y.Place(0)}");
            for (int i = 0; i < values.Count; i++) path.Add($"H{x.Place(values[i])}V{y.Place(100.0 * (i + 1) / values.Count)}");
            path.Add($"H{Width - Right}");
            svg.Add($"<path class=\"curve s{style}\" d=\"{path}\"/>");
        }
        return svg.Add($"</svg>");
    }

    /// <summary>Points by name, from zero on both axes.</summary>
    public static HtmlBuilder Scatter(
        string title, string description, (string X, string Y) axes, IReadOnlyList<(int Style, string Name, double X, double Y)> points)
    {
        var x = ChartAxis.Linear(points.Max(point => point.X), Left, Width - Right);
        var y = ChartAxis.Linear(points.Max(point => point.Y), Height - Bottom, Top);
        var svg = Begin(title, description);
        Axes(svg, x, y, axes.X, axes.Y);
        foreach (var point in points) svg.Add($"{Marker(x.Place(point.X), y.Place(point.Y), point.Style)}");
        Labels(svg, [.. points.Select(point => (x.Place(point.X), y.Place(point.Y), point.Name, point.Style))]);
        return svg.Add($"</svg>");
    }

    /// <summary>Published word error rates as bars, apart from what was measured.</summary>
    public static HtmlBuilder Published(IReadOnlyList<PublishedRow> rows) => BarChart.Draw(
        "Published word error rates",
        [
            .. rows.Select(row => new ChartBar(
                row.System, row.Value, $"{ReportText.Significant(row.Value)} {row.Unit}", row.IsOwn))
        ]);

    /// <summary>A system's mark by shape and colour, for legends.</summary>
    public static HtmlBuilder Key(int style) =>
        new HtmlBuilder()
            .Add($"<svg class=\"key\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\">{Marker(8, 8, style)}</svg>");

    static List<double> Times(EvaluationReport report, SystemSummary system) =>
        [.. report.Results.Where(result => result.System == system.System.Name && result.Error is null && result.Time > TimeSpan.Zero)
            .Select(result => result.Time.TotalSeconds).Order()];

    static HtmlBuilder Begin(string title, string description) =>
        new HtmlBuilder().Add(
            $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title><desc>{description}</desc>");

    static void Axes(HtmlBuilder svg, ChartAxis x, ChartAxis y, string xTitle, string yTitle)
    {
        foreach (double tick in y.Ticks)
        {
            svg.Add($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y.Place(tick)}\" y2=\"{y.Place(tick)}\"/>");
            svg.Add($"<text class=\"tick\" x=\"{Left - 8}\" y=\"{y.Place(tick) + 4}\" text-anchor=\"end\">{Tick(tick)}</text>");
        }
        foreach (double tick in x.Ticks)
        {
            svg.Add($"<line class=\"grid\" x1=\"{x.Place(tick)}\" x2=\"{x.Place(tick)}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/>");
            svg.Add($"<text class=\"tick\" x=\"{x.Place(tick)}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{Tick(tick)}</text>");
        }
        svg.Add($"<line class=\"axis\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom}\"/>");
        svg.Add($"<text class=\"title\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 10}\" text-anchor=\"middle\">{xTitle}</text>");
        svg.Add(
            $"<text class=\"title\" transform=\"translate(16 {(Top + Height - Bottom) / 2}) rotate(-90)\" " +
            $"text-anchor=\"middle\">{yTitle}</text>");
    }

    public static string Tick(double value) =>
        value.ToString(value >= 100 ? "0" : value >= 1 ? "0.#" : "0.##", System.Globalization.CultureInfo.InvariantCulture);

    static HtmlBuilder Marker(double x, double y, int style)
    {
        var shape = new HtmlBuilder();
        return ((style - 1) % 4) switch
        {
            0 => shape.Add($"<circle class=\"dot s{style}\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>"),
            1 => shape.Add($"<rect class=\"dot s{style}\" x=\"{x - 5.5}\" y=\"{y - 5.5}\" width=\"11\" height=\"11\"/>"),
            2 => shape.Add($"<path class=\"dot s{style}\" d=\"M{x} {y - 7}L{x + 7} {y + 6}H{x - 7}Z\"/>"),
            _ => shape.Add($"<path class=\"dot s{style}\" d=\"M{x} {y - 7.5}L{x + 7.5} {y}L{x} {y + 7.5}L{x - 7.5} {y}Z\"/>"),
        };
    }

    /// <summary>Names beside points, moved up or down where they would lie on another.</summary>
    static void Labels(HtmlBuilder svg, List<(double X, double Y, string Name, int Style)> points)
    {
        var placed = new List<(double Left, double Right, double Y)>();
        foreach (var (x, y, name, style) in points.OrderBy(point => point.Y))
        {
            var text = Cut(name, 40);
            double length = text.Length * LetterWidth;
            bool before = x + 14 + length > Width - Right;
            double left = before ? Math.Max(Left, x - 14 - length) : x + 14, at = y;
            while (placed.Any(other => other.Right > left && other.Left < left + length && Math.Abs(other.Y - at) < LabelHeight)) at += 2;
            placed.Add((left, left + length, at));
            if (Math.Abs(at - y) > 5)
                svg.Add($"<line class=\"leader\" x1=\"{x}\" y1=\"{y}\" x2=\"{(before ? x - 12 : x + 12)}\" y2=\"{at}\"/>");
            svg.Add(
                $"<text class=\"label s{style}\" x=\"{(before ? x - 14 : x + 14)}\" y=\"{at + 4}\" " +
                $"text-anchor=\"{(before ? "end" : "start")}\">{text}</text>");
        }
    }

    public static string Cut(string text, int length) => text.Length <= length ? text : text[..(length - 1)] + "…";
}
