using Earshot.Evaluation.Metrics;
using static Earshot.Evaluation.Tests.Metrics.MetricsBuilders;

namespace Earshot.Evaluation.Tests.Metrics;

public class SpeakerTextScorerTests
{
    // MeetEval's doctests of cp_word_error_rate.
    [Theory]
    [InlineData("a b c; d e f", "a b c; d e f", 0, 6, 0, 0, 0, 0, 0)]
    [InlineData("a b; c d", "a b; c d; e f", 2, 4, 2, 0, 0, 0, 1)]
    [InlineData("a; b; c d", "a; b", 2, 4, 0, 2, 0, 1, 0)]
    [InlineData("a; b; c", "b; c; d; a", 1, 3, 1, 0, 0, 0, 1)]
    [InlineData("a b", "z; a e f", 3, 2, 2, 0, 1, 0, 1)]
    [InlineData("a b; k", "-; a e f", 3, 3, 1, 1, 1, 0, 0)]
    public void Concatenated_error_rate_equals_meetevals(
        string reference, string system, int errors, int length, int insertions, int deletions, int substitutions, int missed, int extra)
    {
        var score = new SpeakerTextScorer().ScoreConcatenated(Speakers(reference, "r"), Speakers(system, "h"));

        Assert.Equal((errors, length), (score.Counts.Errors, score.Counts.ReferenceLength));
        Assert.Equal((insertions, deletions, substitutions), (score.Counts.Insertions, score.Counts.Deletions, score.Counts.Substitutions));
        Assert.Equal((missed, extra), (score.MissedSpeakers, score.ExtraSpeakers));
    }

    [Fact]
    public void The_assignment_of_speakers_is_told()
    {
        var score = new SpeakerTextScorer().ScoreConcatenated(Speakers("a; b; c", "r"), Speakers("b; c; d; a", "h"));

        Assert.Equal([new("r0", "h3"), new("r1", "h0"), new("r2", "h1"), new(null, "h2")], score.Assignment);
    }

    // MeetEval: doctests of align and tests/test_time_constrained.py.
    [Theory]
    [InlineData("A 0 1 a; A 1 2 b; A 2 3 c", "A 0 1 a; A 1 2 b; A 3 4 c", 0, 2)]
    [InlineData("A 0 1 a; A 1 2 b; A 2 3 c", "A 0 1 a; A 1 2 b; A 3 4 c", 1, 0)]
    [InlineData("A 0 1 a b; A 1 2 c; A 2 3 d e", "A 0 1 a; A 1 2 b c; A 3 4 e f", 1, 2)]
    [InlineData("A 0 4 a b c d; A 2 6 e f g h", "A 0 6 a b c d e f g h", 0, 6)]
    [InlineData("A 0 4 a b c d; A 2 6 e f g h", "A 0 6 a b c d e f g h", 1, 0)]
    [InlineData("A 4 8 e f g h; A 0 4 a b c d", "A 0 8 a b c d e f g h", 0, 0)]
    [InlineData("A 0 1 a; B 1 2 b c", "A 0 1 a b; B 1 2 c", 5, 2)]
    public void Time_constrained_error_rate_equals_meetevals(string reference, string system, double collar, int errors)
    {
        var scorer = new SpeakerTextScorer(new SpeakerTextOptions { Collar = TimeSpan.FromSeconds(collar) });
        var counts = scorer.ScoreTimeConstrained(Segments(reference), Segments(system)).Counts;

        Assert.Equal(errors, counts.Errors);
        Assert.Equal(counts.ReferenceLength, Segments(reference).Sum(segment => TextUnits.Words.Split(segment.Words).Count));
    }

    [Fact]
    public void The_time_constraint_stops_words_from_matching_minutes_apart()
    {
        var (reference, system) = (Segments("A 0 2 yes; A 100 102 no"), Segments("x 100 102 yes"));

        Assert.Equal(1, new SpeakerTextScorer().ScoreConcatenated(reference, system).Counts.Errors);
        Assert.Equal(2, new SpeakerTextScorer().ScoreTimeConstrained(reference, system).Counts.Errors);
    }

    // MeetEval's doctests of orc_word_error_rate.
    [Theory]
    [InlineData("a b; c d; e f", "a b c d e f", 0, "h0 h0 h0")]
    [InlineData("a b; c d; e f", "a b; c d e f", 0, "h0 h1 h1")]
    [InlineData("a; c d; e", "a c; d e", 2, "h0 h0 h1")]
    [InlineData("a b", "-", 2, "h0")]
    public void Optimal_reference_combination_equals_meetevals(string reference, string system, int errors, string streams)
    {
        var segments = Speakers(reference, "r")
            .Select((segment, i) => segment with { Start = TimeSpan.FromSeconds(i), End = TimeSpan.FromSeconds(i + 1) });
        var score = new SpeakerTextScorer().ScoreOptimalReference(segments, Speakers(system, "h"));

        Assert.Equal(errors, score.Counts.Errors);
        Assert.Equal(streams, string.Join(' ', score.Assignment.Select(pair => pair.System)));
    }

    [Fact]
    public void Optimal_reference_combination_forgives_swapped_speakers_and_concatenation_does_not()
    {
        var reference = Segments("A 0 1 one two; B 1 2 three four; A 2 3 five six");
        var system = Segments("x 0 1 one two; x 1 2 three four; y 2 3 five six");

        Assert.Equal(0, new SpeakerTextScorer().ScoreOptimalReference(reference, system).Counts.Errors);
        Assert.Equal(4, new SpeakerTextScorer().ScoreConcatenated(reference, system).Counts.Errors);
    }

    [Fact]
    public void Characters_of_languages_without_spaces_are_scored_natively()
    {
        var scorer = new SpeakerTextScorer(new SpeakerTextOptions { Units = TextUnits.Mixed, Normalizer = new BasicTextNormalizer() });
        var score = scorer.ScoreConcatenated(Segments("A 0 1 今天天气很好。"), Segments("x 0 1 今天天汽很好"));

        Assert.Equal(new EditCounts(5, 1, 0, 0), score.Counts);
    }

    [Fact]
    public void Two_sessions_in_one_call_are_refused()
    {
        var mixed = Segments("A 0 1 a").Append(Segments("A 0 1 a")[0] with { Session = "t" });

        var exception = Assert.Throws<ArgumentException>(() => new SpeakerTextScorer().ScoreConcatenated(mixed, []));
        Assert.Contains("one session", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exact_combination_that_would_not_fit_is_refused()
    {
        var words = string.Join(' ', Enumerable.Repeat("w", 5000));

        Assert.Throws<ArgumentException>(
            () => new SpeakerTextScorer().ScoreOptimalReference(Segments("A 0 1 a"), Segments($"x 0 1 {words}; y 0 1 {words}")));
    }

    /// <summary>One speaker for each text, named by a letter and a number; "-" is an empty text.</summary>
    static TranscriptSegment[] Speakers(
        string texts, string letter) => [.. texts.Split(';', StringSplitOptions.TrimEntries).Select((text, i) => new TranscriptSegment
        {
            Session = "s",
            Speaker = letter + i,
            Start = TimeSpan.Zero,
            End = TimeSpan.FromSeconds(1),
            Words = text == "-" ? " " : text,
        })];
}
