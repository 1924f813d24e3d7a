namespace Earshot.Bench;

/// <summary>Figures are medians: a server has neighbours.</summary>
internal static class Medians
{
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
