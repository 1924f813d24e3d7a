namespace Earshot.Evaluation;

/// <summary>The machine that times were measured on.</summary>
public sealed record EvaluationMachine
{
    public required string Processor { get; init; }

    public required int Cores { get; init; }

    public required string System { get; init; }

    public required string Runtime { get; init; }
}

/// <summary>What a run evaluates; the head of its folder.</summary>
public sealed record EvaluationPlan
{
    /// <summary>The form of the files; 1.</summary>
    public int Version { get; init; } = 1;

    /// <summary>The test set's name.</summary>
    public required string Name { get; init; }

    /// <summary>Where the manifest was, from the run's folder.</summary>
    public required string Manifest { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required EvaluationMachine Machine { get; init; }

    public required IReadOnlyList<SystemDescription> Systems { get; init; }

    public required ScoringOptions Scoring { get; init; }

    /// <summary>The names of the clips, in order.</summary>
    public required IReadOnlyList<string> Clips { get; init; }
}

/// <summary>A run: what was evaluated, and the results so far.</summary>
public sealed record EvaluationRun(EvaluationPlan Plan, IReadOnlyList<ClipResult> Results)
{
    /// <summary>The results of one system, in the order of the clips.</summary>
    public IReadOnlyList<ClipResult> Of(string system)
    {
        var byClip = Results.Where(result => result.System == system).ToDictionary(result => result.Clip, StringComparer.Ordinal);
        return [.. Plan.Clips.Where(byClip.ContainsKey).Select(clip => byClip[clip])];
    }

    /// <summary>Reads a run: its folder, or the report.json of one.</summary>
    /// <exception cref="ManifestException">It is not there, or damaged.</exception>
    public static EvaluationRun Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Directory.Exists(path) ? RunFolder.Read(path) : RunFile.Read(path);
    }
}
