namespace Earshot.Models;

/// <summary>What a runtime has computed since it was opened, by stage; of concurrent transcriptions together.</summary>
/// <param name="Encoding">Time in the encoder, cross-attention's keys and values included.</param>
/// <param name="Windows">Windows encoded.</param>
/// <param name="Decoding">Time in the decoder.</param>
/// <param name="Steps">Steps of the decoder: a prompt, or a token of each hypothesis.</param>
public readonly record struct RuntimeTimes(TimeSpan Encoding, int Windows, TimeSpan Decoding, int Steps);

/// <summary>Adds up times of stages that may run on several threads.</summary>
sealed class StageTimer
{
    long _ticks;
    int _count;

    public TimeSpan Elapsed => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts a run that began at a time stamp of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public void Add(long started)
    {
        Interlocked.Add(ref _ticks, System.Diagnostics.Stopwatch.GetElapsedTime(started).Ticks);
        Interlocked.Increment(ref _count);
    }
}
