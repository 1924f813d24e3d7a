using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation.Tests.Metrics;

public class TextScorerTests
{
    // jiwer's tests (tests/test_measures.py, test_empty_ref.py), which take them from Morris, Maier and Green 2004.
    [Theory]
    [InlineData("This is a test", "This is a test", 0, 0, 0)]
    [InlineData("This is a test", "", 1, 1, 1)]
    [InlineData("This is a test", "This test", 0.5, 0.5, 0.5)]
    [InlineData("X", "X", 0, 0, 0)]
    [InlineData("X", "X X Y Y", 3, 0.75, 0.75)]
    [InlineData("X Y X", "X Z", 2 / 3.0, 2 / 3.0, 5 / 6.0)]
    [InlineData("X", "Y", 1, 1, 1)]
    [InlineData("X", "Y Z", 2, 1, 1)]
    [InlineData("i am a short ground truth", "i am a considerably longer and very much incorrect hypothesis", 7 / 6.0, 0.7, 0.85)]
    [InlineData("this test will  have a high word error rate", "no it will not", 8 / 9.0, 8 / 9.0, 1 - 1 / 36.0)]
    [InlineData("", "", 0, 0, 0)]
    [InlineData("", "hello", 1, 1, 1)]
    [InlineData("", "0 1 2 3 4", 5, 1, 1)]
    [InlineData("hello", "", 1, 1, 1)]
    public void Rates_equal_jiwers(string reference, string hypothesis, double wer, double mer, double wil)
    {
        var counts = new TextScorer().Score(reference, hypothesis).Counts;

        Assert.Equal(wer, counts.ErrorRate, 1e-15);
        Assert.Equal(mer, counts.MatchErrorRate, 1e-15);
        Assert.Equal(wil, counts.WordInformationLost, 1e-15);
        Assert.Equal(1 - wil, counts.WordInformationPreserved, 1e-15);
    }

    // jiwer, tests/test_cer.py: spaces count as characters.
    [Theory]
    [InlineData("This is a test", "This test", 5 / 14.0)]
    [InlineData("X", "X X Y Y", 6)]
    [InlineData("X Y X", "X Z", 3 / 5.0)]
    [InlineData("X", "Y Z", 3)]
    [InlineData("", "abd", 3)]
    [InlineData("abc", "", 1)]
    public void Character_error_rate_equals_jiwers(string reference, string hypothesis, double cer)
    {
        var scorer = new TextScorer(new TextScoringOptions { Units = TextUnits.Characters });

        Assert.Equal(cer, scorer.Score(reference, hypothesis).Counts.ErrorRate, 1e-15);
    }

    [Fact]
    public void A_corpus_rate_is_the_rate_of_the_sums()
    {
        var score = new TextScorer().Score([new("a", "hello world", "hello world"), new("b", "", "done")]);

        // jiwer, test_multiple_one_empty_ref
        Assert.Equal(new EditCounts(2, 0, 0, 1), score.Counts);
        Assert.Equal(1 / 2.0, score.Counts.ErrorRate);
        Assert.Equal(1 / 3.0, score.Counts.MatchErrorRate, 1e-15);
        Assert.Equal(2 / 3.0, score.Counts.WordInformationPreserved, 1e-15);
        Assert.Equal(["a", "b"], score.Utterances.Select(utterance => utterance.Id));
    }

    [Fact]
    public void An_alignment_says_where_each_error_is()
    {
        var alignment = new TextScorer().Score("this is a test of skill", "this was a messy test").Alignment;

        Assert.Equal(
            [
                new(EditKind.Hit, 0, 0), new(EditKind.Substitution, 1, 1), new(EditKind.Hit, 2, 2), new(EditKind.Insertion, 3, 3),
                new(EditKind.Hit, 3, 4), new(EditKind.Deletion, 4, 5), new(EditKind.Deletion, 5, 5),
            ],
            alignment.Edits);
        Assert.Equal(
            """
            REF: this  is a ***** test of skill
            HYP: this was a messy test ** *****
                        S       I       D     D
            """,
            alignment.ToString());
    }

    [Fact]
    public void Compounds_that_are_only_split_differently_can_count_as_equal()
    {
        var scorer = new TextScorer(new TextScoringOptions { JoinCompounds = true });

        Assert.Equal(0, scorer.Score("a white paper on it", "a whitepaper on it").Counts.Errors);
        Assert.Equal(new EditCounts(3, 0, 0, 0), scorer.Score("a whitepaper twice", "a white paper twice").Counts);
        Assert.Equal(1, scorer.Score("a white paper", "a whiter paper").Counts.Errors);
    }
}
