namespace Earshot.Evaluation.Metrics;

/// <summary>How two systems' error rates differ by paired bootstrap.</summary>
/// <param name="Difference">First minus second rate, with its interval: below 0 the first system is better.</param>
/// <param name="PValue">Two-sided: twice the smaller share of resamples on either side of no difference, at most 1.</param>
/// <param name="ProbabilityOfImprovement">The share of resamples in which the first system has fewer errors; ties count half.</param>
public readonly record struct PairedBootstrapResult(ConfidenceInterval Difference, double PValue, double ProbabilityOfImprovement);

/// <summary>The matched-pairs test's statistic and two-sided p value.</summary>
/// <param name="MeanDifference">Errors of the first system minus errors of the second, a pair.</param>
/// <param name="Z">Standard normal if the systems are equally good; 0 when all pairs differ by nothing.</param>
public readonly record struct MatchedPairsResult(double MeanDifference, double Z, double PValue);

/// <summary>Tests whether two systems that transcribed the same utterances differ by more than chance.</summary>
public static class SystemComparison
{
    /// <summary>Draws the same utterances for both systems, with replacement (Bisani and Ney 2004).</summary>
    public static PairedBootstrapResult PairedBootstrap(
        IReadOnlyList<EditCounts> first,
        IReadOnlyList<EditCounts> second,
        ResamplingOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check(first, second);
        options ??= ResamplingOptions.Default;
        options.Check();
        var random = new SplitMix64(options.Seed);
        var differences = new double[options.Resamples];
        for (var i = 0; i < differences.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long errors = 0, length = 0;
            for (var n = 0; n < first.Count; n++)
            {
                var drawn = random.Next(first.Count);
                errors += first[drawn].Errors - second[drawn].Errors;
                length += first[drawn].ReferenceLength;
            }
            differences[i] = Bootstrap.Rate(errors, length);
        }
        var better = differences.Count(difference => difference < 0) / (double)differences.Length;
        var worse = differences.Count(difference => difference > 0) / (double)differences.Length;
        var estimate = Bootstrap.Rate(Differences(first, second).Sum(), first.Sum(counts => counts.ReferenceLength));
        return new PairedBootstrapResult(
            Bootstrap.Interval(estimate, differences, options.Level),
            Math.Min(1, 2 * Math.Min(1 - better, 1 - worse)),
            better + (1 - better - worse) / 2);
    }

    /// <summary>
    /// Approximate permutation: the p value is how often exchanging the two systems' outputs of each utterance by a coin's toss makes
    /// a difference as large as the one seen, the seen one counted (so never 0).
    /// </summary>
    public static double PermutationPValue(
        IReadOnlyList<EditCounts> first,
        IReadOnlyList<EditCounts> second,
        ResamplingOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Check(first, second);
        options ??= ResamplingOptions.Default;
        options.Check();
        var differences = Differences(first, second);
        var seen = Math.Abs(differences.Sum());
        var random = new SplitMix64(options.Seed);
        var asLarge = 1;
        for (var i = 0; i < options.Resamples; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var sum = 0L;
            var (coins, left) = (0UL, 0);
            foreach (var difference in differences)
            {
                if (left == 0) (coins, left) = (random.Next(), 64);
                sum += (coins & 1) == 0 ? difference : -difference;
                coins >>= 1;
                left--;
            }
            if (Math.Abs(sum) >= seen) asLarge++;
        }
        return asLarge / (options.Resamples + 1.0);
    }

    /// <summary>
    /// Matched pairs (Gillick and Cox 1989) with whole utterances as segments: z of the mean difference in errors, two-sided.
    /// </summary>
    public static MatchedPairsResult MatchedPairs(IReadOnlyList<EditCounts> first, IReadOnlyList<EditCounts> second)
    {
        Check(first, second);
        return MatchedPairs(Differences(first, second));
    }

    /// <summary>
    /// NIST's MAPSSWE: matched pairs over the segments that hold errors of either system, parted by two words that both have right.
    /// Its segments are more and shorter than utterances, so it finds smaller differences.
    /// </summary>
    public static MatchedPairsResult MatchedPairs(IReadOnlyList<Alignment> first, IReadOnlyList<Alignment> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        Check([.. first.Select(alignment => alignment.Counts)], [.. second.Select(alignment => alignment.Counts)]);
        return MatchedPairs(MatchedSegments.Differences(first, second));
    }

    static MatchedPairsResult MatchedPairs(IReadOnlyList<long> differences)
    {
        if (differences.Count == 0) return new MatchedPairsResult(0, 0, 1);
        var mean = differences.Average();
        if (differences.Count < 2) return new MatchedPairsResult(mean, 0, 1);
        var variance = differences.Sum(difference => (difference - mean) * (difference - mean)) / (differences.Count - 1);
        if (variance == 0)
        {
            return mean == 0
                ? new MatchedPairsResult(0, 0, 1)
                : new MatchedPairsResult(mean, Math.CopySign(double.PositiveInfinity, mean), 0);
        }
        var z = mean / Math.Sqrt(variance / differences.Count);
        return new MatchedPairsResult(mean, z, Normal.TwoSidedTail(z));
    }

    static long[] Differences(IReadOnlyList<EditCounts> first, IReadOnlyList<EditCounts> second) =>
        [.. first.Zip(second, (a, b) => a.Errors - b.Errors)];

    static void Check(IReadOnlyList<EditCounts> first, IReadOnlyList<EditCounts> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count == 0) throw new ArgumentException("No utterances to compare.", nameof(first));
        if (first.Count != second.Count)
            throw new ArgumentException($"Both systems need the same utterances, got {first.Count} and {second.Count}.", nameof(second));
        for (var i = 0; i < first.Count; i++)
        {
            if (first[i].ReferenceLength != second[i].ReferenceLength)
            {
                throw new ArgumentException(
                    $"Utterance {i} has {first[i].ReferenceLength} reference units for the first system and " +
                    $"{second[i].ReferenceLength} for the second: " +
                    "both must be scored against the same references in the same order.", nameof(second));
            }
        }
    }
}
