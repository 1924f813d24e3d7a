using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

public class StatisticsTests
{
    // numpy.quantile's default ("linear").
    [Theory]
    [InlineData(new double[] { 1, 2, 3, 4 }, 0.5, 2.5)]
    [InlineData(new double[] { 4, 1, 3, 2 }, 0.25, 1.75)]
    [InlineData(new double[] { 10 }, 0.99, 10)]
    [InlineData(new double[] { 0, 100 }, 0.95, 95)]
    [InlineData(new double[] { 1, 2, 3 }, 1, 3)]
    public void Quantiles_interpolate_as_numpy_does(double[] values, double q, double expected) =>
        Assert.Equal(expected, Quantiles.Of(values, q), 1e-12);

    [Fact]
    public void The_interval_of_a_rate_has_the_width_that_theory_gives()
    {
        // 1,000 utterances of 10 words, one word in ten wrong: the rate is 0.1, its standard error sqrt(var(errors) / n) / 10.
        var random = new Random(5);
        var utterances = Enumerable.Range(0, 1000).Select(_ => Enumerable.Range(0, 10).Count(_ => random.NextDouble() < 0.1))
            .Select(errors => new EditCounts(10 - errors, errors, 0, 0)).ToArray();
        var interval = Bootstrap.ErrorRate(utterances);
        var rate = utterances.Average(counts => counts.Errors) / 10;
        var error = Math.Sqrt(utterances.Average(counts => Math.Pow(counts.Errors - 10 * rate, 2)) / utterances.Length) / 10;

        Assert.Equal(rate, interval.Estimate, 1e-12);
        Assert.Equal(rate - 1.96 * error, interval.Low, 0.05 * error * 2);
        Assert.Equal(rate + 1.96 * error, interval.High, 0.05 * error * 2);
        Assert.Equal(interval, Bootstrap.ErrorRate(utterances));
    }

    [Fact]
    public void Equal_systems_do_not_differ()
    {
        var counts = Enumerable.Range(0, 50).Select(i => new EditCounts(10, i % 3, 0, 1)).ToArray();
        var options = new ResamplingOptions { Resamples = 500 };
        var bootstrap = SystemComparison.PairedBootstrap(counts, counts, options);

        Assert.Equal((1, 0.5), (bootstrap.PValue, bootstrap.ProbabilityOfImprovement));
        Assert.Equal(1, SystemComparison.PermutationPValue(counts, counts, options));
        Assert.Equal(new MatchedPairsResult(0, 0, 1), SystemComparison.MatchedPairs(counts, counts));
    }

    [Fact]
    public void A_system_that_is_always_better_differs()
    {
        var first = Enumerable.Range(0, 100).Select(i => new EditCounts(9, 1, 0, i % 2)).ToArray();
        var second = Enumerable.Range(0, 100).Select(i => new EditCounts(7, 3, 0, i % 4)).ToArray();
        var options = new ResamplingOptions { Resamples = 1000 };
        var bootstrap = SystemComparison.PairedBootstrap(first, second, options);
        var pairs = SystemComparison.MatchedPairs(first, second);

        Assert.Equal((0, 1), (bootstrap.PValue, bootstrap.ProbabilityOfImprovement));
        Assert.True(bootstrap.Difference.High < 0);
        Assert.Equal(1 / 1001.0, SystemComparison.PermutationPValue(first, second, options), 1e-12);
        Assert.Equal(-3, pairs.MeanDifference);
        Assert.True(pairs.Z < -20 && pairs.PValue < 1e-9);
    }

    [Fact]
    public void Matched_pairs_follow_the_formula()
    {
        // Differences 1, -1, 2, 2: mean 1, sample variance 2, z = 1 / sqrt(2 / 4) = sqrt 2, p = erfc(1).
        EditCounts[] first = [new(8, 2, 0, 0), new(9, 1, 0, 0), new(6, 4, 0, 0), new(7, 3, 0, 0)];
        EditCounts[] second = [new(9, 1, 0, 0), new(8, 2, 0, 0), new(8, 2, 0, 0), new(9, 1, 0, 0)];
        var result = SystemComparison.MatchedPairs(first, second);

        Assert.Equal(Math.Sqrt(2), result.Z, 1e-12);
        Assert.Equal(0.157299207050285, result.PValue, 1e-12); // erfc(1)
    }

    // Segments end at two words that both systems have right, and at the utterance's end.
    [Theory]
    [InlineData("a b c d e", "x b c d e", "a b c d e", "1")]
    [InlineData("a b c d e", "x b c d y", "a b c d e", "1,1")]
    [InlineData("a b c d e", "x b y d e", "a b c d e", "2")]        // only one right word between the errors
    [InlineData("a b c d e", "x b c d e", "a b c d y", "1,-1")]
    [InlineData("a b c d e", "x b c d e", "a y c d e", "0")]        // both err, next to each other
    [InlineData("a b c d", "a b i j c d", "a b c d k", "2,-1")]
    [InlineData("a b", "a b", "a b", "")]
    public void Utterances_are_cut_where_both_systems_are_right(string reference, string first, string second, string differences)
    {
        var scorer = new TextScorer();
        Alignment[] one = [scorer.Score(reference, first).Alignment], other = [scorer.Score(reference, second).Alignment];

        Assert.Equal(differences, string.Join(',', MatchedSegments.Differences(one, other)));
        Assert.Equal(SystemComparison.MatchedPairs(one, other).MeanDifference, -SystemComparison.MatchedPairs(other, one).MeanDifference);
    }

    // erfc at x = 0, 0.5, 1.5, 2, 3, 5 (Abramowitz and Stegun, table 7.1, and its continuation), with z = x √2.
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 0.479500122186953)]
    [InlineData(1.5, 0.033894853524689)]
    [InlineData(2, 0.00467773498104727)]
    [InlineData(3, 2.20904969985854e-5)]
    [InlineData(5, 1.53745979442803e-12)]
    public void Normal_tails_are_erfcs(double x, double expected) =>
        Assert.Equal(1, Normal.TwoSidedTail(-x * Math.Sqrt(2)) / expected, 1e-11);

    [Fact]
    public void Permutation_agrees_with_the_exact_test_on_few_utterances()
    {
        // Differences 1, 1, 1, 1, 1, 1: of the 64 sign patterns, only the two with all signs alike are as large. p = 2 / 64.
        var first = Enumerable.Repeat(new EditCounts(8, 2, 0, 0), 6).ToArray();
        var second = Enumerable.Repeat(new EditCounts(9, 1, 0, 0), 6).ToArray();

        Assert.Equal(2 / 64.0, SystemComparison.PermutationPValue(first, second), 0.006);
    }

    [Fact]
    public void Systems_scored_on_different_references_are_refused()
    {
        EditCounts[] first = [new(8, 2, 0, 0)], second = [new(8, 3, 0, 0)];

        Assert.Contains(
            "Utterance 0", Assert.Throws<ArgumentException>(() => SystemComparison.MatchedPairs(first, second)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SystemComparison.MatchedPairs(first, []));
        Assert.Throws<ArgumentException>(() => Bootstrap.ErrorRate([]));
    }
}
