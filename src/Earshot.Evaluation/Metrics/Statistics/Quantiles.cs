namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Quantiles by linear interpolation between order statistics at position q · (n − 1): Hyndman and Fan's type 7, numpy's default.
/// </summary>
public static class Quantiles
{
    /// <summary>One quantile, <paramref name="q"/> in [0, 1], of values in any order; NaN of none.</summary>
    public static double Of(IEnumerable<double> values, double q)
    {
        ArgumentNullException.ThrowIfNull(values);
        return OfSorted([.. values.Order()], q);
    }

    /// <summary>One quantile of values that rise.</summary>
    public static double OfSorted(IReadOnlyList<double> sorted, double q)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        if (!(q >= 0 && q <= 1)) throw new ArgumentOutOfRangeException(nameof(q), q, "A quantile lies between 0 and 1.");
        if (sorted.Count == 0) return double.NaN;
        var position = q * (sorted.Count - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
    }
}
