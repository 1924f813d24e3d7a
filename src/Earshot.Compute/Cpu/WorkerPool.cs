using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>Work that is done in numbered parts, on whatever thread is free.</summary>
internal interface IParallelWork
{
    void Execute(int part);
}

/// <summary>
/// The threads that compute together, and the instructions they compute with. Waiting threads watch for work for some
/// microseconds, then sleep. Where another call is using the threads, a caller does all parts itself, so that there are never
/// more threads computing than callers and workers.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    const long OpenBit = 1L << 31;
    const long JoinedMask = OpenBit - 1;

    static readonly long WatchTicks = Stopwatch.Frequency * 40 / 1_000_000; // 40 µs: about what waking a sleeping thread takes

    readonly SemaphoreSlim _wake = new(0);
    readonly Thread[] _workers;
    int _busy;
    int _sleeping;
    volatile bool _stopping;

    // The region under way: its number, whether threads may join, and how many have.
    long _region;
    int _left;
    int _next;
    int _parts;
    void* _work;
    delegate*<void*, int, void> _execute;
    Exception? _failure;

    /// <param name="caches">What products are cut for; null for what the machine has.</param>
    public WorkerPool(int threads, KernelSet kernels, CacheSizes? caches = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        Kernels = kernels;
        Caches = caches ?? CacheSizes.OfThisMachine;
        _workers = new Thread[threads - 1];
    }

    public int Threads { get; }

    public KernelSet Kernels { get; }

    public CacheSizes Caches { get; }

    /// <summary>
    /// Told of each piece of work, its parts and their time, for modelling how work is cut: while it is set, callers do all parts
    /// themselves, as they are cut for all threads. Null where nobody asks.
    /// </summary>
    internal Action<int, TimeSpan>? Observer { get; set; }

    /// <summary>
    /// Executes parts 0 … parts − 1, and returns when all are done; a part's exception is thrown here. Allocates nothing.
    /// </summary>
    public void Run<TWork>(in TWork work, int parts) where TWork : struct, IParallelWork
    {
        var copy = work;
        if (Observer is { } observer)
        {
            long started = Stopwatch.GetTimestamp();
            for (int part = 0; part < parts; part++) copy.Execute(part);
            observer(parts, Stopwatch.GetElapsedTime(started));
            return;
        }
        if (parts <= 1 || Threads == 1 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int part = 0; part < parts; part++) copy.Execute(part);
            return;
        }
        try
        {
            // The copy stays in this frame until every thread that joined has left.
            RunTogether(Unsafe.AsPointer(ref copy), &Execute<TWork>, parts);
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        _wake.Release(Threads);
        foreach (var worker in _workers) worker?.Join();
        _wake.Dispose();
    }

    static void Execute<TWork>(void* work, int part) where TWork : struct, IParallelWork => Unsafe.AsRef<TWork>(work).Execute(part);

    void RunTogether(void* work, delegate*<void*, int, void> execute, int parts)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (_workers.Length > 0 && _workers[0] is null) Start();
        _work = work;
        _execute = execute;
        _parts = parts;
        _next = 0;
        _left = 0;
        _failure = null;
        long region = ((_region >> 32) + 1) << 32;
        Interlocked.Exchange(ref _region, region | OpenBit);
        int sleeping = Volatile.Read(ref _sleeping);
        if (sleeping > 0 && _wake.CurrentCount < sleeping) _wake.Release(Math.Min(sleeping, parts - 1));

        DoParts();
        int joined = (int)(Interlocked.And(ref _region, ~OpenBit) & JoinedMask);
        var spin = new SpinWait();
        while (Volatile.Read(ref _left) != joined) spin.SpinOnce(sleep1Threshold: -1);
        _work = null;
        if (_failure is { } failure) ExceptionDispatchInfo.Throw(failure);
    }

    void DoParts()
    {
        try
        {
            for (int part = Interlocked.Increment(ref _next) - 1; part < _parts; part = Interlocked.Increment(ref _next) - 1)
                _execute(_work, part);
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
            // The parts that nobody has begun are not worth doing; far from overflow, however many threads count on.
            Interlocked.Exchange(ref _next, int.MaxValue / 2);
        }
    }

    void Start()
    {
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"Earshot compute {i + 1}" };
            _workers[i].Start();
        }
    }

    void Work()
    {
        long seen = 0;
        while (Await(ref seen))
        {
            DoParts();
            Interlocked.Increment(ref _left);
        }
    }

    /// <summary>Joins the next region; false when the pool is being disposed of.</summary>
    bool Await(ref long seen)
    {
        long until = Stopwatch.GetTimestamp() + WatchTicks;
        while (!_stopping)
        {
            if (TryJoin(ref seen)) return true;
            if (Stopwatch.GetTimestamp() < until)
            {
                Thread.SpinWait(8);
                continue;
            }
            Interlocked.Increment(ref _sleeping);
            // A region that opened before this thread counted as sleeping wakes nobody: look once more.
            bool joined = TryJoin(ref seen);
            if (!joined) _wake.Wait();
            Interlocked.Decrement(ref _sleeping);
            if (joined) return true;
            until = Stopwatch.GetTimestamp() + WatchTicks;
        }
        return false;
    }

    bool TryJoin(ref long seen)
    {
        long region = Volatile.Read(ref _region);
        while ((region & OpenBit) != 0 && region >> 32 != seen)
        {
            long found = Interlocked.CompareExchange(ref _region, region + 1, region);
            if (found == region)
            {
                seen = region >> 32;
                return true;
            }
            region = found;
        }
        return false;
    }
}
