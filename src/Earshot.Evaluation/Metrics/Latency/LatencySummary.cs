namespace Earshot.Evaluation.Metrics;

/// <summary>The spread of a set of times; quantiles as <see cref="Quantiles"/> defines them, all zero of none.</summary>
public sealed record LatencySummary
{
    public int Count { get; init; }

    public TimeSpan Mean { get; init; }

    public TimeSpan P50 { get; init; }

    public TimeSpan P95 { get; init; }

    public TimeSpan P99 { get; init; }

    public TimeSpan Largest { get; init; }

    public static LatencySummary Of(IEnumerable<TimeSpan> times)
    {
        ArgumentNullException.ThrowIfNull(times);
        double[] sorted = [.. times.Select(time => (double)time.Ticks).Order()];
        if (sorted.Length == 0) return new LatencySummary();
        return new LatencySummary
        {
            Count = sorted.Length,
            Mean = new TimeSpan((long)Math.Round(sorted.Average())),
            P50 = At(0.5),
            P95 = At(0.95),
            P99 = At(0.99),
            Largest = At(1),
        };

        TimeSpan At(double q) => new((long)Math.Round(Quantiles.OfSorted(sorted, q)));
    }
}
