using System.CommandLine;
using System.Globalization;
using Earshot.Checkpoints;
using Earshot.Cli.Models;
using Earshot.Cli.Options;
using Earshot.Compute.Quantization;
using Earshot.Models;
using Earshot.Onnx.Export;
using Earshot.Transcription;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot quantize</c>: a smaller copy of a model.</summary>
internal sealed class QuantizeCommand : EarshotCommand
{
    readonly Argument<string> _model = new("model") { HelpName = "MODEL", Description = "A model's folder, or its name on the hub." };
    readonly Option<string?> _to = OptionKinds.Choice(
        "--to", "int8 (one scale a row), int4 (groups of 32), int4-g128, or nf4 (default int8).",
        [.. WeightScheme.Formats.Where(format => !format.KeepsOutliers).Select(format => format.Name)]);
    readonly Option<double?> _outliers = OptionKinds.Number(
        "--outliers",
        "With int8: keep the input columns of a matrix that stand out as they are, those whose weights' root mean square is more than X " +
        "times the median column's; 6 is a good measure (default: none are kept).", 1.01);
    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The folder to make; it must not exist.",
        HelpName = "DIR",
        Arity = ArgumentArity.ExactlyOne,
        Required = true,
    };
    readonly Option<string[]> _keep =
        new("--keep") { Description = "Leave matrices whose name contains this text as they are; may be repeated.", HelpName = "TEXT" };

    readonly Option<string?> _manifest = OptionKinds.Text(
        "--manifest", "MANIFEST",
        "Transcribe these recordings with both models and print the word error rates: a JSON array with file and reference.");

    public QuantizeCommand(Terminal terminal)
        : base(
            "quantize",
            "Write a model with smaller weights: a folder in the same form, which every command takes in place of the original.", terminal)
    {
        Add(_model);
        AddGroup("How", _to, _outliers, _output, _keep);
        AddGroup("Check", _manifest);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot quantize openai/whisper-base --to int8 -o whisper-base-int8", "About half of float16's size, nearly the same words."),
        new("earshot quantize openai/whisper-base -o base-int8 --manifest clips/manifest.json", "And how many more words it gets wrong."),
        new("earshot quantize ./whisper-small --to int8 --outliers 6 -o small-int8", "Columns that would coarsen all others stay float16."),
        new("earshot quantize ./whisper-small --to int4 --keep encoder -o small-int4", "Four bits in the decoder, the encoder as it is."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var format = FormatOf(parsed);
        var source = await ModelFolders.GetAsync(parsed.GetValue(_model)!, Terminal, cancellationToken).ConfigureAwait(false);
        var target = parsed.GetValue(_output)!;
        // Read first: a wrong manifest should not cost a model's writing.
        var clips = parsed.GetValue(_manifest) is { } manifest ? ExportGate.ReadManifest(manifest) : null;
        var keep = parsed.GetValue(_keep) ?? [];
        var options = new QuantizationOptions
        {
            Format = format,
            OutlierThreshold = parsed.GetValue(_outliers) ?? OutlierColumns.DefaultThreshold,
            Keep = keep.Length == 0 ? null : name => keep.Any(text => name.Contains(text, StringComparison.OrdinalIgnoreCase)),
        };
        QuantizationResult result;
        using (var status = new StatusLine(Terminal))
        {
            result = await Task.Run(
                () => CheckpointQuantizer.Run(source, target, options, new PercentStatus(status, "Quantizing"), cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        Terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{target}: {Units.Bytes(result.BytesBefore)} → {Units.Bytes(result.BytesAfter)} " +
            $"({100.0 * result.BytesAfter / result.BytesBefore:0} %), {result.Quantized} matrices as {options.Format}, " +
            $"{result.Kept} tensors kept"));
        if (options.Format.KeepsOutliers)
        {
            Terminal.Out.WriteLine(
                $"{result.KeptColumns} columns of {result.MatricesWithKeptColumns} matrices stand out and are kept as they are.");
        }
        if (result.From is { } from)
        {
            Terminal.Out.WriteLine(
                $"The source was {from} already, so the result has the rounding of both; from the original checkpoint it would have one.");
        }
        if (clips is not null)
        {
            Terminal.Out.WriteLine(
                $"{await CompareAsync(source, target, clips, cancellationToken).ConfigureAwait(false)} on {clips.Count} clips");
        }
        return ExitCode.Ok;
    }

    /// <exception cref="UsageException">Columns are to be kept beside other codes than int8.</exception>
    WeightFormat FormatOf(ParseResult parsed)
    {
        var format = WeightFormat.Parse(parsed.GetValue(_to) ?? "int8");
        if (parsed.GetValue(_outliers) is null) return format;
        return format == WeightFormat.Int8
            ? WeightFormat.Int8Outliers
            : throw new UsageException($"--outliers keeps columns beside int8; --to is {format}. Leave one of them out.");
    }

    // Any difference is told; none is refused.
    async Task<GateResult> CompareAsync(string source, string target, IReadOnlyList<GateClip> clips, CancellationToken cancellationToken)
    {
        using var status = new StatusLine(Terminal);
        using var before = await Transcriber.LoadAsync(source, cancellationToken: cancellationToken).ConfigureAwait(false);
        using var after = await Transcriber.LoadAsync(target, cancellationToken: cancellationToken).ConfigureAwait(false);
        return await new ExportCheck(clips, double.PositiveInfinity)
            .CompareAsync(before, after, status, cancellationToken)
            .ConfigureAwait(false);
    }
}
