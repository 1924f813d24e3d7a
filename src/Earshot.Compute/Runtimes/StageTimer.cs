namespace Earshot.Compute.Runtimes;

/// <summary>Adds up times of stages that may run on several threads.</summary>
internal sealed class StageTimer
{
    long _ticks;
    int _count;

    public TimeSpan Elapsed => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts runs that began at a time stamp of <see cref="System.Diagnostics.Stopwatch"/>, together.</summary>
    public void Add(long started, int runs = 1)
    {
        Interlocked.Add(ref _ticks, System.Diagnostics.Stopwatch.GetElapsedTime(started).Ticks);
        Interlocked.Add(ref _count, runs);
    }
}
