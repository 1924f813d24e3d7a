using System.CommandLine;
using System.Globalization;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot export</c>: a model as ONNX graphs.</summary>
internal sealed class ExportCommand : EarshotCommand
{
    static readonly Dictionary<string, GraphPrecision> s_precisions = new()
    {
        ["float32"] = GraphPrecision.Float32,
        ["float16"] = GraphPrecision.Float16,
        ["int8"] = GraphPrecision.Int8,
        ["int8-blocks"] = GraphPrecision.Int8Blocks,
        ["int4-blocks"] = GraphPrecision.Int4Blocks,
    };

    readonly Argument<string?> _model =
        new("model") { HelpName = "MODEL", Description = "A model's folder, or its name on the hub.", Arity = ArgumentArity.ZeroOrOne };
    readonly Option<string?> _random = OptionKinds.Text(
        "--random", "SHAPE", $"Random weights of a published shape instead of a model: {string.Join(", ", ModelFamilies.ShapeNames)}.");
    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The folder to make; the model's own folder gets the graphs beside its weights.",
        HelpName = "DIR",
        Arity = ArgumentArity.ExactlyOne,
        Required = true,
    };
    readonly Option<string?> _precision = OptionKinds.Choice(
        "--precision", "Numbers of the graphs; int8-blocks and int4-blocks are for ONNX Runtime alone (default float32).",
        [.. s_precisions.Keys]);
    readonly Option<string?> _target = OptionKinds.Choice(
        "--target", "ONNX Runtime's own operators too, which it runs faster, or those of ONNX alone for any runtime (default onnxruntime).",
        "onnxruntime", "portable");
    readonly Option<bool> _noWordTimes = OptionKinds.Flag("--no-word-times", "Leave out the decoder that word timestamps need.");
    readonly Option<string?> _gate = OptionKinds.Text(
        "--gate", "MANIFEST",
        "Keep the export only if it hears as well as the model itself: " +
        "recordings (file) and what is said in them (reference), as a JSON array.");
    readonly Option<double?> _mostIncrease = OptionKinds.Number(
        "--max-wer-increase", "How much more word error rate the gate lets through, in percent (default 0.3).", 0, 100, "PERCENT");

    public ExportCommand(Terminal terminal)
        : base(
            "export",
            "Write a model as ONNX graphs with one file of weights, its tokenizer and settings: " +
            "a folder that every command takes with --device, and other programs read too.", terminal)
    {
        Add(_model);
        AddGroup("What to export", _random, _noWordTimes);
        AddGroup("How", _output, _precision, _target);
        AddGroup("Check", _gate, _mostIncrease);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot export openai/whisper-base -o whisper-base-onnx", "Graphs for ONNX Runtime, in float32."),
        new(
            "earshot export ./whisper-small -o small-int8 --precision int8 --gate calls/manifest.json",
            "A smaller one, kept only if it hears as well."),
        new("earshot export --random tiny -o tiny-onnx --target portable", "The graphs of a shape, without a model."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (model, random) = (parsed.GetValue(_model), parsed.GetValue(_random));
        if (model is null == random is null)
        {
            throw new UsageException(
                model is null ? "give a model's folder or name, or --random SHAPE." : "give either a model or --random, not both.");
        }
        var folder = parsed.GetValue(_output)!;
        var options = new ExportOptions { Graph = GraphOf(parsed), WordTimes = !parsed.GetValue(_noWordTimes) };
        var gate = GateOf(parsed, random);
        var source = model is null ? null : await ModelFolders.GetAsync(model, Terminal, cancellationToken).ConfigureAwait(false);
        if (gate is not null && source is not null && SameFolder(source, folder))
            throw new UsageException("--gate needs a folder of its own to export to, since a refused export is deleted.");

        await Task.Run(() => Export(source, random, folder, options, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (gate is not null && !await PassesAsync(gate, source!, folder, cancellationToken).ConfigureAwait(false))
            return ExitCode.SomeFailed;
        WriteFiles(folder);
        if (gate is null && random is null && options.Graph.Precision != GraphPrecision.Float32)
            Terminal.Say(
                "It was not checked whether the model still hears as well; " +
                "--gate MANIFEST compares word error rates on recordings of yours.");
        return ExitCode.Ok;
    }

    GraphOptions GraphOf(ParseResult parsed)
    {
        var options = new GraphOptions
        {
            Precision = s_precisions[parsed.GetValue(_precision) ?? "float32"],
            Target = parsed.GetValue(_target) == "portable" ? GraphTarget.Portable : GraphTarget.OnnxRuntime,
        };
        if (options is { Target: GraphTarget.Portable, Precision: GraphPrecision.Int8Blocks or GraphPrecision.Int4Blocks })
            throw new UsageException(
                $"--precision {parsed.GetValue(_precision)} needs operators of ONNX Runtime's, " +
                "which --target portable excludes; take int8.");
        return options;
    }

    /// <summary>The check asked for, with its clips read and ONNX Runtime there, so that nothing is exported in vain.</summary>
    ExportCheck? GateOf(ParseResult parsed, string? random)
    {
        var manifest = parsed.GetValue(_gate);
        if (manifest is null)
            return parsed.GetValue(_mostIncrease) is null ? null : throw new UsageException("--max-wer-increase needs --gate MANIFEST.");
        if (random is not null) throw new UsageException("random weights hear nothing; --gate needs a model.");
        _ = OnnxEnvironment.Current;
        return new ExportCheck(ExportGate.ReadManifest(manifest), (parsed.GetValue(_mostIncrease) ?? 0.3) / 100);
    }

    void Export(string? source, string? random, string folder, ExportOptions options, CancellationToken cancellationToken)
    {
        using var status = new StatusLine(Terminal);
        var progress = OnnxLoading.Progress(status, Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)));
        if (source is null)
        {
            var model = ModelFamilies.Named(random!);
            var tensors = model.Prepare(RandomTensors.For(model.Parts, model.PrepareWeights));
            OnnxExporter.Export(
                new ExportSource(model.Parts, tensors, model.Info.Type) { Name = model.Info.Name, Files = model.Files }, folder, options,
                progress, cancellationToken);
            return;
        }
        var (checkpoint, weights) = OnnxLoading.SourceOf(source);
        using (weights) OnnxExporter.Export(checkpoint, folder, options, progress, cancellationToken);
    }

    /// <summary>Whether the export passes its check; one that does not, or whose check fails, is deleted.</summary>
    async Task<bool> PassesAsync(ExportCheck gate, string source, string folder, CancellationToken cancellationToken)
    {
        bool passed = false;
        try
        {
            using var status = new StatusLine(Terminal);
            var result = await gate.RunAsync(source, folder, status, cancellationToken).ConfigureAwait(false);
            passed = true;
            status.Above(() => Terminal.Say($"Checked on {gate.Clips.Count} clips: {result}."));
        }
        catch (ModelException e)
        {
            Terminal.Fail(e.Message, e);
        }
        finally
        {
            if (!passed) Directory.Delete(folder, recursive: true);
        }
        return passed;
    }

    void WriteFiles(string folder)
    {
        var files = new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).ToList();
        foreach (var file in files) Terminal.Out.WriteLine($"{Units.Bytes(file.Length),8}  {Path.Combine(folder, file.Name)}");
        Terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Units.Bytes(files.Sum(file => file.Length)),8}  in all"));
    }

    static bool SameFolder(string one, string other) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(one)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other));
}
