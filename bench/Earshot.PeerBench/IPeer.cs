using System.Diagnostics;

namespace Earshot.PeerBench;

/// <summary>An engine that is measured.</summary>
internal interface IPeer
{
    string Name { get; }

    /// <summary>
    /// What prompts take, or, where there are tokens, that as many take to write behind each, all texts together, without their
    /// prompts.
    /// </summary>
    Task<Taken> MeasureAsync(int[][] prompts, int tokens);
}

/// <summary>Seconds by the clock, and of all processors together in this process.</summary>
internal readonly record struct Taken(double Seconds, double ProcessorSeconds);

/// <summary>Measures both from now on.</summary>
internal readonly struct Clock()
{
    readonly long _start = Stopwatch.GetTimestamp();
    readonly TimeSpan _processor = Environment.CpuUsage.TotalTime;

    public Taken Elapsed =>
        new(Stopwatch.GetElapsedTime(_start).TotalSeconds, (Environment.CpuUsage.TotalTime - _processor).TotalSeconds);
}
