using Earshot.Compute.Runtimes;

namespace Earshot.Compute.Tests.Runtimes;

/// <summary>What a device computes, and in which order.</summary>
public sealed class DeviceSchedulerTests : IDisposable
{
    readonly DeviceScheduler _scheduler = new();
    readonly Recorder _decoder = new();

    public void Dispose() => _scheduler.Dispose();

    [Fact]
    public void A_step_alone_is_computed_at_once_on_its_callers_thread()
    {
        int thread = 0;
        _decoder.OnExecute = _ => thread = Environment.CurrentManagedThreadId;
        var step = Step().RunAsync(_scheduler, default);
        Assert.True(step.IsCompletedSuccessfully);
        Assert.Equal(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public async Task Steps_that_meet_are_one_batch()
    {
        using var gate = new ManualResetEventSlim();
        var blocking = new Job(_ => gate.Wait());
        _scheduler.Enqueue(blocking);
        var steps = Enumerable.Range(0, 5).Select(_ => Step().RunAsync(_scheduler, default).AsTask()).ToArray();
        Assert.Equal(5, _scheduler.WaitingSteps);
        gate.Set();
        await Task.WhenAll(steps);
        Assert.Equal([5], _decoder.Batches);
    }

    [Fact]
    public async Task A_running_job_lets_steps_pass_between_its_layers()
    {
        using var started = new ManualResetEventSlim();
        using var queued = new ManualResetEventSlim();
        int before = -1, after = -1;
        var job = new Job(scheduler =>
        {
            started.Set();
            queued.Wait();
            before = _decoder.Batches.Count;
            scheduler.PassSteps();
            after = _decoder.Batches.Count;
        });
        _scheduler.Enqueue(job);
        started.Wait(TestContext.Current.CancellationToken);
        var step = Step().RunAsync(_scheduler, default).AsTask();
        queued.Set();
        await Task.WhenAll(step, job.Done);
        Assert.Equal((0, 1), (before, after));
    }

    [Fact]
    public async Task Jobs_come_in_order_of_arrival_and_an_old_one_before_younger_steps()
    {
        using var gate = new ManualResetEventSlim();
        var order = new List<string>();
        _decoder.OnExecute = _ => order.Add("step");
        _scheduler.Enqueue(new Job(_ => gate.Wait()));
        var first = new Job(_ => order.Add("first"));
        var second = new Job(_ => order.Add("second"));
        _scheduler.Enqueue(first);
        _scheduler.Enqueue(second);
        var step = Step().RunAsync(_scheduler, default).AsTask();
        gate.Set();
        await Task.WhenAll(first.Done, second.Done, step);
        Assert.Equal(["first", "second", "step"], order);
    }

    [Fact]
    public async Task A_cancelled_step_leaves_its_batch_and_a_failed_one_tells_everybody_in_it()
    {
        using var gate = new ManualResetEventSlim();
        using var cancelled = new CancellationTokenSource();
        _scheduler.Enqueue(new Job(_ => gate.Wait()));
        var gone = Step().RunAsync(_scheduler, cancelled.Token).AsTask();
        var stays = Step().RunAsync(_scheduler, default).AsTask();
        await cancelled.CancelAsync();
        gate.Set();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await stays;
        Assert.Equal([1], _decoder.Batches);

        _decoder.OnExecute = _ => throw new InvalidOperationException("broken");
        Assert.Contains(
            "broken", (await Assert.ThrowsAsync<ModelException>(() => Step().RunAsync(_scheduler, default).AsTask())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_refused_fails_alone()
    {
        using var gate = new ManualResetEventSlim();
        _decoder.OnExecute = batch => batch[0].Refuse(new OverloadedException("full"));
        _scheduler.Enqueue(new Job(_ => gate.Wait()));
        var refused = Step().RunAsync(_scheduler, default).AsTask();
        var served = Step().RunAsync(_scheduler, default).AsTask();
        gate.Set();
        Assert.Equal("full", (await Assert.ThrowsAsync<OverloadedException>(() => refused)).Message);
        await served;
    }

    [Fact]
    public async Task Generations_that_idle_are_not_waited_for()
    {
        // Each has stepped once, and so was expected for a while; the clock says that the while is over.
        var clock = new FakeClock();
        using var scheduler = new DeviceScheduler(clock);
        for (int i = 0; i < 63; i++)
        {
            await Comes().RunAsync(scheduler, default);
            clock.Advance(TimeSpan.FromMilliseconds(2));
        }
        var step = Comes().RunAsync(scheduler, default);
        Assert.True(step.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task One_that_has_just_stepped_is_waited_for()
    {
        var clock = new FakeClock();
        using var scheduler = new DeviceScheduler(clock);
        var (first, second) = (Comes(), Comes());
        await first.RunAsync(scheduler, default);
        var waiting = second.RunAsync(scheduler, default).AsTask();
        Assert.False(waiting.IsCompleted);
        await first.RunAsync(scheduler, default);
        await waiting;
        Assert.Equal([1, 2], _decoder.Batches);
    }

    [Fact]
    public async Task What_waits_when_the_device_is_closed_is_told_so()
    {
        using var gate = new ManualResetEventSlim();
        var scheduler = new DeviceScheduler();
        scheduler.Enqueue(new Job(_ => gate.Wait()));
        var job = new Job(_ => { });
        scheduler.Enqueue(job);
        bool freed = false;
        scheduler.Post(() => freed = true);
        var closing = Task.Run(scheduler.Dispose, TestContext.Current.CancellationToken);
        gate.Set();
        await closing;
        if (!job.Done.IsCompletedSuccessfully) await Assert.ThrowsAsync<ObjectDisposedException>(() => job.Done);
        Assert.True(freed);
        Assert.Throws<ObjectDisposedException>(() => scheduler.Enqueue(new Job(_ => { })));
    }

    StepRequest Step()
    {
        var request = new StepRequest(_decoder);
        request.Clear(0);
        request.Add(0, 0, 1, true);
        return request;
    }

    StepRequest Comes()
    {
        var request = Step();
        request.ComesBack = true;
        return request;
    }

    sealed class Recorder : IStepExecutor
    {
        public List<int> Batches { get; } = [];

        public Action<List<StepRequest>>? OnExecute { get; set; }

        public int MostTokens => 16;

        public void Execute(List<StepRequest> batch)
        {
            lock (Batches) Batches.Add(batch.Count);
            OnExecute?.Invoke(batch);
        }

        public void ExecuteAlone(StepRequest request) => Execute([request]);
    }

    sealed class Job(Action<DeviceScheduler> work) : DeviceJob(CancellationToken.None)
    {
        protected override void Execute(DeviceScheduler scheduler) => work(scheduler);
    }

    sealed class FakeClock : TimeProvider
    {
        long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);
    }
}
