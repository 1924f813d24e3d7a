using Earshot.Compute.Cpu;

namespace Earshot.Evaluation;

/// <summary>What a system under test is, for reports.</summary>
public sealed record SystemDescription
{
    /// <summary>Its name, unique in a run.</summary>
    public required string Name { get; init; }

    /// <summary>The model's name, by which published figures are found.</summary>
    public string? Model { get; init; }

    /// <summary>How it was set, in words; a run is resumed only with the same.</summary>
    public string Settings { get; init; } = "";

    /// <summary>The bytes of the model's files.</summary>
    public long? ModelBytes { get; init; }

    public long? Parameters { get; init; }

    /// <summary>How many languages it knows.</summary>
    public int? Languages { get; init; }

    /// <summary>Where it computes, such as "cpu, avx512, 8 threads, bf16".</summary>
    public string? Device { get; init; }

    /// <summary>What it is computed with, so that its results can be made again; null where not known.</summary>
    public ComputeSettings? Computed { get; init; }
}

/// <summary>What a system made of a clip.</summary>
public sealed record SystemOutput
{
    public required string Text { get; init; }

    /// <summary>From the start until the first text was there; null where the system does not tell.</summary>
    public TimeSpan? FirstText { get; init; }

    /// <summary>The recording's length; null where the system does not tell.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The language that it heard.</summary>
    public string? Language { get; init; }
}

/// <summary>Anything that makes text of a recording. It is called for one clip at a time.</summary>
public sealed record SystemUnderTest
{
    public required SystemDescription Description { get; init; }

    /// <summary>
    /// Transcribes a clip. An <see cref="EarshotException"/> or <see cref="IOException"/> is the clip's failure; any other ends the run.
    /// </summary>
    public required Func<EvaluationClip, CancellationToken, Task<SystemOutput>> TranscribeAsync { get; init; }

    /// <summary>The same object for systems that share a loaded model; null for one that has its own.</summary>
    public object? LoadedModel { get; init; }

    /// <summary>The memory that loading it added to the process; 0 where not measured.</summary>
    public long LoadedBytes { get; init; }
}
