namespace Earshot.Evaluation;

/// <summary>A bar: its name, its length, what stands at its end, and whether it is ours.</summary>
internal sealed record ChartBar(string Name, double Value, string Text, bool IsOwn = false);

/// <summary>Bars that lie beneath each other, from zero.</summary>
internal static class BarChart
{
    const double Width = 640, BarHeight = 22, Names = 250, TextRoom = 90;
    const int MostLetters = 34;

    /// <param name="most">What the axis reaches at least; null for the longest bar.</param>
    public static HtmlBuilder Draw(string title, IReadOnlyList<ChartBar> bars, double? most = null)
    {
        double height = bars.Count * BarHeight + 40;
        var x = ChartAxis.Linear(Math.Max(most ?? 0, bars.Max(bar => bar.Value)), Names, Width - TextRoom);
        var svg = new HtmlBuilder().Add(
            $"<svg viewBox=\"0 0 {Width} {height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>");
        foreach (double tick in x.Ticks)
        {
            svg.Add($"<line class=\"grid\" x1=\"{x.Place(tick)}\" x2=\"{x.Place(tick)}\" y1=\"4\" y2=\"{height - 30}\"/>");
            svg.Add($"<text class=\"tick\" x=\"{x.Place(tick)}\" y=\"{height - 12}\" text-anchor=\"middle\">{Charts.Tick(tick)}</text>");
        }
        for (int i = 0; i < bars.Count; i++)
        {
            double top = 4 + i * BarHeight, end = x.Place(bars[i].Value);
            var own = bars[i].IsOwn ? " own" : "";
            svg.Add(
                $"<text class=\"name{own}\" x=\"{Names - 8}\" y=\"{top + 15}\" text-anchor=\"end\">" +
                $"{Charts.Cut(bars[i].Name, MostLetters)}</text>");
            svg.Add(
                $"<rect class=\"published{own}\" x=\"{Names}\" y=\"{top + 4}\" width=\"{Math.Max(1, end - Names)}\" " +
                $"height=\"{BarHeight - 9}\"/>");
            svg.Add($"<text class=\"tick\" x=\"{end + 6}\" y=\"{top + 15}\">{bars[i].Text}</text>");
        }
        return svg.Add($"</svg>");
    }
}
