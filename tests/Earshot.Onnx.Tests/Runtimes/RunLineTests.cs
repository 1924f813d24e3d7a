using Earshot.Onnx.Runtimes;

namespace Earshot.Onnx.Tests.Runtimes;

public sealed class RunLineTests
{
    [Fact]
    public async Task Who_finds_the_line_free_runs_on_its_own_thread_and_others_in_order_on_one_of_the_line_s()
    {
        using var line = new RunLine("test", 1, 10);
        using var hold = new ManualResetEventSlim();
        var order = new List<string>();
        var first = new Request(() => hold.Wait());
        var running = line.RunAsync(first, here: false, default).AsTask();
        var later = Enumerable.Range(0, 4).Select(i => new Request(() => order.Add($"{i}"))).ToArray();
        var tasks = later.Select(request => line.RunAsync(request, here: true, default).AsTask()).ToArray();
        Assert.Equal(4, line.Waiting);
        hold.Set();
        await running;
        await Task.WhenAll(tasks);
        Assert.Equal(["0", "1", "2", "3"], order);
        Assert.All(later, request => Assert.Equal("ONNX test", request.ThreadName));
        Assert.Single(later.Append(first).Select(request => request.Thread).Distinct());

        var inline = new Request(() => { });
        Assert.True(line.RunAsync(inline, here: true, default).AsTask().IsCompletedSuccessfully);
        Assert.Equal(Environment.CurrentManagedThreadId, inline.Thread);
    }

    [Fact]
    public async Task A_request_that_is_cancelled_while_it_waits_ends_at_once_and_may_stand_in_line_again()
    {
        using var line = new RunLine("test", 1, 10);
        using var hold = new ManualResetEventSlim();
        var running = line.RunAsync(new Request(() => hold.Wait()), here: false, default).AsTask();
        int runs = 0;
        var request = new Request(() => runs++);
        for (int round = 0; round < 3; round++)
        {
            using var source = new CancellationTokenSource();
            var task = line.RunAsync(request, here: true, source.Token).AsTask();
            Assert.Equal(1, line.Waiting);
            source.Cancel();
            await Assert.ThrowsAsync<OperationCanceledException>(() => task);
            Assert.Equal(0, line.Waiting);
        }
        var last = line.RunAsync(request, here: true, new CancellationTokenSource().Token).AsTask();
        hold.Set();
        await running;
        await last;
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task So_many_run_at_once_and_so_many_wait_and_no_more()
    {
        using var line = new RunLine("test", 2, 1);
        using var hold = new CountdownEvent(1);
        int at = 0, most = 0;
        void Work()
        {
            int now = Interlocked.Increment(ref at);
            lock (hold) most = Math.Max(most, now);
            hold.Wait();
            Interlocked.Decrement(ref at);
        }
        Task[] tasks = [.. Enumerable.Range(0, 3).Select(_ => line.RunAsync(new Request(Work), here: false, default).AsTask())];
        var exception = await Assert.ThrowsAsync<OverloadedException>(
            () => line.RunAsync(new Request(Work), here: false, default).AsTask());
        Assert.Contains("1 wait for the test already", exception.Message, StringComparison.Ordinal);
        hold.Signal();
        await Task.WhenAll(tasks);
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public async Task What_fails_fails_alone_wherever_it_ran()
    {
        using var line = new RunLine("test", 1, 10);
        foreach (bool here in new[] { true, false })
        {
            var failing = new Request(() => throw new ModelException("no"));
            Assert.Equal("no", (await Assert.ThrowsAsync<ModelException>(() => line.RunAsync(failing, here, default).AsTask())).Message);
            var fine = new Request(() => { });
            await line.RunAsync(fine, here, default);
        }
    }

    [Fact]
    public async Task Disposing_refuses_what_waits()
    {
        var line = new RunLine("test", 1, 10);
        using var hold = new ManualResetEventSlim();
        var running = line.RunAsync(new Request(() => hold.Wait()), here: false, default).AsTask();
        var waiting = line.RunAsync(new Request(() => { }), here: true, default).AsTask();
        line.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        hold.Set();
        await running;
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await line.RunAsync(new Request(() => { }), here: true, default));
    }

    [Fact]
    public async Task A_great_many_from_all_sides_all_have_their_turn()
    {
        using var line = new RunLine("test", 2, 1000);
        int runs = 0, cancelled = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(who => Task.Run(async () =>
        {
            var request = new Request(() => Interlocked.Increment(ref runs));
            for (int i = 0; i < 500; i++)
            {
                using var source = new CancellationTokenSource();
                var task = line.RunAsync(request, here: i % 3 > 0, source.Token).AsTask();
                if (i % 5 == 0) source.Cancel();
                try
                {
                    await task;
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref cancelled);
                }
            }
        })));
        Assert.Equal(4000, runs + cancelled);
        Assert.Equal(0, line.Waiting);
    }

    sealed class Request(Action work) : RunRequest
    {
        public int Thread { get; private set; }

        public string? ThreadName { get; private set; }

        protected override void Execute(CancellationToken cancellationToken)
        {
            (Thread, ThreadName) = (Environment.CurrentManagedThreadId, System.Threading.Thread.CurrentThread.Name);
            work();
        }
    }
}
