using System.Diagnostics;
using Earshot.Evaluation.Metrics;
using Earshot.Tokenizers;

namespace Earshot.Evaluation.Tests.Metrics;

public class SequenceAlignerTests
{
    [Fact]
    public void The_bit_vector_distance_equals_the_plain_table()
    {
        var random = new Random(1);
        for (var round = 0; round < 400; round++)
        {
            var symbols = random.Next(1, 40);
            var (a, b) = (Sequence(random, random.Next(0, 300), symbols), Sequence(random, random.Next(0, 300), symbols));

            Assert.Equal(PlainCosts(a, b).Errors, EditDistance.Between(a, b));
        }
    }

    [Fact]
    public void A_halved_alignment_costs_what_the_plain_table_says()
    {
        var random = new Random(2);
        for (var round = 0; round < 12; round++)
        {
            var symbols = random.Next(2, 2000);
            var a = Sequence(random, random.Next(600, 1500), symbols);
            var b = round % 2 == 0 ? Sequence(random, random.Next(600, 1500), symbols) : Disturbed(random, a, symbols);
            var edits = SequenceAligner.Align(a, b);
            var counts = Alignment.Count(edits);

            Assert.Equal(PlainCosts(a, b), (counts.Errors, counts.Substitutions));
            AssertCovers(a, b, edits);
        }
    }

    [Fact]
    public void Ten_thousand_entirely_different_words_are_aligned()
    {
        var (a, b) = (Enumerable.Range(0, 10_000).ToArray(), Enumerable.Range(10_000, 10_000).ToArray());
        var watch = Stopwatch.StartNew();
        var counts = Alignment.Count(SequenceAligner.Align(a, b));
        TestContext.Current.TestOutputHelper?.WriteLine($"10,000 × 10,000: {watch.ElapsedMilliseconds} ms");

        Assert.Equal(new EditCounts(0, 10_000, 0, 0), counts);
    }

    [Fact]
    public void Long_lengths_that_differ_are_aligned_with_64_bit_costs()
    {
        var random = new Random(3);
        var (a, b) = (Sequence(random, 40_000, 50_000), Sequence(random, 1_000, 50_000));
        var edits = SequenceAligner.Align(a, b);

        Assert.Equal(EditDistance.Between(a, b), Alignment.Count(edits).Errors);
        AssertCovers(a, b, edits);
    }

    static int[] Sequence(Random random, int length, int symbols) => [.. Enumerable.Range(0, length).Select(_ => random.Next(symbols))];

    static int[] Disturbed(Random random, int[] source, int symbols) => [.. source.SelectMany(unit => random.Next(10) switch
    {
        0 => Array.Empty<int>(),
        1 => [unit, random.Next(symbols)],
        2 => [random.Next(symbols)],
        _ => [unit],
    })];

    internal static (long Errors, long Substitutions) PlainCosts(int[] a, int[] b)
    {
        var table = new (long, long)[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    table[i, j] = (i + j, 0);
                    continue;
                }
                var (errors, substitutions) = table[i - 1, j - 1];
                var best = a[i - 1] == b[j - 1] ? (errors, substitutions) : (errors + 1, substitutions + 1);
                foreach (var (gapErrors, gapSubstitutions) in new[] { table[i - 1, j], table[i, j - 1] })
                {
                    if ((gapErrors + 1, gapSubstitutions).CompareTo(best) < 0) best = (gapErrors + 1, gapSubstitutions);
                }
                table[i, j] = best;
            }
        }
        return table[a.Length, b.Length];
    }

    internal static void AssertCovers(int[] a, int[] b, Edit[] edits)
    {
        var (i, j) = (0, 0);
        foreach (var edit in edits)
        {
            Assert.Equal((i, j), (edit.ReferenceIndex, edit.HypothesisIndex));
            if (edit.Kind is EditKind.Hit or EditKind.Substitution) Assert.Equal(edit.Kind == EditKind.Hit, a[i] == b[j]);
            if (edit.Kind != EditKind.Insertion) i++;
            if (edit.Kind != EditKind.Deletion) j++;
        }
        Assert.Equal((a.Length, b.Length), (i, j));
    }
}
