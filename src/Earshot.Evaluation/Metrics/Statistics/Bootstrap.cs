namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Percentile bootstrap over utterances (Bisani and Ney 2004): utterances are drawn with replacement, and the rate of each draw's
/// sums is taken. Utterances of one recording or speaker are not independent: add their counts up first and pass the sums,
/// or the interval will be too narrow.
/// </summary>
public static class Bootstrap
{
    /// <summary>The error rate of a corpus with its interval.</summary>
    public static ConfidenceInterval ErrorRate(
        IReadOnlyList<EditCounts> utterances, ResamplingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(utterances);
        options ??= ResamplingOptions.Default;
        options.Check();
        if (utterances.Count == 0) throw new ArgumentException("No utterances to resample.", nameof(utterances));
        var random = new SplitMix64(options.Seed);
        var rates = new double[options.Resamples];
        for (var i = 0; i < rates.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long errors = 0, length = 0;
            for (var n = 0; n < utterances.Count; n++)
            {
                var drawn = utterances[random.Next(utterances.Count)];
                errors += drawn.Errors;
                length += drawn.ReferenceLength;
            }
            rates[i] = Rate(errors, length);
        }
        return Interval(
            Rate(utterances.Sum(counts => counts.Errors), utterances.Sum(counts => counts.ReferenceLength)), rates, options.Level);
    }

    internal static double Rate(long errors, long length) => length == 0 ? errors : (double)errors / length;

    internal static ConfidenceInterval Interval(double estimate, double[] resampled, double level)
    {
        Array.Sort(resampled);
        var tail = (1 - level) / 2;
        return new ConfidenceInterval(estimate, Quantiles.OfSorted(resampled, tail), Quantiles.OfSorted(resampled, 1 - tail), level);
    }
}
