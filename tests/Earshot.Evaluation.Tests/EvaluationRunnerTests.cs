using Earshot.Audio;

namespace Earshot.Evaluation.Tests;

public class EvaluationRunnerTests
{
    readonly List<string> _calls = [];

    [Fact]
    public async Task Systems_are_interleaved_and_take_turns_to_be_first()
    {
        using var folder = new ScratchFolder();
        var manifest = Runs.Manifest(Runs.Clip("1", "x"), Runs.Clip("2", "x"), Runs.Clip("3", "x"));
        await RunAsync(folder, manifest, [Recorded("A"), Recorded("B")], new EvaluationRunOptions { WarmUp = false });
        Assert.Equal(["A1", "B1", "B2", "A2", "A3", "B3"], _calls);
    }

    [Fact]
    public async Task Repetitions_are_interleaved_too_and_the_median_counts()
    {
        using var folder = new ScratchFolder();
        var time = new ManualTime();
        double[] seconds = [5, 1, 2];
        int call = 0;
        var slow = Runs.System("A", _ =>
        {
            time.Pass(seconds[call++]);
            _calls.Add("A");
            return "x";
        });
        var manifest = Runs.Manifest(Runs.Clip("1", "x"));
        var run = await RunAsync(folder, manifest, [slow, Recorded("B")], new EvaluationRunOptions { WarmUp = false, Repeat = 3 }, time);
        Assert.Equal(["A", "B1", "A", "B1", "A", "B1"], _calls);
        Assert.Equal(TimeSpan.FromSeconds(2), run.Of("A").Single().Time);
        Assert.Equal([5, 1, 2], run.Of("A").Single().Times.Select(value => value.TotalSeconds));
    }

    [Fact]
    public async Task Warming_up_takes_the_shortest_clip_and_is_not_timed()
    {
        using var folder = new ScratchFolder();
        var manifest = Runs.Manifest(Runs.Clip("long", "x", 9), Runs.Clip("short", "x", 1));
        var run = await RunAsync(folder, manifest, [Recorded("A")]);
        Assert.Equal(["Ashort", "Along", "Ashort"], _calls);
        Assert.All(run.Results, result => Assert.Single(result.Times));
    }

    [Fact]
    public async Task A_run_goes_on_where_it_was_interrupted()
    {
        using var folder = new ScratchFolder();
        var manifest = Runs.Manifest(Runs.Clip("1", "x"), Runs.Clip("2", "x"), Runs.Clip("3", "x"));
        using var cancellation = new CancellationTokenSource();
        var interrupted = Runs.System("A", clip =>
        {
            _calls.Add($"A{clip.Id}");
            if (clip.Id == "2") cancellation.Cancel();
            cancellation.Token.ThrowIfCancellationRequested();
            return "x";
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(
            folder, manifest, [interrupted, Recorded("B")], new EvaluationRunOptions { WarmUp = false }, cancellation: cancellation.Token));
        _calls.Clear();

        var progress = new List<EvaluationProgress>();
        var run = await RunAsync(
            folder, manifest, [Recorded("A"), Recorded("B")], new EvaluationRunOptions { WarmUp = false }, progress: progress);
        // The second clip began with B, whose result was kept; A was interrupted.
        Assert.Equal(["A2", "A3", "B3"], _calls);
        Assert.Equal(6, run.Results.Count);
        Assert.Equal((3, 6), (progress[0].Done, progress[0].Total));
        Assert.Equal((6, 6), (progress[^1].Done, progress[^1].Total));
    }

    [Fact]
    public async Task A_clip_that_fails_stops_nothing_and_is_tried_again()
    {
        using var folder = new ScratchFolder();
        var manifest = Runs.Manifest(Runs.Clip("1", "x"), Runs.Clip("2", "x"));
        var failing = Runs.System("A", clip => clip.Id == "1" ? throw new AudioFormatException("it is damaged") : "x");
        var run = await RunAsync(folder, manifest, [failing]);
        Assert.Equal(["it is damaged", null], run.Of("A").Select(result => result.Error));
        Assert.False(run.Of("A")[0].IsScored);
        run = await RunAsync(folder, manifest, [Recorded("A")], new EvaluationRunOptions { WarmUp = false });
        Assert.Equal(["A1"], _calls);
        Assert.All(run.Results, result => Assert.True(result.IsScored));
    }

    [Fact]
    public async Task A_changed_reference_is_done_anew_and_a_defect_ends_the_run()
    {
        using var folder = new ScratchFolder();
        await RunAsync(folder, Runs.Manifest(Runs.Clip("1", "x")), [Recorded("A")], new EvaluationRunOptions { WarmUp = false });
        var run = await RunAsync(
            folder, Runs.Manifest(Runs.Clip("1", "x y")), [Recorded("A")], new EvaluationRunOptions { WarmUp = false });
        Assert.Equal(["A1", "A1"], _calls);
        Assert.Equal("x y", run.Of("A").Single().Reference);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RunAsync(folder, Runs.Manifest(Runs.Clip("2", "x")), [Runs.System("A", _ => throw new InvalidOperationException())]));
    }

    [Fact]
    public void Systems_need_names_of_their_own()
    {
        var manifest = Runs.Manifest(Runs.Clip("1", "x"));
        Assert.Throws<ArgumentException>(() => new EvaluationRunner(manifest, [Recorded("A"), Recorded("A")]));
        Assert.Throws<ArgumentException>(() => new EvaluationRunner(manifest, []));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new EvaluationRunner(manifest, [Recorded("A")], new EvaluationRunOptions { Repeat = 0 }));
    }

    [Fact]
    public async Task Memory_is_that_of_a_process_with_one_system()
    {
        using var folder = new ScratchFolder();
        var keeping = new List<byte[]>();
        var large = Runs.System("A", _ =>
        {
            var bytes = new byte[64 << 20];
            Array.Fill(bytes, (byte)1);
            keeping.Add(bytes);
            return "x";
        }) with
        { LoadedBytes = 1_000_000_000 };
        var run = await RunAsync(folder, Runs.Manifest(Runs.Clip("1", "x")), [large], new EvaluationRunOptions { BaseBytes = 1 });
        GC.KeepAlive(keeping);
        // What is loaded, kept after warming up, and added by the clip; where peaks can be measured. Other tests' memory may come and go.
        Assert.InRange(run.Results.Single().PeakBytes, 1_000_000_001, 8_000_000_000);
    }

    SystemUnderTest Recorded(string name) => Runs.System(name, clip =>
    {
        _calls.Add($"{name}{clip.Id}");
        return "x";
    });

    static async Task<EvaluationRun> RunAsync(
        ScratchFolder folder, EvaluationManifest manifest, IReadOnlyList<SystemUnderTest> systems, EvaluationRunOptions? options = null,
        TimeProvider? time = null, List<EvaluationProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var run = RunFolder.Open(folder.Path, Runs.Plan(manifest, [.. systems.Select(system => system.Description)]));
        return await new EvaluationRunner(manifest, systems, options, time)
            .RunAsync(run, progress is null ? null : new Collected(progress), cancellation);
    }

    sealed class Collected(List<EvaluationProgress> values) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => values.Add(value);
    }
}
