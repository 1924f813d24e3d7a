namespace Earshot.Evaluation.Metrics;

/// <summary>
/// Speaker time by NIST's arithmetic: in each piece of time, <c>max(speakers, system speakers) − correct speakers</c> is in error.
/// Scores add up over sessions.
/// </summary>
public sealed record DiarizationScore
{
    /// <summary>The reference's speech, counted once for each speaker: the denominator.</summary>
    public TimeSpan Scored { get; init; }

    /// <summary>Speech of reference speakers for whom the system has no one.</summary>
    public TimeSpan Missed { get; init; }

    /// <summary>Speech of system speakers beyond the reference's number.</summary>
    public TimeSpan FalseAlarm { get; init; }

    /// <summary>Speech given to the wrong speaker.</summary>
    public TimeSpan Confused { get; init; }

    public TimeSpan Correct => Scored - Missed - Confused;

    /// <summary>DER: errors per scored speech. Without reference speech it is 0 if the system has none either, 1 otherwise.</summary>
    public double ErrorRate => Rate(Missed + FalseAlarm + Confused);

    public double MissedRate => Rate(Missed);

    public double FalseAlarmRate => Rate(FalseAlarm);

    public double ConfusionRate => Rate(Confused);

    public static DiarizationScore operator +(DiarizationScore left, DiarizationScore right) => Add(left, right);

    public static DiarizationScore Add(DiarizationScore left, DiarizationScore right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return new DiarizationScore
        {
            Scored = left.Scored + right.Scored,
            Missed = left.Missed + right.Missed,
            FalseAlarm = left.FalseAlarm + right.FalseAlarm,
            Confused = left.Confused + right.Confused,
        };
    }

    double Rate(TimeSpan errors) => Scored > TimeSpan.Zero ? errors / Scored : errors > TimeSpan.Zero ? 1 : 0;
}

/// <summary>One session's diarization score.</summary>
public sealed record SessionDiarizationScore
{
    public required string Session { get; init; }

    public required DiarizationScore Score { get; init; }

    /// <summary>For each reference speaker the system's name for them; absent where there is none that shares speech.</summary>
    public required IReadOnlyDictionary<string, string> Mapping { get; init; }

    /// <summary>For each reference speaker 1 − Jaccard index with the system speaker who fits best, one to one; without collar.</summary>
    public required IReadOnlyDictionary<string, double> JaccardErrors { get; init; }
}

/// <summary>The diarization score of a set of sessions.</summary>
public sealed record DiarizationResult
{
    public required DiarizationScore Total { get; init; }

    public required IReadOnlyList<SessionDiarizationScore> Sessions { get; init; }

    /// <summary>Sessions that only the system has and no UEM names: they could not be scored.</summary>
    public required IReadOnlyList<string> UnscoredSessions { get; init; }

    /// <summary>JER: the mean over all reference speakers of all sessions (DIHARD II's definition); 0 without reference speakers.</summary>
    public double JaccardErrorRate =>
        Sessions.SelectMany(session => session.JaccardErrors.Values).DefaultIfEmpty(0).Average();
}
