using System.Text.Json.Serialization;
using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>What one system made of one clip, how long it took, and how right it is. A line of a run's results.</summary>
public sealed record ClipResult
{
    public required string System { get; init; }

    /// <summary>The clip's <see cref="EvaluationClip.Id"/>.</summary>
    public required string Clip { get; init; }

    /// <summary>The recording's path: relative to the run's folder where it lies under the same root.</summary>
    public required string Audio { get; init; }

    /// <summary>What is said; empty where nobody speaks; null where not known.</summary>
    public string? Reference { get; init; }

    public string? Language { get; init; }

    public string? Speaker { get; init; }

    /// <summary>What the system wrote; empty where it failed.</summary>
    public required string Text { get; init; }

    /// <summary>Why the clip failed; null where it did not.</summary>
    public string? Error { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>How long each repetition took.</summary>
    public required IReadOnlyList<TimeSpan> Times { get; init; }

    /// <summary>From the start until the first text, in the first repetition.</summary>
    public TimeSpan? FirstText { get; init; }

    /// <summary>The most memory of a process that ran this system alone, as far as this clip tells; 0 where not measured.</summary>
    public long PeakBytes { get; init; }

    /// <summary>The units that were counted: words, or for scripts without spaces characters.</summary>
    public TextUnits? Units { get; init; }

    /// <summary>Errors in <see cref="Units"/>; null without a reference.</summary>
    public ErrorCounts? Counts { get; init; }

    /// <summary>Errors in characters, for languages that are scored so.</summary>
    public ErrorCounts? Characters { get; init; }

    /// <summary>Whether a reference with words was compared.</summary>
    [JsonIgnore]
    public bool IsScored => Counts is not null && !IsNonSpeech && Error is null;

    [JsonIgnore]
    public bool IsNonSpeech => Reference is not null && string.IsNullOrWhiteSpace(Reference);

    /// <summary>The median of <see cref="Times"/>.</summary>
    [JsonIgnore]
    public TimeSpan Time => TimeSpan.FromSeconds(Times.Count == 0 ? 0 : Quantiles.Of(Times.Select(time => time.TotalSeconds), 0.5));
}

/// <summary><see cref="EditCounts"/> as they are kept in files.</summary>
public sealed record ErrorCounts(long Hits, long Substitutions, long Deletions, long Insertions)
{
    public static ErrorCounts Of(EditCounts counts) => new(counts.Hits, counts.Substitutions, counts.Deletions, counts.Insertions);

    public EditCounts ToEditCounts() => new(Hits, Substitutions, Deletions, Insertions);
}
