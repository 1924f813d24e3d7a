using Earshot.Compute.Cpu;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

public sealed class WorkerPoolTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(5)]
    public void Every_part_is_done_once(int threads)
    {
        using var pool = Pool(threads);
        var counts = new int[100];
        for (int parts = 0; parts <= counts.Length; parts++)
        {
            Array.Clear(counts);
            pool.Run(new CountWork(counts), parts);
            for (int i = 0; i < counts.Length; i++) Assert.Equal(i < parts ? 1 : 0, counts[i]);
        }
    }

    [Fact]
    public void Workers_wake_after_sleeping()
    {
        using var pool = Pool(3);
        var counts = new int[8];
        for (int round = 1; round <= 5; round++)
        {
            pool.Run(new CountWork(counts), counts.Length);
            Thread.Sleep(5);
            Assert.All(counts, count => Assert.Equal(round, count));
        }
    }

    [Fact]
    public void An_exception_of_a_part_reaches_the_caller_and_the_pool_stays_usable()
    {
        using var pool = Pool(3);
        var counts = new int[50];
        for (int round = 0; round < 20; round++)
        {
            var thrown = Assert.Throws<InvalidOperationException>(() => pool.Run(new FailingWork(17), 50));
            Assert.Equal("part 17", thrown.Message);
        }
        pool.Run(new CountWork(counts), counts.Length);
        Assert.All(counts, count => Assert.Equal(1, count));
    }

    [Fact]
    public void A_call_inside_a_call_is_done_by_its_own_thread()
    {
        using var pool = Pool(3);
        var counts = new int[64];
        pool.Run(new NestedWork(pool, counts), 8);
        Assert.All(counts, count => Assert.Equal(1, count));
    }

    [Fact]
    public async Task Calls_from_several_threads_do_not_mix()
    {
        using var pool = Pool(3);
        var callers = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            var counts = new int[32];
            for (int round = 1; round <= 500; round++)
            {
                pool.Run(new CountWork(counts), counts.Length);
                foreach (int count in counts) Assert.Equal(round, count);
            }
        })).ToArray();
        await Task.WhenAll(callers);
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        using var pool = Pool(3);
        var work = new CountWork(new int[16]);
        for (int i = 0; i < 100; i++) pool.Run(work, 16);
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 1000; i++) pool.Run(work, 16);
        }));
    }

    static WorkerPool Pool(int threads) => new(threads, KernelSet.For(InstructionSet.Portable));

    readonly struct CountWork(int[] counts) : IParallelWork
    {
        public void Execute(int part) => Interlocked.Increment(ref counts[part]);
    }

    readonly struct FailingWork(int failing) : IParallelWork
    {
        public void Execute(int part)
        {
            if (part == failing) throw new InvalidOperationException($"part {part}");
        }
    }

    readonly struct NestedWork(WorkerPool pool, int[] counts) : IParallelWork
    {
        public void Execute(int part) => pool.Run(new OffsetWork(counts, part * 8), 8);
    }

    readonly struct OffsetWork(int[] counts, int offset) : IParallelWork
    {
        public void Execute(int part) => Interlocked.Increment(ref counts[offset + part]);
    }
}
