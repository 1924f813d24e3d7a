using System.CommandLine;
using System.Text.Json;
using Earshot.Benchmarks;
using Earshot.Checkpoints;
using Earshot.Cli.Benchmarks;
using Earshot.Cli.Benchmarks.Peers;
using Earshot.Cli.Evaluation;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot bench</c>: how fast a model runs here, stage by stage, and how near to what the machine can do.</summary>
internal sealed class BenchCommand : EarshotCommand
{
    readonly Argument<string?> _model =
        new("model") { HelpName = "MODEL", Description = "A model's folder, or its name on the hub.", Arity = ArgumentArity.ZeroOrOne };
    readonly Option<string?> _random = OptionKinds.Text(
        "--random", "SHAPE", $"Random weights of a published shape instead of a model: {string.Join(", ", ModelFamilies.ShapeNames)}.");
    readonly Option<string[]> _weights = new("--weights")
    {
        Description = "Weight formats to compare, such as f32,bf16,int8,int4,int4-g128,nf4, or saved (default: what this machine " +
            "prefers; of GGUF files, saved). The first is what others are compared with.",
        HelpName = "FORMAT,...",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<string[]> _isa = new("--isa")
    {
        Description = "Instruction sets to compare: "
            + $"{string.Join(", ", InstructionSets.Names.Keys)} (default: the best there is).",
        HelpName = "SET,...",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<string[]> _threads = new("--threads")
    {
        Description = "Threads that compute (default: one a core); several numbers are compared, with what each thread adds.",
        HelpName = "N,...",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<int?> _rounds = OptionKinds.Whole("--rounds", "Measured rounds; settings take turns within each (default 5).", 1, 1000);
    readonly Option<int?> _tokens = OptionKinds.Whole("--tokens", "Tokens decoded after the prompt (default 48).", 1, 400);
    readonly Option<int?> _streams = OptionKinds.Whole(
        "--streams", "Streams decoded at once, beside the single one; 1 leaves that out (default 8).", 1, 64);
    readonly Option<bool> _tune = OptionKinds.Flag(
        "--tune", "Measure which format each kind of matrix is multiplied fastest in here, and load models so from now on: no format " +
        "is taken that is less exact than what is saved but for its own rounding.");
    readonly Option<bool> _peers = OptionKinds.Flag(
        "--peers", "Measure other engines on the same input, in turns: ONNX Runtime with our graphs and, where they are found, OpenVINO, " +
        "whisper.cpp and faster-whisper. Writes a page, and a JSON beside it that names no file and no user.");
    readonly Option<string?> _audio = OptionKinds.Text("--audio", "RECORDING", "What engines transcribe (default: a sound that is made).");
    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = $"The page of --peers, or a folder for it (default {PeerFiles.DefaultPage}).",
        HelpName = "FILE",
        Arity = ArgumentArity.ExactlyOne,
    };
    readonly Option<double?> _timeout = OptionKinds.Number(
        "--peer-timeout", "How long another engine's program may take for one answer (default 600).", 0.1, 86_400, "SECONDS");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs instead of tables.");
    readonly Option<bool> _markdown = OptionKinds.Flag("--markdown", "Print Markdown tables.");

    public BenchCommand(Terminal terminal)
        : base(
            "bench",
            "Measure a model on this machine: each stage apart, tokens a second, real-time factor, peak memory, and the share of the " +
            "machine's measured limits. Settings are interleaved in one run and compared by the median of their ratios.", terminal)
    {
        Add(_model);
        AddGroup("What to run", _random, _weights, _isa, _threads);
        AddGroup("How long", _rounds, _tokens, _streams);
        AddGroup("Beside other engines", _peers, _audio, _output, _timeout);
        AddGroup("For this machine", _tune);
        AddGroup("Output", _json, _markdown);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot bench --random base", "The base model's speed here, without downloading it."),
        new("earshot bench openai/whisper-small --weights f32,bf16,int8", "Three formats side by side."),
        new(
            "earshot bench --random large-v3-turbo --weights int8 --isa avx512,avx2 --markdown",
            "What AVX-512 brings, as a table to paste."),
        new("earshot bench base --threads 1,2,4,8", "What each further thread adds."),
        new("earshot bench base --tune", "Find the fastest formats for this machine, and load the model so from now on."),
        new(
            "earshot bench base --peers --audio talk.wav -o page.html",
            "This machine, Earshot and other engines on one page, with page.json to send in."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (peers, tune) = (parsed.GetValue(_peers), parsed.GetValue(_tune));
        Check(parsed, peers, tune);
        var weights = Split(parsed.GetValue(_weights));
        if (peers && weights.Length == 0) weights = BenchSettings.DefaultsBesidePeers;
        bool gguf = parsed.GetValue(_model)?.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) == true;
        if (gguf && !tune && weights.Length == 0) weights = [BenchSettings.Saved];
        var settings = BenchSettings.Parse(weights, Split(parsed.GetValue(_isa)), Split(parsed.GetValue(_threads)));
        var options = new BenchmarkOptions
        {
            Rounds = parsed.GetValue(_rounds) ?? 5,
            Tokens = parsed.GetValue(_tokens) ?? 48,
            Streams = parsed.GetValue(_streams) ?? 8,
        };
        var places = peers ? PeerFiles.Places(parsed.GetValue(_output)) : default;
        if (peers) PeerFiles.Check(places);
        var (model, name) = await OpenAsync(parsed, peers, cancellationToken).ConfigureAwait(false);
        using var opened = model;
        if (tune) return await TuneRun.RunAsync(model, settings, parsed.GetValue(_json), Terminal, cancellationToken).ConfigureAwait(false);
        if (peers)
        {
            var beside = new PeerOptions
            {
                Model = model,
                ModelName = name,
                Settings = settings,
                Benchmark = options,
                Audio = parsed.GetValue(_audio),
                Search = PeerSearch.OfProcess with { Timeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout) ?? 600) },
            };
            return await CompareAsync(beside, places, parsed.GetValue(_json), cancellationToken).ConfigureAwait(false);
        }
        await MeasureAsync(parsed, (model, settings, options), cancellationToken).ConfigureAwait(false);
        return ExitCode.Ok;
    }

