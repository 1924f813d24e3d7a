namespace Earshot.Evaluation;

/// <summary>How a run is done.</summary>
public sealed record EvaluationRunOptions
{
    /// <summary>How often each clip is timed; the median counts.</summary>
    public int Repeat { get; init; } = 1;

    /// <summary>Whether each system transcribes the shortest clip once before anything is timed.</summary>
    public bool WarmUp { get; init; } = true;

    /// <summary>The memory of the process before any system was loaded; 0 where not measured.</summary>
    public long BaseBytes { get; init; }
}

/// <summary>How far a run is.</summary>
/// <param name="Done">Clips of systems that are done, with those of an earlier run.</param>
/// <param name="Total">Clips times systems.</param>
/// <param name="Latest">The result just made; null at the start.</param>
public sealed record EvaluationProgress(int Done, int Total, ClipResult? Latest);

/// <summary>
/// Runs systems over a test set, interleaved: each clip goes through all systems before the next, and each clip begins with another
/// system, so that what slows the machine down for a while slows all of them.
/// </summary>
public sealed class EvaluationRunner
{
    readonly EvaluationManifest _manifest;
    readonly IReadOnlyList<SystemUnderTest> _systems;
    readonly EvaluationRunOptions _options;
    readonly TimeProvider _time;
    readonly Dictionary<object, (long Kept, long Peak)> _warmed = [];

