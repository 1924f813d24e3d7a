namespace Earshot.Evaluation.Metrics;

/// <summary>A stretch of one speaker's speech: a line of RTTM.</summary>
public sealed record SpeakerTurn
{
    public required string Session { get; init; }

    public string Channel { get; init; } = "1";

    public required string Speaker { get; init; }

    public required TimeSpan Start { get; init; }

    public required TimeSpan End { get; init; }

    public TimeSpan Duration => End - Start;
}

/// <summary>A stretch of a recording that is scored: a line of UEM.</summary>
public sealed record ScoredRegion
{
    public required string Session { get; init; }

    public string Channel { get; init; } = "1";

    public required TimeSpan Start { get; init; }

    public required TimeSpan End { get; init; }
}

/// <summary>A word with its time: a line of CTM.</summary>
public sealed record TimedWord
{
    public required string Session { get; init; }

    public string Channel { get; init; } = "1";

    public required TimeSpan Start { get; init; }

    public required TimeSpan End { get; init; }

    public required string Word { get; init; }

    /// <summary>The system's own estimate that the word is right; null where it gives none.</summary>
    public double? Confidence { get; init; }
}

/// <summary>What one speaker said in a stretch of a recording: a line of STM, an element of SegLST.</summary>
public sealed record TranscriptSegment
{
    public required string Session { get; init; }

    public string Channel { get; init; } = "1";

    public required string Speaker { get; init; }

    public required TimeSpan Start { get; init; }

    public required TimeSpan End { get; init; }

    /// <summary>STM's labels without their brackets, such as "o,f0,male"; null where there are none.</summary>
    public string? Labels { get; init; }

    public required string Words { get; init; }
}
