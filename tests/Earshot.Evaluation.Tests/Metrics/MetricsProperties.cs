using System.Numerics;
using Earshot.Evaluation.Metrics;
using Earshot.Tokenizers;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Evaluation.Tests.Metrics;

public class MetricsProperties
{
    static readonly Arbitrary<int[]> Sequences = Gen.Choose(0, 4).ArrayOf().ToArbitrary();

    // A name of one of four speakers, a start, a length; in tenths of seconds, so that boundaries often coincide.
    static readonly Arbitrary<SpeakerTurn[]> Turns =
        (from speaker in Gen.Elements("A", "B", "C", "D")
         from start in Gen.Choose(0, 200)
         from length in Gen.Choose(0, 60)
         select new SpeakerTurn
         {
             Session = "s",
             Speaker = speaker,
             Start = TimeSpan.FromMilliseconds(100 * start),
             End = TimeSpan.FromMilliseconds(100 * (start + length)),
         }).ArrayOf().ToArbitrary();

    [Fact]
    public void Equal_texts_have_no_errors() => Check(Prop.ForAll(Sequences, a => Counts(a, a) == new EditCounts(a.Length, 0, 0, 0)));

    [Fact]
    public void Counts_add_up_to_the_lengths() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        var counts = Counts(a, b);
        return counts.ReferenceLength == a.Length && counts.HypothesisLength == b.Length && counts.Errors == EditDistance.Between(a, b);
    }));

    [Fact]
    public void Rates_stay_in_their_bounds() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        var counts = Counts(a, b);
        return counts.ErrorRate >= 0
            && counts.MatchErrorRate is >= 0 and <= 1
            && counts.WordInformationLost is >= 0 and <= 1
            && Math.Abs(counts.WordInformationLost + counts.WordInformationPreserved - 1) < 1e-15
            && counts.MatchErrorRate <= counts.ErrorRate;
    }));

    [Fact]
    public void Changing_places_exchanges_deletions_and_insertions() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        var (forth, back) = (Counts(a, b), Counts(b, a));
        return forth == new EditCounts(back.Hits, back.Substitutions, back.Insertions, back.Deletions);
    }));

    [Fact]
    public void The_distance_obeys_the_triangle_inequality() => Check(Prop.ForAll(Sequences, Sequences, Sequences, (a, b, c) =>
        EditDistance.Between(a, c) <= EditDistance.Between(a, b) + EditDistance.Between(b, c)));

    [Fact]
    public void Alignments_cost_what_the_plain_table_says() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        var edits = SequenceAligner.Align(a, b);
        SequenceAlignerTests.AssertCovers(a, b, edits);
        var counts = Alignment.Count(edits);
        return (counts.Errors, counts.Substitutions) == SequenceAlignerTests.PlainCosts(a, b);
    }));

    [Fact]
    public void Vectorised_rows_equal_plain_rows_in_any_band() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        var unit = a.Length + b.Length + 1;
        var exact = new WavefrontCosts<int>(unit, int.MaxValue / 4).LastRow(a, b, (-b.Length - 1, a.Length + 1));
        var banded = new WavefrontCosts<int>(unit, int.MaxValue / 4).LastRow(a, b, (-3, 3));
        return Enumerable.Range(0, b.Length + 1).All(j =>
        {
            var (errors, substitutions) = SequenceAlignerTests.PlainCosts(a, b[..j]);
            var expected = errors * unit + substitutions;
            return exact[j] == expected && (errors > 3 ? banded[j] >= expected : banded[j] == expected);
        });
    }));

    [Fact]
    public void A_time_constraint_never_helps_and_a_wide_collar_never_hurts() => Check(Prop.ForAll(Sequences, Sequences, (a, b) =>
    {
        TimeInterval[] At(int[] units, long width) => [.. units.Select((_, i) => new TimeInterval(10 * i - width, 10 * i + 10 + width))];
        SpeakerWords reference = new("r", a, At(a, 0)), near = new("s", b, At(b, 5)), far = new("s", b, At(b, 100_000));
        return TimeConstrainedAlignment.Count(reference, near).Errors >= EditDistance.Between(a, b)
            && TimeConstrainedAlignment.Count(reference, far) == Counts(a, b);
    }));

    [Fact]
    public void The_optimal_combination_is_as_good_as_the_best_of_all() =>
        Check(Prop.ForAll(Gen.Choose(0, int.MaxValue - 1).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            int[] Units(int most) => [.. Enumerable.Range(0, random.Next(most)).Select(_ => random.Next(3))];
            var segments = Enumerable.Range(0, random.Next(1, 5)).Select(_ => ("r", Units(4))).ToArray();
            var streams = Enumerable.Range(0, random.Next(1, 4)).Select(i => new SpeakerWords("h" + i, Units(6), [])).ToList();
            var least = long.MaxValue;
            for (var choice = 0; choice < Math.Pow(streams.Count, segments.Length); choice++)
            {
                var errors = streams.Select((stream, c) => (long)EditDistance.Between(
                    segments.Where((_, u) => choice / (int)Math.Pow(streams.Count, u) % streams.Count == c)
                        .SelectMany(segment => segment.Item2).ToArray(), stream.Units)).Sum();
                least = Math.Min(least, errors);
            }
            return OptimalReferenceCombination.Score(segments, streams).Counts.Errors == least;
        }));

    [Fact]
    public void A_diarization_has_no_errors_against_itself() => Check(Prop.ForAll(Turns, turns =>
    {
        var result = new DiarizationScorer().Score(turns, turns);
        return result.Total.ErrorRate == 0 && result.JaccardErrorRate == 0;
    }));

    [Fact]
    public void Renaming_speakers_changes_no_score() => Check(Prop.ForAll(Turns, Turns, (reference, system) =>
    {
        SpeakerTurn[] renamed =
        [
            .. system.Select(turn => turn with { Speaker = turn.Speaker switch { "A" => "z", "B" => "y", "C" => "x", _ => "w" } })
        ];
        var (before, after) = (new DiarizationScorer().Score(reference, system), new DiarizationScorer().Score(reference, renamed));
        return before.Total == after.Total && Math.Abs(before.JaccardErrorRate - after.JaccardErrorRate) < 1e-12;
    }));

    [Fact]
    public void Components_are_consistent_in_every_protocol() => Check(Prop.ForAll(Turns, Turns, (reference, system) =>
        new[]
        {
            DiarizationOptions.Full,
            DiarizationOptions.Fair,
            DiarizationOptions.Forgiving,
            DiarizationOptions.Pyannote(TimeSpan.FromSeconds(0.5), true),
        }.All(options =>
        {
            var score = new DiarizationScorer(options).Score(reference, system).Total;
            return score.Correct >= TimeSpan.Zero && score.Missed >= TimeSpan.Zero && score.FalseAlarm >= TimeSpan.Zero
                && score.Confused >= TimeSpan.Zero
                && score.Correct + score.Missed + score.Confused == score.Scored;
        })));

    [Fact]
    public void Confusion_is_the_least_that_any_mapping_gives() => Check(Prop.ForAll(Turns, Turns, (reference, system) =>
    {
        var best = new DiarizationScorer().Score(reference, system).Total.Confused;
        // Renaming the system's speakers to the reference's own and mapping by name is one of the mappings.
        var byName = reference.Length == 0 ? best : ConfusedByName(reference, system);
        return best <= byName;
    }));

    [Fact]
    public void The_assignment_is_as_good_as_the_best_of_all() => Check(Prop.ForAll(
        Gen.Choose(1, 7).ToArbitrary(), Gen.Choose(1, 7).ToArbitrary(), Gen.Choose(0, int.MaxValue - 1).ToArbitrary(),
        (rows, columns, seed) =>
        {
            var random = new Random(seed);
            var costs = new double[rows, columns];
            for (var r = 0; r < rows; r++)
            {
                for (var c = 0; c < columns; c++) costs[r, c] = random.Next(-5, 20);
            }
            var columnOf = OptimalAssignment.Minimize(costs);
            var assigned = columnOf.Where(column => column >= 0).ToArray();
            var total = columnOf.Select((column, row) => column < 0 ? 0 : costs[row, column]).Sum();
            return assigned.Length == Math.Min(rows, columns) && assigned.Distinct().Count() == assigned.Length
                && total == LeastOfAll(costs, 0, 0);
        }));

    [Fact]
    public void Normalised_text_stays_as_it_is() => Check(Prop.ForAll(Arb.From(ArbMap.Default.GeneratorFor<string>()), text =>
    {
        if (text is null) return true;
        var normalizer = new BasicTextNormalizer { RemoveDiacritics = true };
        var once = normalizer.Normalize(text);
        return normalizer.Normalize(once) == once;
    }));

    [Fact]
    public void Every_text_can_be_normalised_and_split() => Check(Prop.ForAll(Arb.From(ArbMap.Default.GeneratorFor<string>()), text =>
    {
        foreach (ITextNormalizer normalizer in new ITextNormalizer[]
        {
            new EnglishTextNormalizer(),
            new EnglishTextNormalizer(EnglishRules.OpenAsrLeaderboard),
            new BasicTextNormalizer(),
        })
        {
            var normalized = normalizer.Normalize(text ?? "");
            foreach (var units in Enum.GetValues<TextUnits>()) _ = units.Split(normalized);
            if (normalized != normalized.Trim()) return false;
        }
        return true;
    }));

    static EditCounts Counts(int[] a, int[] b) => Alignment.Count(SequenceAligner.Align(a, b));

    static TimeSpan ConfusedByName(SpeakerTurn[] reference, SpeakerTurn[] system)
    {
        // In steps of 0.1 s over the reference's extent.
        bool Speaks(SpeakerTurn turn, long tick) => turn.Start.Ticks <= tick && tick < turn.End.Ticks;
        var spoken = reference.Where(turn => turn.Duration > TimeSpan.Zero).ToArray();
        if (spoken.Length == 0) return TimeSpan.MaxValue;
        var (confused, step) = (0L, TimeSpan.FromMilliseconds(100).Ticks);
        for (var tick = spoken.Min(turn => turn.Start.Ticks); tick < spoken.Max(turn => turn.End.Ticks); tick += step)
        {
            var here = spoken.Where(turn => Speaks(turn, tick)).Select(turn => turn.Speaker).ToHashSet();
            var there = system.Where(turn => Speaks(turn, tick)).Select(turn => turn.Speaker).ToHashSet();
            confused += step * (Math.Min(here.Count, there.Count) - here.Intersect(there).Count());
        }
        return new TimeSpan(confused);
    }

    static double LeastOfAll(double[,] costs, int row, int taken)
    {
        var (rows, columns) = (costs.GetLength(0), costs.GetLength(1));
        if (row == rows) return 0;
        var least = rows - row > columns - BitOperations.PopCount((uint)taken)
            ? LeastOfAll(costs, row + 1, taken)
            : double.PositiveInfinity;
        for (var c = 0; c < columns; c++)
        {
            if ((taken >> c & 1) == 0) least = Math.Min(least, costs[row, c] + LeastOfAll(costs, row + 1, taken | 1 << c));
        }
        return least;
    }

    static void Check(Property property) => property.Check(Config.QuickThrowOnFailure.WithMaxTest(150).WithReplay(20261122, 7));
}
