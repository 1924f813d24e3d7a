using Earshot.Evaluation.Metrics;
using static Earshot.Evaluation.Tests.Metrics.MetricsBuilders;

namespace Earshot.Evaluation.Tests.Metrics;

public class DiarizationScorerTests
{
    const string PyannoteReference = "A 0 10; B 12 20; A 24 27; C 30 40";
    const string PyannoteSystem = "a 2 13; d 13 14; b 14 20; c 22 38; d 38 40";

    // pyannote.metrics, tests/test_diarization.py: test_detailed and test_optimal_mapping.
    [Fact]
    public void The_worked_example_of_pyannote_metrics_gives_its_components()
    {
        var result = new DiarizationScorer(DiarizationOptions.Pyannote()).Score(Turns(PyannoteReference), Turns(PyannoteSystem));

        Assert.Equal(31, result.Total.Scored.TotalSeconds);
        Assert.Equal(7, result.Total.FalseAlarm.TotalSeconds);
        Assert.Equal(2, result.Total.Missed.TotalSeconds);
        Assert.Equal(7, result.Total.Confused.TotalSeconds);
        Assert.Equal(22, result.Total.Correct.TotalSeconds);
        Assert.Equal(0.5161290322580645, result.Total.ErrorRate, 1e-12);
        Assert.Equal(new Dictionary<string, string> { ["A"] = "a", ["B"] = "b", ["C"] = "c" }, result.Sessions[0].Mapping);
    }

    // nryant/dscore and MeetEval's md-eval doctests.
    [Theory]
    [InlineData("spk1 0 0.5; spk2 0.5 1; spk1 1 1.5", "spk1 0 0.5; spk2 0.5 1; spk2 1 1.5", "0 1.5", 1.5, 0, 0, 0.5)]
    [InlineData("spk01 5 10; spk00 10 20", "spk01 0 10; spk00 10 20", "0 15", 10, 0, 5, 0)]
    public void Components_equal_what_md_eval_prints(
        string reference, string system, string uem, double scored, double missed, double falseAlarm, double confused)
    {
        var score = new DiarizationScorer().Score(Turns(reference), Turns(system), Regions(uem)).Total;

        Assert.Equal(
            (scored, missed, falseAlarm, confused),
            (score.Scored.TotalSeconds, score.Missed.TotalSeconds, score.FalseAlarm.TotalSeconds, score.Confused.TotalSeconds));
    }

