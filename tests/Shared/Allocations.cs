namespace Earshot.Testing;

/// <summary>What code allocates.</summary>
internal static class Allocations
{
    const int Attempts = 10;

    /// <summary>
    /// The fewest bytes that a run of the action allocates on the calling thread. A collection started by another thread charges what is
    /// left of this thread's allocation buffer to it, so that a single count may be too high; an action that allocates does so every time.
    /// </summary>
    public static long Least(Action action) => Least(action, GC.GetAllocatedBytesForCurrentThread);

    /// <summary>The same of all threads: of a run beside which the test's own host allocates nothing.</summary>
    public static long LeastOfProcess(Action action) => Least(action, () => GC.GetTotalAllocatedBytes(true));

    static long Least(Action action, Func<long> allocated)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            long before = allocated();
            action();
            least = Math.Min(least, allocated() - before);
        }
        return least;
    }
}
