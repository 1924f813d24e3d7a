using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Benchmarks;

/// <summary>What a benchmark runs.</summary>
public sealed record BenchmarkOptions
{
    const int LongPrompt = 512, StreamPrompt = 64;

    /// <summary>Rounds that are measured; settings take turns within each.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Rounds before them, which load and warm everything and are not counted.</summary>
    public int Warmups { get; init; } = 1;

    /// <summary>Frames of a window; null for all that the encoder takes at once, but no more than 30 s.</summary>
    public int? Frames { get; init; }

    /// <summary>
    /// Tokens of the prompt that is run at once; null for 512, or half the context where that is less, of a decoder that is all of its
    /// model, and 4 of others.
    /// </summary>
    public int? PromptTokens { get; init; }

    /// <summary>Tokens decoded one by one after it.</summary>
    public int Tokens { get; init; } = 48;

    /// <summary>Windows decoded at once, each by its own stream, beside the single one; 1 leaves that out.</summary>
    public int Streams { get; init; } = 8;

    /// <summary>Tokens of the prompt of a model.</summary>
    internal int PromptOf(ModelParts parts) =>
        PromptTokens ?? (parts is { Decoder.Shape.MostPositions: var most, Encoder: null } ? Math.Min(LongPrompt, most / 2) : 4);

    /// <summary>Tokens of the prompts of streams, whose time is not measured.</summary>
    internal int StreamPromptOf(ModelParts parts) => Math.Min(PromptOf(parts), StreamPrompt);
}

/// <summary>A stage and how long it took, median over the rounds.</summary>
/// <param name="Name">The stage: features, encoder (with what finishes its output), prompt, token, tokens of several streams, or another
/// part.</param>
/// <param name="Milliseconds">The median.</param>
/// <param name="Flops">Floating-point operations that it takes, 0 where they do not matter.</param>
/// <param name="Bytes">Bytes that it must read at least, 0 where they do not matter.</param>
/// <param name="RooflineShare">The time the machine's measured peaks allow over the time taken, or null where no peak was measured.</param>
public sealed record StageResult(string Name, double Milliseconds, double Flops, long Bytes, double? RooflineShare);

/// <summary>One setting's figures.</summary>
public sealed record BenchmarkResult
{
    /// <summary>What was measured: model and setting.</summary>
    public required string Name { get; init; }

    public required IReadOnlyList<StageResult> Stages { get; init; }

    /// <summary>Processing time over audio time for a window with as many tokens as measured; null where no audio is heard.</summary>
    public required double? RealTimeFactor { get; init; }

    /// <summary>Tokens per second of the prompt, or null where there is none, or only one that begins a transcript.</summary>
    public double? PromptTokensPerSecond { get; init; }

    /// <summary>Tokens per second of one stream, or null where none are decoded.</summary>
    public required double? TokensPerSecond { get; init; }

    /// <summary>Tokens per second of all streams together, or null where only one was measured.</summary>
    public double? StreamsTokensPerSecond { get; init; }

    /// <summary>Bytes of weights in memory as they are computed with.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The largest resident size of the process so far, in bytes.</summary>
    public required long PeakMemoryBytes { get; init; }

    /// <summary>What it was computed with; null where that is not told.</summary>
    public ComputeSettings? Computed { get; init; }

    /// <summary>
    /// Of settings that differ in threads alone: the time with the fewest over this one's, by stage, the median of the rounds' ratios;
    /// empty for others.
    /// </summary>
    public IReadOnlyDictionary<string, double> Speedup { get; init; } = new Dictionary<string, double>();

    /// <summary>The speed-up over how many times as many threads there are: 1 where all of them count.</summary>
    public IReadOnlyDictionary<string, double> Efficiency { get; init; } = new Dictionary<string, double>();

    /// <summary>This setting's time over the first setting's, by stage: the median of the rounds' ratios.</summary>
    public IReadOnlyDictionary<string, double> RatioToFirst { get; init; } = new Dictionary<string, double>();
}

/// <summary>A whole run: the machine and every setting.</summary>
public sealed record BenchmarkReport
{
    public required string Machine { get; init; }

    public required string Model { get; init; }

    public required int Threads { get; init; }

    /// <summary>Measured in this process, 10⁹ floating-point operations per second by weight format; empty where not measured.</summary>
    public IReadOnlyDictionary<string, double> PeakGigaflops { get; init; } = new Dictionary<string, double>();

    /// <summary>Measured in this process, 10⁹ bytes per second.</summary>
    public double? ReadGigabytesPerSecond { get; init; }

    public required IReadOnlyList<BenchmarkResult> Results { get; init; }
}
