namespace Earshot.Testing;

/// <summary>What code allocates on the calling thread.</summary>
internal static class Allocations
{
    const int Attempts = 10;

    /// <summary>
    /// The fewest bytes that a run of the action allocates. A collection started by another thread charges what is left of this
    /// thread's allocation buffer to it, so that a single count may be too high; an action that allocates does so every time.
    /// </summary>
    public static long Least(Action action)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            action();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
