using Earshot.Benchmarks;
using Earshot.Compute.Cpu;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// What this machine does with Earshot and with other engines. It is made to be sent in: it holds no path, no name of a user, a machine
/// or a recording, and no word that was said. Programs read this: fields may be added, none changes its meaning.
/// </summary>
internal sealed record PeerReport
{
    /// <summary>The form of the file; 1.</summary>
    public int Version { get; init; } = 1;

    /// <summary>The day.</summary>
    public required DateOnly Measured { get; init; }

    public required PeerMachine Machine { get; init; }

    public required string Model { get; init; }

    public required int Threads { get; init; }

    public required int Rounds { get; init; }

    /// <summary>10⁹ operations a second that this machine reaches at most, by setting.</summary>
    public required IReadOnlyDictionary<string, double> PeakGigaflops { get; init; }

    public required double? ReadGigabytesPerSecond { get; init; }

    /// <summary>Earshot's own stages, each with its share of those limits.</summary>
    public required IReadOnlyList<BenchmarkResult> Stages { get; init; }

    /// <summary>What engines were measured at, each in rounds of its own.</summary>
    public required IReadOnlyList<PeerGroup> Groups { get; init; }
}

/// <summary>A machine, as far as it says something about speed.</summary>
internal sealed record PeerMachine
{
    public required string Processor { get; init; }

    /// <summary>Cores that may be used.</summary>
    public required int Cores { get; init; }

    /// <summary>Threads that they run at once.</summary>
    public required int Processors { get; init; }

    public required string Instructions { get; init; }

    /// <summary>Bytes of a core's first data cache.</summary>
    public required int FirstCache { get; init; }

    /// <summary>Bytes of a core's second cache.</summary>
    public required int SecondCache { get; init; }

    public required string System { get; init; }

    public required string Runtime { get; init; }

    public required string Earshot { get; init; }
}

/// <summary>One thing that several engines do, taking turns in each round.</summary>
/// <param name="Name">encoder, token or recording.</param>
/// <param name="What">In words.</param>
internal sealed record PeerGroup(string Name, string What, double? AudioSeconds, IReadOnlyList<PeerRow> Rows);

/// <summary>An engine in a setting.</summary>
internal sealed record PeerRow
{
    public const string Measured = "measured", NotHere = "not here", Failed = "failed";

    public required string Engine { get; init; }

    public required string Setting { get; init; }

    /// <summary>measured, not here (which does not count), or failed.</summary>
    public required string State { get; init; }

    /// <summary>Why not, and what would help; null where it was measured.</summary>
    public string? Reason { get; init; }

    /// <summary>The median.</summary>
    public double? Milliseconds { get; init; }

    /// <summary>Each round.</summary>
    public IReadOnlyList<double>? Samples { get; init; }

    /// <summary>This row's time over that of the first row in the same round, the median of all rounds.</summary>
    public double? RatioToFirst { get; init; }

    /// <summary>Of a recording: words that it wrote, and how many of 100 differ from those of the first row.</summary>
    public int? Words { get; init; }

    public double? WordsDifferingPercent { get; init; }

    public ComputeSettings? Computed { get; init; }
}