    // Made-up turns, run through md-eval-22.pl with -c 0, -c 0.25 and -1 -c 0.25: scored, missed, false alarm, speaker error (s).
    [Theory]
    [InlineData(
        "s0 0.37 2.87; s0 3.17 3.54; s0 5.91 8.41; s1 4.75 9.5; s1 9.7 14.45; s1 14.92 15.02; s1 19.87 20.24; s2 2.5 3.73",
        "s0 0.1 1.33; s0 2.03 2.4; s0 2.87 7.62; s1 1.23 1.33; s1 1.8 1.9; s1 2.3 2.4; s1 4.5 5.73; s2 0.2 1.43",
        "",
        new double[] { 16.57, 11.31, 3.41, 0.87 }, new double[] { 11.13, 7.88, 1.99, 0.2 }, new double[] { 7.13, 5.34, 1.99, 0.2 })]
    [InlineData(
        "s0 4.75 4.85; s0 6.95 8.18; s1 2.5 7.25; s1 14 15.23; s1 18.46 18.66; s2 1.23 5.98; s2 8.08 12.83; s2 15.43 20.18",
        "s0 1.23 1.43; s0 2.4 7.15; s0 9.25 9.62; s0 11.45 11.55; s0 11.75 16.5; s1 4.75 7.25",
        "0.5 9.7",
        new double[] { 12.45, 5.6, 0.97, 0.2 }, new double[] { 7.6, 3.75, 0.47, 0 }, new double[] { 2.84, 2, 0.47, 0 })]
    [InlineData(
        "s0 3 4; s0 8 10; s0 13.6 16.6; s1 2 5; s1 5.6 8.6; s2 0.5 1",
        "s0 2 4; s0 5.3 7.3; s0 8.6 11.6; s0 12.2 13.2; s0 16.3 19.3",
        "1.3 10.5; 11.2 16.5",
        new double[] { 11.9, 6.6, 2.2, 1.6 }, new double[] { 7.5, 4.1, 1.7, 0.95 }, new double[] { 6.3, 3.4, 1.7, 0.95 })]
    [InlineData(
        "s0 1 3; s0 7 8; s0 9.1 10.1; s1 2 3",
        "s0 1 2; s1 3 4; s1 6.5 7; s1 9.5 12.5; s2 1 2; s2 5.6 6.6; s2 8.2 8.7; s2 11.7 14.7",
        "",
        new double[] { 5, 3.4, 4, 0.6 }, new double[] { 2.5, 1.65, 2.95, 0.35 }, new double[] { 1.5, 0.65, 2.95, 0.35 })]
    [InlineData(
        "s0 0.1 4.85; s0 6.68 11.43; s0 11.83 14.33; s1 2.5 2.87; s1 3.57 3.67; s1 4.07 5.3; s1 7.9 8; s1 8.5 8.6",
        "s0 0.37 1.6; s0 2.4 2.77; s0 6 8.5; s1 0.1 4.85; s1 11.6 14.1; s1 15.07 19.82; s2 1.23 1.43; s2 1.93 6.68",
        "1.3 21.3",
        new double[] { 12.7, 3.36, 9.51, 1.82 }, new double[] { 6.76, 2.33, 7.01, 0.72 }, new double[] { 6.2, 2.33, 7.01, 0.72 })]
    [InlineData(
        "s0 3 5; s0 8 8.5; s0 9.6 10.1; s1 3 3.5; s1 7.1 10.1; s1 15.1 16.1; s1 19.4 21.4; s2 3 6",
        "s0 3 6; s0 10 10.5; s0 13.5 14; s0 15.6 16.1",
        "0.5 20.5; 21.2 26.5",
        new double[] { 11.8, 8.2, 0.9, 0.6 }, new double[] { 4.85, 3.1, 0.65, 0.25 }, new double[] { 2.85, 2.1, 0.65, 0.25 })]
    public void The_three_protocols_score_as_md_eval(
        string reference, string system, string uem, double[] full, double[] fair, double[] forgiving)
    {
        foreach (var (options, expected) in new[]
        {
            (DiarizationOptions.Full, full),
            (DiarizationOptions.Fair, fair),
            (DiarizationOptions.Forgiving, forgiving),
        })
        {
            var score = new DiarizationScorer(options).Score(Turns(reference), Turns(system), Regions(uem)).Total;

            Assert.Equal(expected[0], score.Scored.TotalSeconds, 0.00501); // it prints two decimals
            Assert.Equal(expected[1], score.Missed.TotalSeconds, 0.00501);
            Assert.Equal(expected[2], score.FalseAlarm.TotalSeconds, 0.00501);
            Assert.Equal(expected[3], score.Confused.TotalSeconds, 0.00501);
        }
    }

    // pyannote.metrics, test_bug_16: its collar of 1 s takes half a second from each end that lies in the extent.
    [Theory]
    [InlineData(1, 9)]
    [InlineData(0, 10)]
    public void The_collar_of_pyannote_metrics_is_a_total_width(double collar, double scored)
    {
        var options = DiarizationOptions.Pyannote(TimeSpan.FromSeconds(collar));

        Assert.Equal(scored, new DiarizationScorer(options).Score(Turns("A 0 10"), []).Total.Scored.TotalSeconds);
    }

    // pyannote.metrics, test_skip_overlap and test_leep_overlap.
    [Theory]
    [InlineData(true, 32)]
    [InlineData(false, 34)]
    public void Overlapped_speech_is_scored_or_not(bool skip, double scored)
    {
        var score = new DiarizationScorer(DiarizationOptions.Pyannote(skipOverlap: skip))
            .Score(Turns("A 0 13; B 12 20; A 24 27; C 30 40"), Turns(PyannoteSystem));

        Assert.Equal(scored, score.Total.Scored.TotalSeconds);
    }

