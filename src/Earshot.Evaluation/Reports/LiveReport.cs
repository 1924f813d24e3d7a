using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>A policy's figures over a test set.</summary>
public sealed record LiveReport
{
    /// <summary>The policy with its settings.</summary>
    public required string Policy { get; init; }

    public required int Clips { get; init; }

    public required long ReferenceWords { get; init; }

    public required long Errors { get; init; }

    /// <summary>Errors of the same model that hears the whole recordings.</summary>
    public required long OfflineErrors { get; init; }

    /// <summary>From the start of each turn's speech to its first word, by the sound alone.</summary>
    public required LatencySummary FirstWord { get; init; }

    /// <summary>The same with the time that computing took.</summary>
    public required LatencySummary FirstWordComputed { get; init; }

    /// <summary>From the end of each word to its becoming final, by the sound alone.</summary>
    public required LatencySummary Words { get; init; }

    /// <summary>The same with the time that computing took.</summary>
    public required LatencySummary WordsComputed { get; init; }

    /// <summary>What computing adds to the silence that ends a turn.</summary>
    public required LatencySummary TurnEndComputed { get; init; }

    public required double NormalizedErasure { get; init; }

    /// <summary>Seconds of computing for each second of sound, waiting included.</summary>
    public required double ComputingPerSecond { get; init; }

    /// <summary>Processor time, on all cores, for each second of sound.</summary>
    public required double ProcessorPerSecond { get; init; }

    /// <summary>Many streams at once; null where it was not asked for.</summary>
    public LiveLoad? Load { get; init; }

    /// <summary>How many of those streams wrote what the same recording gave alone.</summary>
    public int? LoadEqualTexts { get; init; }

    /// <summary>Every word's time to its becoming final, computing included, in order.</summary>
    public required IReadOnlyList<TimeSpan> WordTimes { get; init; }

    public required IReadOnlyList<LiveClipReport> Recordings { get; init; }
}

/// <summary>What became of one recording.</summary>
public sealed record LiveClipReport(string Clip, string Reference, string Text, long Errors, string OfflineText, long OfflineErrors);
