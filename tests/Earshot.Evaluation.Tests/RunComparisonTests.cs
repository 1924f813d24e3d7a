
namespace Earshot.Evaluation.Tests;

public class RunComparisonTests
{
    const string Said = "red blue green pink brown black white grey gold plum";
    const string OneWrong = "red blue green pink brown black white grey gold plume";

    [Fact]
    public void The_same_run_keeps_any_budget()
    {
        var run = Runs.Run("A", Said, Said, OneWrong);
        var comparison = RunComparison.Of(run, run, new RegressionBudget { MaxErrorRateIncrease = 0, MaxSlowdown = 1 });
        Assert.True(comparison.Passed);
        var change = comparison.Systems.Single();
        Assert.Equal((2, 0.05, 0.05), (change.Clips, change.ErrorRateBefore, change.ErrorRateAfter));
        Assert.Equal((1, 1, 1), (change.Slowdown, change.BootstrapPValue, change.MatchedPairsPValue));
        Assert.Empty(change.Worse);
    }

    [Fact]
    public void More_errors_than_allowed_fail_and_name_the_clips()
    {
        var comparison = RunComparison.Of(
            Runs.Run("A", Said, Said, OneWrong, Said), Runs.Run("A", Said, OneWrong, Said, "red"),
            new RegressionBudget { MaxErrorRateIncrease = 5 });
        Assert.False(comparison.Passed);
        var change = comparison.Systems.Single();
        Assert.Equal(["c", "a"], change.Worse.Select(clip => clip.Clip));
        Assert.Equal((0, 9), (change.Worse[0].ErrorsBefore, change.Worse[0].ErrorsAfter));
        Assert.Equal(["b"], change.Better.Select(clip => clip.Clip));
        Assert.Contains("rose by 30.00 points, from 3.33 % to 33.33 %; the budget is 5", Assert.Single(change.Violations));
        Assert.Equal(0.3, change.Difference!.Rate, 1e-12);
        Assert.InRange(change.Difference.Low, -0.1, 0.3);
        Assert.True(RunComparison.Of(
            Runs.Run("A", Said, Said), Runs.Run("A", Said, OneWrong), new RegressionBudget { MaxErrorRateIncrease = 10 }).Passed);
    }

    [Fact]
    public void A_sure_difference_has_a_small_p_value()
    {
        string[] right = [.. Enumerable.Repeat(Said, 20)], wrong = [.. Enumerable.Range(0, 20).Select(i => i % 10 == 0 ? Said : OneWrong)];
        var change = RunComparison.Of(Runs.Run("A", Said, right), Runs.Run("A", Said, wrong)).Systems.Single();
        Assert.InRange(change.BootstrapPValue!.Value, 0, 0.001);
        Assert.InRange(change.MatchedPairsPValue!.Value, 0, 0.001);
    }

    [Fact]
    public void Slower_than_allowed_fails()
    {
        var before = Runs.Run("A", Said, Said);
        var after = before with { Results = [Runs.Result("A", "a", Said, Said, seconds: 0.65)] };
        Assert.True(RunComparison.Of(before, after).Passed);
        var change = RunComparison.Of(before, after, new RegressionBudget { MaxSlowdown = 1.2 });
        Assert.Contains("1.30 times as long; the budget is 1.2", change.Systems.Single().Violations.Single());
        Assert.True(RunComparison.Of(before, after, new RegressionBudget { MaxSlowdown = 1.31 }).Passed);
    }

    [Fact]
    public void Clips_that_are_missing_or_failed_fail_unless_that_is_allowed()
    {
        var before = Runs.Run("A", Said, Said, Said, Said);
        var after = before with { Results = [before.Results[0], before.Results[1] with { Error = "broken", Text = "" }] };
        var comparison = RunComparison.Of(before, after);
        Assert.Equal(["b", "c"], comparison.Systems.Single().Missing);
        Assert.Contains("2 clips are missing or failed, such as 'b'", comparison.Systems.Single().Violations.Single());
        Assert.True(RunComparison.Of(before, after, new RegressionBudget { AllowMissingClips = true }).Passed);
    }

    [Fact]
    public void Runs_that_cannot_be_compared_are_refused()
    {
        var run = Runs.Run("A", Said, Said);
        Assert.Contains("references of the clip 'a' differ", Refused(run, Runs.Run("A", "red blue", "red")));
        var other = run with { Plan = run.Plan with { Scoring = new ScoringOptions { Normalizer = NormalizerChoice.None } } };
        Assert.Contains("different rules", Refused(run, other));
        Assert.Contains(
            "no clip in common",
            Refused(run, run with { Results = [Runs.Result("A", "z", Said, Said)], Plan = run.Plan with { Clips = ["z"] } }));
        var two = Two("B", "C");
        Assert.Contains("share no system", Refused(run, two));
        Assert.Contains(
            "has no system 'X'; it has 'B', 'C'",
            Assert.Throws<ManifestException>(() => RunComparison.OfSystems((two, "B"), (two, "X"))).Message);
    }

    [Fact]
    public void Two_systems_of_one_run_can_be_compared_and_single_ones_whatever_their_names()
    {
        var two = Two("B", "C");
        Assert.Equal(0.1, RunComparison.OfSystems((two, "B"), (two, "C")).Systems.Single().ErrorRateAfter, 1e-12);
        Assert.Equal("X", RunComparison.Of(Runs.Run("A", Said, Said), Runs.Run("X", Said, Said)).Systems.Single().After);
    }

    static EvaluationRun Two(string first, string second)
    {
        var run = Runs.Run(first, Said, Said);
        return new EvaluationRun(
            run.Plan with { Systems = [.. run.Plan.Systems, new SystemDescription { Name = second }] },
            [.. run.Results, Runs.Result(second, "a", Said, OneWrong)]);
    }

    static string Refused(EvaluationRun before, EvaluationRun after) =>
        Assert.Throws<ManifestException>(() => RunComparison.Of(before, after)).Message;
}