    // Boundaries at 0, 10 (A) and 10, 20 (B); ±0.25 s around each is not scored.
    [Theory]
    [InlineData("a 0 10.25; b 10.25 20", 0)]       // the change is late by exactly the collar
    [InlineData("a 0 10.35; b 10.35 20", 0.1)]     // later by 0.1 s: confusion in the 0.1 s after the collar
    [InlineData("a 0 9.75; b 9.75 20", 0)]
    [InlineData("a 0 9.5; b 9.5 20", 0.25)]
    public void Errors_within_the_collar_are_forgiven(string system, double confused)
    {
        var score = new DiarizationScorer(DiarizationOptions.Fair).Score(Turns("A 0 10; B 10 20"), Turns(system)).Total;

        Assert.Equal(19, score.Scored.TotalSeconds, 1e-6); // 20 s less 0.25 at the ends and 0.5 in the middle
        Assert.Equal(confused, score.Confused.TotalSeconds, 1e-6);
        Assert.Equal(TimeSpan.Zero, score.Missed + score.FalseAlarm);
    }

    [Theory]
    [InlineData("A 0 10; B 10 20", "x 0 20", 0, 0, 10)]              // one speaker too few
    [InlineData("A 0 20", "x 0 10; y 10 20", 0, 0, 10)]              // one too many
    [InlineData("A 0 10; B 5 10", "x 0 10", 5, 0, 0)]                // overlap missed
    [InlineData("A 0 10", "x 0 10; y 5 10", 0, 5, 0)]                // overlap invented
    [InlineData("A 0 10; B 5 10", "x 0 10; y 5 10", 0, 0, 0)]
    [InlineData("A 0 10; A 5 12", "x 0 12", 0, 0, 0)]                // one speaker's overlapping turns count once
    [InlineData("A 0 10", "", 10, 0, 0)]
    public void Missing_and_extra_speakers_count(string reference, string system, double missed, double falseAlarm, double confused)
    {
        var score = new DiarizationScorer().Score(Turns(reference), Turns(system)).Total;

        Assert.Equal(
            (missed, falseAlarm, confused), (score.Missed.TotalSeconds, score.FalseAlarm.TotalSeconds, score.Confused.TotalSeconds));
    }

    // dscore's definition: the mean over reference speakers of (false alarm + missed) / union with the matched system speaker.
    [Theory]
    [InlineData("A 0 10; B 10 20", "x 0 10; y 10 20", 0)]
    [InlineData("A 0 10; B 10 20", "x 0 10", 0.5)]              // B has no one
    [InlineData("A 0 10", "x 0 5", 0.5)]
    [InlineData("A 0 10; B 10 20", "x 0 15; y 15 20", 5 / 12.0)] // (5/15 + 5/10) / 2
    public void Jaccard_error_rate_follows_dscore(string reference, string system, double expected)
    {
        Assert.Equal(expected, new DiarizationScorer().Score(Turns(reference), Turns(system), Regions("0 20")).JaccardErrorRate, 1e-12);
    }

    [Fact]
    public void Without_a_uem_md_eval_does_not_score_what_lies_outside_the_reference()
    {
        var system = Turns("x 0 30");

        Assert.Equal(0, new DiarizationScorer().Score(Turns("A 10 20"), system).Total.ErrorRate);
        Assert.Equal(2, new DiarizationScorer(DiarizationOptions.Pyannote()).Score(Turns("A 10 20"), system).Total.ErrorRate);
        Assert.Equal(2, new DiarizationScorer().Score(Turns("A 10 20"), system, Regions("0 30")).Total.ErrorRate);
    }

    [Fact]
    public void Sessions_are_summed_and_those_only_the_system_has_are_named()
    {
        var reference = Turns("A 0 10").Concat(Turns("A 0 30").Select(turn => turn with { Session = "t" }));
        var system = Turns("x 0 10").Concat(Turns("y 0 5").Select(turn => turn with { Session = "u" }));
        var result = new DiarizationScorer().Score(reference, system);

        Assert.Equal(0.75, result.Total.ErrorRate);
        Assert.Equal(["s", "t"], result.Sessions.Select(session => session.Session));
        Assert.Equal(["u"], result.UnscoredSessions);
    }
}
