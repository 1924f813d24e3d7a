namespace Earshot.Evaluation;

/// <summary>A recording to transcribe, and what is known of it.</summary>
public sealed record EvaluationClip
{
    /// <summary>Its name, unique in the manifest.</summary>
    public required string Id { get; init; }

    /// <summary>The recording's full path.</summary>
    public required string Audio { get; init; }

    /// <summary>What is said; empty where nobody speaks; null where it is not known, and the clip only times.</summary>
    public string? Reference { get; init; }

    /// <summary>The language's code or English name; null where the manifest does not tell.</summary>
    public string? Language { get; init; }

    public string? Speaker { get; init; }

    /// <summary>The length that the manifest states; null where it does not.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Whether the manifest says that nobody speaks.</summary>
    public bool IsNonSpeech => Reference is not null && string.IsNullOrWhiteSpace(Reference);
}
