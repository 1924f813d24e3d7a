using System.CommandLine;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Options;
using Earshot.Evaluation;
using Earshot.Live;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot eval</c>: models and settings over a test set, with errors, speed and memory of each.</summary>
internal sealed class EvalCommand : EarshotCommand
{
    readonly Argument<string?> _manifest = new("manifest")
    {
        HelpName = "MANIFEST",
        Description = "JSON lines or a JSON array with audio, text and, where known, language, speaker, duration; " +
            "a table of Common Voice; or a folder (LibriSpeech, Common Voice, or a .txt beside each recording). " +
            "Empty text says that nobody speaks; without text a clip is only timed.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    readonly Option<string[]> _models = new("--model", "-m")
    {
        Description = "A model as in transcribe; give it several times for several.",
        HelpName = "MODEL",
        Arity = ArgumentArity.OneOrMore,
    };

    readonly Option<string[]> _settings = new("--setting")
    {
        Description = "A name, a colon, and options of transcribe: 'greedy: --beam-size 1 --quantize int8'; " +
            "give it several times for several. Options beside it hold for all settings that do not say otherwise.",
        HelpName = "NAME: OPTIONS",
        Arity = ArgumentArity.OneOrMore,
    };

    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The run's folder; one that is there is gone on with (default eval-runs/ and the manifest's name).",
        HelpName = "FOLDER",
        Arity = ArgumentArity.ExactlyOne,
    };
    readonly Option<bool> _restart = OptionKinds.Flag("--restart", "Forget what the run's folder has, and begin anew.");
    readonly Option<int?> _limit = OptionKinds.Whole("--limit", "The first clips alone.", 1);
    readonly Option<int?> _repeat = OptionKinds.Whole("--repeat", "How often each clip is timed; the median counts (default 1).", 1, 1000);
    readonly Option<bool> _noWarmUp = OptionKinds.Flag(
        "--no-warm-up", "Time the first clip too as it comes, with the work that is done only once.");
    readonly Option<bool> _detectLanguage = OptionKinds.Flag(
        "--detect-language", "Do not tell models the language that the manifest states.");
    readonly PerplexityOptionSet _perplexity = new();
    readonly Option<string[]> _live = new("--live")
    {
        Description = "Hear the recordings as a live stream, at simulated pace, and report latency, erasure and errors of a policy: " +
            $"{string.Join(", ", LivePolicies.Names)}, with settings behind a colon (local-agreement:step=0.5,beams=2); " +
            "give it several times for several. One model, the first setting's.",
        HelpName = "POLICY[:NAME=VALUE,...]",
        Arity = ArgumentArity.OneOrMore,
    };
    readonly Option<int?> _streams = OptionKinds.Whole(
        "--streams", "With --live: hear so many streams at once too, at the pace at which they were said.", 1, 1000);
    readonly EvalScoringOptionSet _scoring = new();
    readonly EvalReportOptionSet _report = new();
    readonly EvalOptionSet _how = new();

    public EvalCommand(Terminal terminal)
        : base(
            "eval",
            "Evaluate models and settings over a test set: word error rate, speed, latency, memory. " +
            "All run interleaved, results are kept as they come, and a run that was interrupted goes on where it was.", terminal)
    {
        Add(_manifest);
        AddGroup("What to evaluate", _models, _settings, _limit, _repeat, _noWarmUp, _detectLanguage, _live, _streams);
        AddGroup("Run", _output, _restart);
        AddGroups([_perplexity.Group, _scoring.Group, _report.Group]);
        // One --model is not enough here.
        AddGroups(
            [.. _how.Groups.Select(group => group with { Options = [.. group.Options.Where(option => option.Name != _models.Name)] })]);
        Add(new EvalCompareCommand(terminal));
        Add(new EvalReportCommand(terminal));
        Add(new EvalTextCommand(terminal));
        Add(new EvalScoreCommand(terminal));
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new(
            "earshot eval LibriSpeech/test-clean -m tiny.en -m base.en",
            "Two models over LibriSpeech; the report is eval-runs/test-clean/report.html."),
        new(
            "earshot eval calls.jsonl -m turbo --setting 'greedy: --beam-size 1' --setting 'int8: --quantize int8'",
            "One model in two settings."),
        new(
            "earshot eval compare eval-runs/before eval-runs/after --max-wer-increase 0.2 --max-slowdown 1.2",
            "Fails where the second run is worse than that."),
        new(
            "earshot eval --perplexity notes.txt -m Qwen/Qwen2.5-0.5B",
            "How well a language model foresees a text; lower is better."),
        new(
            "earshot eval talks.jsonl --live align-att --live local-agreement:0.5",
            "How soon words come with two live policies, and how many are wrong."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (_perplexity.IsGiven(parsed)) return await _perplexity.RunAsync(parsed, this, Terminal, cancellationToken).ConfigureAwait(false);
        var manifest = EvaluationManifest.Read(parsed.GetValue(_manifest)
            ?? throw new UsageException("give a manifest: a .jsonl, .json or .tsv file, or a folder of a corpus."));
        if (parsed.GetValue(_limit) is { } limit) manifest = manifest with { Clips = [.. manifest.Clips.Take(limit)] };
        var choices = Choices(parsed);
        if (parsed.GetValue(_live) is { Length: > 0 } policies)
            return await EvaluateLiveAsync(parsed, manifest, policies, choices[0].Choice, cancellationToken).ConfigureAwait(false);
        if (parsed.GetValue(_streams) is not null) throw new UsageException("--streams is for --live: give a policy too.");
        var folder = FolderOf(parsed, manifest);
        if (parsed.GetValue(_restart)) Forget(folder);

        using var systems = new EvalSystems(Terminal, parsed.GetValue(_detectLanguage));
        var described = new List<(SystemDescription Description, string Folder, EvalChoice Choice)>();
        foreach (var (name, choice) in choices)
        {
            var (description, modelFolder) = await systems.DescribeAsync(name, choice, cancellationToken).ConfigureAwait(false);
            described.Add((description, modelFolder, choice));
        }
        using var run = RunFolder.Open(
            folder, PlanOf(manifest, folder, [.. described.Select(system => system.Description)], _scoring.Of(parsed)));
        int failures = await EvaluateAsync(parsed, manifest, described, systems, run, cancellationToken).ConfigureAwait(false);

        var report = EvaluationReport.Of(run.ToRun(), _report.Of(parsed));
        var page = EvalReports.Write(report, folder, _report.EmbedsAudio(parsed));
        if (_report.PrintsJson(parsed)) Terminal.Out.WriteLine(EvalReports.Json(report));
        else EvalReports.Show(report, Terminal);
        Terminal.Say($"Report: {page}");
        return failures == 0 ? ExitCode.Ok : ExitCode.SomeFailed;
    }

    string FolderOf(ParseResult parsed, EvaluationManifest manifest) =>
        parsed.GetValue(_output) is { Length: > 0 } given ? given : Path.Combine("eval-runs", manifest.Name);

    async Task<int> EvaluateLiveAsync(
        ParseResult parsed, EvaluationManifest manifest, string[] policies, EvalChoice choice, CancellationToken cancellationToken)
    {
        List<LivePolicy> chosen = [.. policies.Select(LivePolicies.Parse)];
        var folder = FolderOf(parsed, manifest);
        var reports = await new EvalLive(Terminal, _scoring.Of(parsed))
            .RunAsync(manifest, chosen, choice, parsed.GetValue(_streams) ?? 0, cancellationToken).ConfigureAwait(false);
        var page = EvalReports.Write(reports, manifest, choice.Model, folder);
        if (_report.PrintsJson(parsed)) Terminal.Out.WriteLine(EvalReports.Json(reports));
        else EvalLive.Show(reports, Terminal);
        Terminal.Say($"Report: {page}");
        return ExitCode.Ok;
    }

    async Task<int> EvaluateAsync(
        ParseResult parsed, EvaluationManifest manifest, List<(SystemDescription Description, string Folder, EvalChoice Choice)> described,
        EvalSystems systems, RunFolder run, CancellationToken cancellationToken)
    {
        bool IsDone(SystemDescription system) =>
            manifest.Clips.All(clip => run.Find(system.Name, clip.Id) is { Error: null } result && result.Reference == clip.Reference);
        var work = new List<SystemUnderTest>();
        foreach (var (description, folder, choice) in described.Where(system => !IsDone(system.Description)))
            work.Add(await systems.LoadAsync(description, folder, choice, cancellationToken).ConfigureAwait(false));
        if (work.Count == 0)
        {
            Terminal.Say("All clips are done already; --restart does them anew.");
            return 0;
        }
        var options = new EvaluationRunOptions
        {
            Repeat = parsed.GetValue(_repeat) ?? 1,
            WarmUp = !parsed.GetValue(_noWarmUp),
            BaseBytes = systems.BaseBytes,
        };
        using var status = new StatusLine(Terminal);
        var progress = new EvalProgress(Terminal, status);
        try
        {
            await new EvaluationRunner(manifest, work, options).RunAsync(run, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            throw UsageException.For(e);
        }
        return progress.Failures;
    }

    /// <summary>Every model in every setting, by distinct names.</summary>
    List<(string Name, EvalChoice Choice)> Choices(ParseResult parsed)
    {
        var common = _how.Given(parsed);
        EvalSetting[] settings = parsed.GetValue(_settings) is { Length: > 0 } given
            ? [.. given.Select(EvalSetting.Parse)]
            : [new EvalSetting("", [])];
        IReadOnlyList<string?> models = parsed.GetValue(_models) is { Length: > 0 } named ? [.. named] : [null];
        var choices = new List<(string Name, EvalChoice Choice)>();
        foreach (var model in models)
        {
            foreach (var setting in settings)
            {
                var choice = EvalOptionSet.Choose(setting, model, common);
                var label = EvalSystems.LabelOf(choice.Model);
                choices.Add((setting.Name.Length == 0 ? label : $"{label}/{setting.Name}", choice));
            }
        }
        if (choices.GroupBy(choice => choice.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new UsageException(
                $"two systems would be called '{twice.Key}'; give settings names of their own, and models different folders' names.");
        return choices;
    }

    static EvaluationPlan PlanOf(
        EvaluationManifest manifest, string folder, IReadOnlyList<SystemDescription> systems, ScoringOptions scoring) => new()
        {
            Name = manifest.Name,
            Manifest = Path.GetRelativePath(Path.GetFullPath(folder), manifest.Source).Replace('\\', '/'),
            Started = TimeProvider.System.GetUtcNow(),
            Machine = EvalMachine.This(),
            Systems = systems,
            Scoring = scoring,
            Clips = [.. manifest.Clips.Select(clip => clip.Id)],
        };

    /// <summary>Removes a run's own files; whatever else the folder holds stays.</summary>
    static void Forget(string folder)
    {
        foreach (var name in (string[])["run.json", "results.jsonl"])
        {
            if (File.Exists(Path.Combine(folder, name))) File.Delete(Path.Combine(folder, name));
        }
    }
}
