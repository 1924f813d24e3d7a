namespace Earshot.Evaluation.Metrics;

/// <summary>What is scored of a session for which no UEM says it.</summary>
public enum UnmarkedExtent
{
    /// <summary>From the first to the last speech of the reference, as NIST's md-eval does.</summary>
    Reference,
    /// <summary>From the first to the last speech of reference or system, as pyannote.metrics and dscore do.</summary>
    ReferenceAndSystem,
}

/// <summary>A protocol of diarization scoring. Figures of different protocols cannot be compared.</summary>
public sealed record DiarizationOptions
{
    /// <summary>No collar, overlapped speech scored: DIHARD, pyannote's published figures.</summary>
    public static DiarizationOptions Full { get; } = new();

    /// <summary>0.25 s on each side of a boundary left out, overlapped speech scored.</summary>
    public static DiarizationOptions Fair { get; } = new() { Collar = TimeSpan.FromSeconds(0.25) };

    /// <summary>0.25 s on each side of a boundary left out, overlapped speech too: the protocol of older CALLHOME figures.</summary>
    public static DiarizationOptions Forgiving { get; } = new() { Collar = TimeSpan.FromSeconds(0.25), ScoreOverlap = false };

    /// <summary>
    /// How much is left out on each side of each reference boundary, as md-eval's -c counts: a collar of 0.25 s removes 0.5 s in all.
    /// pyannote.metrics names the total width instead: see <see cref="Pyannote"/>.
    /// </summary>
    public TimeSpan Collar { get; init; }

    /// <summary>Whether time in which several reference speakers speak is scored; false is md-eval's -1.</summary>
    public bool ScoreOverlap { get; init; } = true;

    public UnmarkedExtent Unmarked { get; init; } = UnmarkedExtent.Reference;

    /// <summary>
    /// Whether speakers are matched by their common time in what is scored only (pyannote.metrics), or in the whole evaluated
    /// region before collars and overlaps are taken out of it (md-eval).
    /// </summary>
    public bool MatchOnScoredTimeOnly { get; init; }

    /// <summary>pyannote.metrics' DiarizationErrorRate(collar, skip_overlap): its collar is the total width around a boundary.</summary>
    public static DiarizationOptions Pyannote(TimeSpan collar = default, bool skipOverlap = false) => new()
    {
        Collar = collar / 2,
        ScoreOverlap = !skipOverlap,
        Unmarked = UnmarkedExtent.ReferenceAndSystem,
        MatchOnScoredTimeOnly = true,
    };
}
