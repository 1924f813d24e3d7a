namespace Earshot.Onnx.Native;

/// <summary>How far ONNX Runtime rewrites a graph before running it.</summary>
public enum OnnxGraphOptimization
{
    None = 0,
    Basic = 1,
    Extended = 2,
    All = 99,
}

/// <summary>How a model is to be run.</summary>
public sealed record OnnxSessionOptions
{
    /// <summary>What to run on, best first.</summary>
    public ProviderPreference Providers { get; init; } = ProviderPreference.Cpu;

    public OnnxGraphOptimization GraphOptimization { get; init; } = OnnxGraphOptimization.All;

    /// <summary>Threads that share one operator's work; null: one a core. <see cref="CpuProvider.Threads"/> goes before it.</summary>
    public int? IntraOpThreads { get; init; }

    /// <summary>
    /// Threads that run operators beside each other where <see cref="ParallelExecution"/> is on; null: the runtime's choice.
    /// </summary>
    public int? InterOpThreads { get; init; }

    /// <summary>Whether independent operators run at the same time; rarely faster.</summary>
    public bool ParallelExecution { get; init; }

    /// <summary>Whether the memory of a run is planned once for inputs of the same shape.</summary>
    public bool MemoryPattern { get; init; } = true;

    /// <summary>How grave a message must be to be logged, see <see cref="OnnxEnvironment.Logged"/>.</summary>
    public OnnxLogSeverity LogSeverity { get; init; } = OnnxLogSeverity.Warning;

    /// <summary>Where to write the graph as the runtime rewrote it; null: nowhere.</summary>
    public string? OptimizedModelPath { get; init; }

    /// <summary>The beginning of the file name that a profile (JSON for chrome://tracing) is written to; null: no profile.</summary>
    public string? ProfilePrefix { get; init; }

    /// <summary>Sizes for symbolic dimensions that are known now, by symbol: shapes become constant.</summary>
    public IReadOnlyDictionary<string, long> FreeDimensions { get; init; } = new Dictionary<string, long>();

    /// <summary>The runtime's session configuration entries, such as <c>session.intra_op.allow_spinning</c>.</summary>
    public IReadOnlyDictionary<string, string> Entries { get; init; } = new Dictionary<string, string>();
}
