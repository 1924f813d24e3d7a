using Earshot.Compute.Cpu;
using Earshot.Compute.Measuring;
using Earshot.Compute.Runtimes;
using Earshot.Models;

namespace Earshot.Benchmarks;

/// <summary>A model with a setting, as a benchmark runs it.</summary>
public sealed record BenchmarkSubject
{
    public required string Name { get; init; }

    public required SpeechModel Model { get; init; }

    public required ModelRuntime Runtime { get; init; }

    /// <summary>What the stages take, for rooflines; null where nothing is known of the runtime's inside.</summary>
    public ModelCosts? Costs { get; init; }

    /// <summary>Stages of parts that no runtime runs, such as a speaker encoder.</summary>
    public IReadOnlyList<BenchmarkStage> Others { get; init; } = [];

    /// <summary>Operations per second that the machine reaches at most in this setting; null where not measured.</summary>
    public double? PeakFlops { get; init; }

    /// <summary>Bytes per second that the machine reads at most; null where not measured.</summary>
    public double? ReadBytesPerSecond { get; init; }

    /// <summary>What it is computed with; null where that is not told.</summary>
    public ComputeSettings? Computed { get; init; }

    /// <summary>The name of the subject that differs in having the fewest threads; null where threads are not compared.</summary>
    public string? ScalesFrom { get; init; }

    /// <summary>Bytes of weights in memory, asked after the run.</summary>
    public Func<long> WeightBytes { get; init; } = () => 0;

    /// <summary>The shortest time that a cost can take on this machine, in seconds, or null where no peak is known.</summary>
    internal double? Limit(Cost cost) => PeakFlops is { } flops && ReadBytesPerSecond is { } bytes
        ? Math.Max(cost.Flops / flops, (cost.WeightBytes + cost.KeyValueBytes) / bytes)
        : null;
}

/// <summary>A stage by its name, what does it once, and what that takes.</summary>
public sealed record BenchmarkStage(string Name, Action Run, Cost? Cost);