    public EvaluationRunner(
        EvaluationManifest manifest,
        IReadOnlyList<SystemUnderTest> systems,
        EvaluationRunOptions? options = null,
        TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(systems);
        _manifest = manifest;
        _systems = systems;
        _options = options ?? new EvaluationRunOptions();
        _time = time ?? TimeProvider.System;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.Repeat, 1, nameof(options));
        if (systems.Count == 0) throw new ArgumentException("No systems to evaluate.", nameof(systems));
        if (systems.DistinctBy(system => system.Description.Name).Count() != systems.Count)
            throw new ArgumentException("Two systems share a name.", nameof(systems));
    }

    /// <summary>The systems in the order in which they get the clip at a place of the manifest.</summary>
    internal IEnumerable<SystemUnderTest> Order(int clip) =>
        Enumerable.Range(0, _systems.Count).Select(i => _systems[(clip + i) % _systems.Count]);

    /// <summary>Does what the folder does not have yet; clips that failed are tried again.</summary>
    public async Task<EvaluationRun> RunAsync(
        RunFolder folder, IProgress<EvaluationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var scorer = new ClipScorer(folder.Plan.Scoring);
        int total = _manifest.Clips.Count * _systems.Count;
        int done = _manifest.Clips.Sum(clip => _systems.Count(system => IsDone(folder, system, clip)));
        progress?.Report(new EvaluationProgress(done, total, null));
        var warm = new HashSet<SystemUnderTest>();
        if (!_options.WarmUp) warm.UnionWith(_systems);
        for (int at = 0; at < _manifest.Clips.Count; at++)
        {
            var clip = _manifest.Clips[at];
            var work = Order(at).Where(system => !IsDone(folder, system, clip)).ToList();
            foreach (var system in work)
            {
                if (warm.Add(system)) await WarmUpAsync(system, cancellationToken).ConfigureAwait(false);
            }
            await ClipAsync(work, clip, folder.FolderPath, Keep, cancellationToken).ConfigureAwait(false);
        }
        return folder.ToRun();

        void Keep(ClipResult result)
        {
            var scored = scorer.Score(result);
            folder.Add(scored);
            progress?.Report(new EvaluationProgress(++done, total, scored));
        }
    }

    static bool IsDone(RunFolder folder, SystemUnderTest system, EvaluationClip clip) =>
        folder.Find(system.Description.Name, clip.Id) is { Error: null } result && result.Reference == clip.Reference;

    /// <summary>
    /// Takes a clip through the systems, as often as it is to be timed; a system's result is kept at once when it is done.
    /// </summary>
    async Task ClipAsync(
        List<SystemUnderTest> systems, EvaluationClip clip, string folder, Action<ClipResult> keep, CancellationToken cancellationToken)
    {
        var results = systems.Select(system => Begin(system, clip, folder)).ToArray();
        for (int round = 1; round <= _options.Repeat; round++)
        {
            for (int i = 0; i < results.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (results[i].Error is null)
                    results[i] = await TimeAsync(systems[i], clip, results[i], cancellationToken).ConfigureAwait(false);
                if (round == _options.Repeat) keep(results[i]);
            }
        }
    }

    async Task<ClipResult> TimeAsync(SystemUnderTest system, EvaluationClip clip, ClipResult before, CancellationToken cancellationToken)
    {
        long resident = ProcessMemory.ResidentBytes;
        ProcessMemory.ResetPeak();
        long started = _time.GetTimestamp();
        try
        {
            var output = await system.TranscribeAsync(clip, cancellationToken).ConfigureAwait(false);
            var elapsed = _time.GetElapsedTime(started);
            return before with
            {
                Text = before.Times.Count == 0 ? output.Text : before.Text,
                Duration = output.Duration ?? clip.Duration ?? TimeSpan.Zero,
                Times = [.. before.Times, elapsed],
                FirstText = before.Times.Count == 0 ? output.FirstText : before.FirstText,
                PeakBytes = Math.Max(before.PeakBytes, PeakAlone(system, resident)),
            };
        }
        catch (Exception e) when (e is EarshotException or IOException or UnauthorizedAccessException)
        {
            return before with { Error = e.Message, Text = "", Times = [] };
        }
    }

    /// <summary>
    /// What a process that ran this system alone would have needed: the process' base, what loading and the first clip left behind,
    /// and what this clip added on top.
    /// </summary>
    long PeakAlone(SystemUnderTest system, long resident)
    {
        if (_options.BaseBytes == 0) return 0;
        var (kept, peak) = _warmed.GetValueOrDefault(system.LoadedModel ?? system);
        return _options.BaseBytes + system.LoadedBytes + Math.Max(peak, kept + Math.Max(0, ProcessMemory.PeakBytes - resident));
    }

    /// <summary>
    /// Transcribes once without timing it: weights are packed and code is compiled then, which is no part of a clip's time.
    /// </summary>
    async Task WarmUpAsync(SystemUnderTest system, CancellationToken cancellationToken)
    {
        var clip = _manifest.Clips.MinBy(clip => clip.Duration ?? TimeSpan.MaxValue)!;
        long resident = ProcessMemory.ResidentBytes;
        ProcessMemory.ResetPeak();
        try
        {
            await system.TranscribeAsync(clip, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is EarshotException or IOException or UnauthorizedAccessException)
        {
            // The clip fails again when it is timed, and is noted then.
        }
        // Systems that share a model share what is kept for it, whichever of them comes first.
        var (kept, peak) = _warmed.GetValueOrDefault(system.LoadedModel ?? system);
        peak = Math.Max(peak, kept + Math.Max(0, ProcessMemory.PeakBytes - resident));
        _warmed[system.LoadedModel ?? system] = (kept + Math.Max(0, ProcessMemory.ResidentBytes - resident), peak);
    }

    static ClipResult Begin(SystemUnderTest system, EvaluationClip clip, string folder) => new()
    {
        System = system.Description.Name,
        Clip = clip.Id,
        Audio = RelativePath(folder, clip.Audio),
        Reference = clip.Reference,
        Language = clip.Language,
        Speaker = clip.Speaker,
        Text = "",
        Duration = clip.Duration ?? TimeSpan.Zero,
        Times = [],
    };

    /// <summary>A path with slashes, relative where that is possible, so that a run moves along with its recordings.</summary>
    static string RelativePath(string folder, string audio) => Path.GetRelativePath(Path.GetFullPath(folder), audio).Replace('\\', '/');
}
