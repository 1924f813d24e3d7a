using System.CommandLine;
using System.Text.Json;
using Earshot.Benchmarks;
using Earshot.Cli.Benchmarks;
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
        Description = "Weight formats to compare, such as f32,bf16,int8,int4,int4-g128,nf4 (default: what this machine prefers). " +
            "The first is what others are compared with.",
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
    readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads that compute (default: one a core).", 1, 1024);
    readonly Option<int?> _rounds = OptionKinds.Whole("--rounds", "Measured rounds; settings take turns within each (default 5).", 1, 1000);
    readonly Option<int?> _tokens = OptionKinds.Whole("--tokens", "Tokens decoded after the prompt (default 48).", 1, 400);
    readonly Option<int?> _streams = OptionKinds.Whole(
        "--streams", "Streams decoded at once, beside the single one; 1 leaves that out (default 8).", 1, 64);
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
        AddGroup("Output", _json, _markdown);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot bench --random base", "The base model's speed here, without downloading it."),
        new("earshot bench openai/whisper-small --weights f32,bf16,int8", "Three formats side by side."),
        new(
            "earshot bench --random large-v3-turbo --weights int8 --isa avx512,avx2 --markdown",
            "What AVX-512 brings, as a table to paste."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var settings = BenchSettings.Parse(Split(parsed.GetValue(_weights)), Split(parsed.GetValue(_isa)), parsed.GetValue(_threads));
        var options = new BenchmarkOptions
        {
            Rounds = parsed.GetValue(_rounds) ?? 5,
            Tokens = parsed.GetValue(_tokens) ?? 48,
            Streams = parsed.GetValue(_streams) ?? 8,
        };
        using var model = (parsed.GetValue(_model), parsed.GetValue(_random)) switch
        {
            (null, null) => throw new UsageException("give a model's folder or name, or --random SHAPE."),
            (not null, not null) => throw new UsageException("give either a model or --random, not both."),
            (null, { } shape) => BenchModel.OfShape(shape),
            ({ } name, null) => BenchModel.OfFolder(await ModelFolders.GetAsync(name, Terminal, cancellationToken).ConfigureAwait(false)),
        };
        BenchmarkReport report;
        using (var status = new StatusLine(Terminal))
        {
            report = await Task.Run(
                () => BenchRun.RunAsync(model, settings, options, new PercentStatus(status, "Measuring"), cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.BenchmarkReport));
        else if (parsed.GetValue(_markdown)) Terminal.Out.Write(BenchTables.Markdown(report));
        else BenchTables.Write(report, Terminal.OutConsole());
        return ExitCode.Ok;
    }

    static string[] Split(string[]? values) =>
        [.. (values ?? []).SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