    async Task MeasureAsync(
        ParseResult parsed, (BenchModel Model, IReadOnlyList<BenchSetting> Settings, BenchmarkOptions Options) run,
        CancellationToken cancellationToken)
    {
        BenchmarkReport report;
        using (var status = new StatusLine(Terminal))
        {
            report = await Task.Run(
                () => BenchRun.RunAsync(run.Model, run.Settings, run.Options, new PercentStatus(status, "Measuring"), cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.BenchmarkReport));
        else if (parsed.GetValue(_markdown)) Terminal.Out.Write(BenchTables.Markdown(report));
        else BenchTables.Write(report, Terminal.OutConsole());
    }

    async Task<int> CompareAsync(PeerOptions options, (string Page, string Data) places, bool json, CancellationToken cancellationToken)
    {
        var report = await PeerRun.RunAsync(options, Terminal, cancellationToken).ConfigureAwait(false);
        PeerFiles.Write(report, places);
        if (json) Terminal.Out.WriteLine(PeerFiles.Json(report));
        else PeerFiles.Show(report, Terminal);
        Terminal.Say($"Page: {places.Page}, as data: {places.Data}");
        return ExitCode.Ok;
    }

    /// <exception cref="UsageException">Options that do not go together.</exception>
    void Check(ParseResult parsed, bool peers, bool tune)
    {
        if (peers && tune) throw new UsageException("--peers and --tune are measured apart; give one of them.");
        if (tune && parsed.GetResult(_weights) is not null)
            throw new UsageException("--tune compares the formats that a model's own allows; leave --weights out.");
        if ((peers || tune) && parsed.GetValue(_markdown)) throw new UsageException("--markdown is for Earshot's own stages.");
        if (peers && Split(parsed.GetValue(_threads)).Length > 1) throw new UsageException("--peers takes one number of --threads.");
        foreach (var option in (Option[])[_audio, _output, _timeout])
        {
            if (!peers && parsed.GetResult(option) is not null) throw new UsageException($"{option.Name} is for --peers.");
        }
    }

    /// <summary>What is measured, and what it is called in reports.</summary>
    async Task<(BenchModel Model, string Name)> OpenAsync(ParseResult parsed, bool peers, CancellationToken cancellationToken)
    {
        var (name, random) = (parsed.GetValue(_model), parsed.GetValue(_random));
        if (name is not null && random is not null) throw new UsageException("give either a model or --random, not both.");
        if (random is not null) return (BenchModel.OfShape(random), $"random {random}");
        if (name is null && !peers) throw new UsageException("give a model's folder or name, or --random SHAPE.");
        name ??= ModelNames.Default;
        var folder = await ModelFolders.GetAsync(name, Terminal, cancellationToken).ConfigureAwait(false);
        return (BenchModel.OfFolder(folder), EvalSystems.LabelOf(Directory.Exists(name) ? name : ModelNames.Full(name)));
    }

    static string[] Split(string[]? values) =>
        [.. (values ?? []).SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
