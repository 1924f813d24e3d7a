namespace Earshot.Evaluation.Metrics;

/// <summary>How a transcript with speakers is compared.</summary>
public sealed record SpeakerTextOptions
{
    public static SpeakerTextOptions Default { get; } = new();

    /// <summary>Applied to every segment's words; null compares them as they are.</summary>
    public ITextNormalizer? Normalizer { get; init; }

    /// <summary>Words, or characters for languages that write no spaces: then the rate is a cpCER.</summary>
    public TextUnits Units { get; init; } = TextUnits.Words;

    /// <summary>
    /// How far a system's word may lie from the reference's time and still match (tcpWER). Five seconds is CHiME's and MeetEval's choice.
    /// </summary>
    public TimeSpan Collar { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>A reference speaker and the system's speaker scored against them; null on one side where there is none.</summary>
public readonly record struct SpeakerPair(string? Reference, string? System);

/// <summary>A session's word error rate over speakers.</summary>
public sealed record SpeakerTextScore
{
    public required EditCounts Counts { get; init; }

    /// <summary>
    /// Which system speaker was scored against which reference speaker; for ORC, the system stream of each reference segment in order.
    /// </summary>
    public required IReadOnlyList<SpeakerPair> Assignment { get; init; }

    /// <summary>How many reference speakers the system lacks.</summary>
    public int MissedSpeakers { get; init; }

    /// <summary>How many speakers the system has beyond the reference's number.</summary>
    public int ExtraSpeakers { get; init; }

    public double ErrorRate => Counts.ErrorRate;
}
