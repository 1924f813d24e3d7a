using System.CommandLine;
using System.Text.Json;
using Earshot.Checkpoints;
using Earshot.Cli.Inspection;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot inspect</c>: a model's parts, and what its stages take, without computing anything.</summary>
internal sealed class InspectCommand : EarshotCommand
{
    readonly Argument<string?> _model = new("model")
    {
        HelpName = "MODEL",
        Description = "A model's folder, its name on the hub where it is downloaded already, a file of whisper.cpp's (ggml-*.bin) or of " +
            "llama.cpp's (GGUF), an exported model's folder, or an .onnx file.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    readonly Option<string?> _random = OptionKinds.Text(
        "--random", "SHAPE", $"A published shape instead of a model, needing no files: {string.Join(", ", ModelFamilies.ShapeNames)}.");
    readonly Option<int?> _rows = OptionKinds.Whole(
        "--rows", "Hypotheses that a decoder step serves, such as 5 for a beam of 5 (default 1).", 1, 1024);
    readonly Option<int?> _past = OptionKinds.Whole("--past", "Tokens that the decoder step has behind it (default 100).", 0);
    readonly Option<bool> _operations = OptionKinds.Flag(
        "--operations", "Break each stage down by kind of operation; of an ONNX graph, list every node.");
    readonly Option<bool> _tensors = OptionKinds.Flag("--tensors", "List every tensor.");
    readonly Option<bool> _json = OptionKinds.Flag("--json", "Print JSON for programs instead of tables.");

    public InspectCommand(Terminal terminal)
        : base(
            "inspect",
            "Look inside a model: parts, tensors, parameters, and the arithmetic, memory traffic and memory that each stage takes. " +
            "Nothing is computed, so it takes a moment for any size.", terminal)
    {
        Add(_model);
        AddGroup("What to inspect", _random, _rows, _past);
        AddGroup("What to show", _operations, _tensors, _json);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot inspect models/whisper-base", "Parts and stages of a model in a folder."),
        new("earshot inspect --random large-v3-turbo --rows 5", "What a beam of 5 would take with a model that is not even here."),
        new("earshot inspect model.onnx --operations", "A graph's inputs, outputs and every node."),
        new("earshot inspect SmolLM2-135M-Instruct.Q4_1.gguf --tensors", "A GGUF file's metadata, and how each tensor is stored."),
        new("earshot inspect openai/whisper-base --json | jq .stages", "The same figures for a program."),
    ];

    /// <summary>Inspects an ONNX file or an exported folder; false where the model is neither.</summary>
    bool InspectsGraphs(ParseResult parsed)
    {
        if (parsed.GetValue(_model) is not { } model) return false;
        bool isFile = File.Exists(model) && model.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase);
        if (!isFile && !(Directory.Exists(model) && OnnxLoading.IsOnlyExported(model))) return false;
        if (parsed.GetValue(_random) is not null || parsed.GetValue(_rows) is not null || parsed.GetValue(_past) is not null
            || parsed.GetValue(_tensors))
            throw new UsageException(
                "--random, --rows, --past and --tensors are for checkpoints; an ONNX graph has --operations and --json.");
        bool operations = parsed.GetValue(_operations), json = parsed.GetValue(_json);
        if (isFile)
        {
            var report = OnnxReport.Of(model, operations);
            if (json) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.OnnxReport));
            else OnnxTables.Write(report, Terminal);
        }
        else
        {
            var report = ExportReport.Of(model, operations);
            if (json) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.ExportReport));
            else OnnxTables.Write(report, Terminal);
        }
        return true;
    }

    /// <summary>Inspects a GGUF file, by its path or name; false where the model is none.</summary>
    bool InspectsGguf(ParseResult parsed)
    {
        if (parsed.GetValue(_model) is not { } model || parsed.GetValue(_random) is not null) return false;
        var path = ModelFolders.Find(model);
        if (new ModelFolder(path).Container != ModelContainer.Gguf) return false;
        if (parsed.GetValue(_rows) is not null || parsed.GetValue(_past) is not null || parsed.GetValue(_operations))
            throw new UsageException("--rows, --past and --operations are for speech models; a GGUF file has --tensors and --json.");
        var report = GgufReport.Of(path, parsed.GetValue(_tensors));
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.GgufReport));
        else GgufTables.Write(report, Terminal.OutConsole());
        return true;
    }

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (InspectsGraphs(parsed) || InspectsGguf(parsed)) return Task.FromResult(ExitCode.Ok);
        var options = new InspectionOptions
        {
            Rows = parsed.GetValue(_rows) ?? 1,
            Past = parsed.GetValue(_past),
            Operations = parsed.GetValue(_operations),
            Tensors = parsed.GetValue(_tensors),
        };
        var report = (parsed.GetValue(_model), parsed.GetValue(_random)) switch
        {
            (null, null) => throw new UsageException("give a model's folder or name, or --random SHAPE."),
            (not null, not null) => throw new UsageException("give either a model or --random, not both."),
            (null, { } shape) => OfShape(shape, options),
            ({ } model, null) => OfFolder(ModelFolders.Find(model), options),
        };
        if (parsed.GetValue(_json)) Terminal.Out.WriteLine(JsonSerializer.Serialize(report, CliJson.Readable.ModelReport));
        else ReportTables.Write(report, Terminal.OutConsole());
        return Task.FromResult(ExitCode.Ok);
    }

    static ModelReport OfShape(string shape, InspectionOptions options)
    {
        var model = ModelFamilies.Named(shape);
        return ModelInspection.Report(
            model, new InspectedWeights(RandomTensors.For(
                model.Parts, model.PrepareWeights, new RandomTensorOptions { Name = $"random weights, {shape}" })), options);
    }

    static ModelReport OfFolder(string folder, InspectionOptions options)
    {
        var model = ModelFamilies.Open(folder);
        using var weights = InspectedWeights.Open(folder);
        var report = ModelInspection.Report(model, weights, options);
        return new ModelFolder(folder).Container switch
        {
            ModelContainer.WhisperCpp => report with { Container = "whisper.cpp" },
            ModelContainer.CTranslate2 => report with { Container = "CTranslate2" },
            ModelContainer.Nemo => report with { Container = "NeMo" },
            _ => report,
        };
    }
}
