using Earshot.Evaluation.Metrics;

namespace Earshot.Evaluation;

/// <summary>What is drawn for the interval of an error rate.</summary>
public enum ResampleBy
{
    /// <summary>Clips: right where they are independent.</summary>
    Clip,
    /// <summary>All clips of a speaker together: right where speakers have several.</summary>
    Speaker,
}

/// <summary>How a report is made of a run.</summary>
public sealed record ReportOptions
{
    public ResampleBy ResampleBy { get; init; }

    public ResamplingOptions Resampling { get; init; } = ResamplingOptions.Default;

    /// <summary>The data set whose published figures are shown beside; null for none.</summary>
    public string? PublishedDataset { get; init; }
}

/// <summary>An error rate with its interval; all shares of 1.</summary>
public sealed record RateInterval(double Rate, double Low, double High, double Level);

/// <summary>The scores of a system in one language.</summary>
public sealed record LanguageSummary
{
    public required string Language { get; init; }

    public required int Clips { get; init; }

    /// <summary>Words, or characters for scripts without spaces.</summary>
    public required TextUnits Units { get; init; }

    public required ErrorCounts Counts { get; init; }

    public required double ErrorRate { get; init; }

    /// <summary>For languages that are scored by character.</summary>
    public double? CharacterErrorRate { get; init; }
}

/// <summary>What a run says of one system.</summary>
public sealed record SystemSummary
{
    public required SystemDescription System { get; init; }

    /// <summary>Clips transcribed.</summary>
    public required int Clips { get; init; }

    /// <summary>Clips compared with a reference.</summary>
    public required int ScoredClips { get; init; }

    public required int FailedClips { get; init; }

    public ErrorCounts? Counts { get; init; }

    /// <summary>WER, in languages without spaces over characters; null where nothing was scored.</summary>
    public RateInterval? ErrorRate { get; init; }

    public double? MatchErrorRate { get; init; }

    public double? WordInformationLost { get; init; }

    /// <summary>Over the clips that are scored by character; null where none is.</summary>
    public RateInterval? CharacterErrorRate { get; init; }

    public required IReadOnlyList<LanguageSummary> Languages { get; init; }

    public required TimeSpan AudioDuration { get; init; }

    public required TimeSpan ComputeTime { get; init; }

    /// <summary>Compute time over audio; null where the audio's length is not known.</summary>
    public double? RealTimeFactor { get; init; }

    /// <summary>How many times faster than real time.</summary>
    public double? Speed { get; init; }

    /// <summary>The time that a clip takes as a whole.</summary>
    public required LatencySummary Latency { get; init; }

    /// <summary>The time until a clip's first text.</summary>
    public LatencySummary? FirstText { get; init; }

    /// <summary>The most memory of a process that runs this system alone; null where not measured.</summary>
    public long? PeakBytes { get; init; }

    /// <summary>What it wrote where nobody speaks; null where the test set has no such clips.</summary>
    public NonSpeechSummary? NonSpeech { get; init; }

    /// <summary>The share of runs of four words that occurred before in their clip.</summary>
    public required double RepeatedNgramRate { get; init; }

    /// <summary>The most often that some words follow themselves without a gap, in any clip.</summary>
    public required int LongestLoop { get; init; }
}

/// <summary>Words written where nobody speaks.</summary>
public sealed record NonSpeechSummary(int Clips, int ClipsWithWords, double HallucinationRate, double WordsPerMinute);

/// <summary>A published figure with its source, as reports show it.</summary>
public sealed record PublishedRow
{
    /// <summary>Whether the system is a model that the run evaluates too.</summary>
    public bool IsOwn { get; init; }

    public required string System { get; init; }

    public required string Dataset { get; init; }

    public required double Value { get; init; }

    public required string Unit { get; init; }

    public required string Source { get; init; }

    public required Uri Url { get; init; }

    public required DateOnly Date { get; init; }

    public required string Note { get; init; }
}

/// <summary>A run with its scores: what report.json holds, and what tables and pages are made of.</summary>
public sealed record EvaluationReport
{
    public required EvaluationPlan Plan { get; init; }

    public required IReadOnlyList<SystemSummary> Systems { get; init; }

    /// <summary>Others' figures for the data set, never part of the systems' own.</summary>
    public IReadOnlyList<PublishedRow>? Published { get; init; }

    /// <summary>Each clip of each system.</summary>
    public required IReadOnlyList<ClipResult> Results { get; init; }

    /// <summary>Scores a run.</summary>
    public static EvaluationReport Of(EvaluationRun run, ReportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        options ??= new ReportOptions();
        var scorer = new ClipScorer(run.Plan.Scoring);
        var systems = run.Plan.Systems.Select(system => (System: system, Results: run.Of(system.Name)))
            .Where(system => system.Results.Count > 0).ToList();
        return new EvaluationReport
        {
            Plan = run.Plan,
            Systems = [.. systems.Select(system => SystemScorer.Summarize(system.System, system.Results, scorer, options))],
            Published = Figures(run.Plan.Systems, options.PublishedDataset),
            Results = [.. systems.SelectMany(system => system.Results)],
        };
    }

    /// <summary>The published word error rates on a data set: of the run's own models first, then of all others.</summary>
    static IReadOnlyList<PublishedRow>? Figures(IReadOnlyList<SystemDescription> systems, string? dataset)
    {
        if (dataset is null) return null;
        var figures = PublishedFigures.All.Where(
            figure => figure.Metric == "WER" && figure.Dataset.Equals(dataset, StringComparison.OrdinalIgnoreCase)).ToList();
        if (figures.Count == 0)
        {
            var known = PublishedFigures.All.Where(figure => figure.Metric == "WER").Select(figure => figure.Dataset).Distinct();
            throw new ManifestException($"No published figures are known for '{dataset}'; expected one of: {string.Join("; ", known)}.");
        }
        var own = systems.SelectMany(system => system.Model is { Length: > 0 } model ? PublishedFigures.Of(model) : []).ToHashSet();
        return [.. figures.OrderByDescending(own.Contains).ThenBy(figure => figure.Value).Select(figure => new PublishedRow
        {
            IsOwn = own.Contains(figure),
            System = figure.System,
            Dataset = figure.Dataset,
            Value = figure.Value,
            Unit = figure.Unit,
            Source = figure.Source.Title,
            Url = figure.Source.Url,
            Date = figure.Source.Date,
            Note = figure.Source.Note,
        })];
    }
}
