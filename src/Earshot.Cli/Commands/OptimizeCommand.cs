using System.CommandLine;
using System.Globalization;
using Earshot.Cli.Files;
using Earshot.Cli.Options;
using Earshot.Compute.Quantization;
using Earshot.Onnx.Graph;
using Earshot.Onnx.Native;
using Earshot.Onnx.Passes;

namespace Earshot.Cli.Commands;

/// <summary><c>earshot optimize</c>: any ONNX graph, smaller and faster.</summary>
internal sealed class OptimizeCommand : EarshotCommand
{
    // A model of more bytes is no single file, which comparing before writing would need.
    const long MostComparedBytes = 1_800_000_000;

    // By the size of the blocks, where there are any.
    static readonly Dictionary<string, Func<int, WeightFormat?>> s_weights = new()
    {
        ["keep"] = _ => null,
        ["dynamic-int8"] = _ => WeightFormat.Int8,
        ["block-int8"] = size => WeightFormat.Integers(8, size),
        ["block-int4"] = size => WeightFormat.Integers(4, size),
    };

    readonly Argument<string> _model =
        new("model") { HelpName = "MODEL.onnx", Description = "The graph; its external data is found beside it." };
    readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "The file to write.",
        HelpName = "OUT.onnx",
        Arity = ArgumentArity.ExactlyOne,
        Required = true,
    };
    readonly Option<bool> _overwrite = OptionKinds.Flag("--overwrite", "Replace the file where it is there already.");
    readonly Option<string?> _target = OptionKinds.Choice(
        "--target", "ONNX Runtime's own operators too, or those of ONNX alone (default onnxruntime).", "onnxruntime", "portable");
    readonly Option<string?> _weights = OptionKinds.Choice(
        "--weights", "How to store the weights of products (default keep).", [.. s_weights.Keys]);
    readonly Option<int?> _blockSize = OptionKinds.Whole(
        "--block-size", "Weights that share a scale, for the block formats: 16, 32, 64, 128 or 256 (default 32).", 16, 256);
    readonly Option<bool> _float16 = OptionKinds.Flag(
        "--float16", "Compute in float16 where that is safe; inputs and outputs stay as they are.");
    readonly Option<string[]> _dims = new("--dim")
    {
        Description = "The size of a symbolic dimension in the comparison (default 2); may be repeated.",
        HelpName = "NAME=SIZE",
        Arity = ArgumentArity.OneOrMore,
    };
    readonly Option<string[]> _inputs = new("--input")
    {
        Description = "An input of the comparison from a .npy file of float32 or int64 (default: random numbers, " +
            "and zeros where they are whole); may be repeated.",
        HelpName = "NAME=FILE.npy",
        Arity = ArgumentArity.OneOrMore,
    };

    public OptimizeCommand(Terminal terminal)
        : base(
            "optimize",
            "Rewrite an ONNX graph so that it is smaller and runs faster: constants folded, operators fused, weights quantised; " +
            "then compare its outputs with the original's in ONNX Runtime.", terminal)
    {
        Add(_model);
        AddGroup("Output", _output, _overwrite);
        AddGroup("How", _target, _weights, _blockSize, _float16);
        AddGroup("Comparison", _dims, _inputs);
    }

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("earshot optimize model.onnx -o smaller.onnx", "Fused for ONNX Runtime, with the same weights."),
        new(
            "earshot optimize model.onnx -o int8.onnx --weights block-int8 --dim batch=1 --dim frames=3000",
            "int8 weights, compared at that size."),
        new(
            "earshot optimize model.onnx -o any.onnx --target portable --input mel=mel.npy",
            "For any runtime, compared on an input of one's own."),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (source, target) = (parsed.GetValue(_model)!, parsed.GetValue(_output)!);
        if (!File.Exists(source)) throw new OnnxModelException($"The model '{source}' does not exist.");
        if (Path.GetFullPath(source) == Path.GetFullPath(target))
            throw new UsageException("the output is the model itself; give another file.");
        if (Path.Exists(target) && !parsed.GetValue(_overwrite))
            throw new UsageException($"'{target}' is there already; --overwrite replaces it.");
        var options = OptionsOf(parsed);
        var model = OnnxModel.Load(source);
        var comparison = ComparisonOf(parsed, model);
        var before = Size(model);
        IReadOnlyList<PassReport> reports;
        string compared;
        using (var status = new StatusLine(Terminal))
        {
            status.Show(_ => $"Optimizing {source}…");
            reports = await Task.Run(() => OptimizationPipeline.Run(model, options, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            status.Show(_ => "Comparing…");
            compared = await Task.Run(() => Compare(source, model, comparison, cancellationToken), cancellationToken).ConfigureAwait(false);
            await Task.Run(() => model.Save(target), cancellationToken).ConfigureAwait(false);
        }
        foreach (var report in reports.Where(report => report.Changes > 0 || Terminal.Verbose)) Terminal.Out.WriteLine(report);
        var after = Size(model);
        Terminal.Out.WriteLine(
            $"{target}: {Units.Count(before.Nodes)} → {Units.Count(after.Nodes)} nodes, " +
            $"{Units.Bytes(before.Bytes)} → {Units.Bytes(after.Bytes)} of constants");
        Terminal.Out.WriteLine(compared);
        return ExitCode.Ok;
    }

    OptimizationOptions OptionsOf(ParseResult parsed)
    {
        int size = parsed.GetValue(_blockSize) ?? 32;
        var options = new OptimizationOptions
        {
            Target = parsed.GetValue(_target) == "portable" ? OptimizationTarget.Portable : OptimizationTarget.OnnxRuntime,
            Weights = s_weights[parsed.GetValue(_weights) ?? "keep"](size),
            Float16 = parsed.GetValue(_float16),
        };
        bool inBlocks = options.Weights is { Group: > 0 };
        if (inBlocks && options.Target == OptimizationTarget.Portable)
        {
            throw new UsageException(
                $"--weights {parsed.GetValue(_weights)} needs operators of ONNX Runtime's, " +
                "which --target portable excludes; take dynamic-int8.");
        }
        if (!inBlocks && parsed.GetValue(_blockSize) is not null)
            throw new UsageException("--block-size is for --weights block-int8 and block-int4.");
        return size is 16 or 32 or 64 or 128 or 256
            ? options
            : throw new UsageException($"--block-size is {size}; expected 16, 32, 64, 128 or 256.");
    }

    /// <summary>What the comparison runs on; names are checked, since one that is misspelt would change nothing.</summary>
    ComparisonOptions ComparisonOf(ParseResult parsed, OnnxModel model)
    {
        var inputs = model.Graph.Inputs.Select(input => input.Name).ToHashSet();
        var symbols =
            model.Graph.Inputs.SelectMany(input => input.Shape ?? []).Select(dimension => dimension.Symbol).OfType<string>().ToHashSet();
        return new ComparisonOptions
        {
            Dimensions = Pairs(parsed, _dims, symbols).ToDictionary(
                pair => pair.Key,
                pair => long.TryParse(pair.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long size)
                    ? size
                    : throw new UsageException($"--dim is '{pair.Key}={pair.Value}'; expected a whole number after =.")),
            Inputs = Pairs(parsed, _inputs, inputs).ToDictionary(pair => pair.Key, pair => NpyFile.Read(pair.Value)),
        };
    }

    static Dictionary<string, string> Pairs(ParseResult parsed, Option<string[]> option, HashSet<string> known)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var text in parsed.GetValue(option) ?? [])
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1) throw new UsageException($"{option.Name} is '{text}'; expected {option.HelpName}.");
            if (!known.Contains(text[..equals]))
            {
                throw new UsageException(
                    $"{option.Name} names '{text[..equals]}'; the model has " +
                    $"{(known.Count == 0 ? "none" : string.Join(", ", known.Order(StringComparer.Ordinal)))}.");
            }
            if (!pairs.TryAdd(text[..equals], text[(equals + 1)..]))
                throw new UsageException($"{option.Name} names '{text[..equals]}' twice.");
        }
        return pairs;
    }

    /// <summary>Runs the original and the rewritten graph, which is not written yet: one that the runtime refuses is not kept.</summary>
    static string Compare(string source, OnnxModel rewritten, ComparisonOptions options, CancellationToken cancellationToken)
    {
        if (!OnnxEnvironment.IsAvailable(out var reason)) return $"The outputs were not compared. {reason.ReplaceLineEndings(" ")}";
        if (Size(rewritten).Bytes > MostComparedBytes)
            return $"The outputs were not compared: the model takes more than {Units.Bytes(MostComparedBytes)}.";
        // Without VNNI, products of int8 pairs overflow 16 bits unless the runtime is told to avoid them.
        var sessions = new OnnxSessionOptions
        {
            LogSeverity = OnnxLogSeverity.Error,
            Entries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" },
        };
        var differences = ModelComparison.Compare(
            () => OnnxSession.FromFile(source, sessions), () => OnnxSession.FromBytes(rewritten.ToBytes(), sessions), options,
            cancellationToken);
        if (differences.Count == 0) return "The model has no outputs to compare.";
        var worst = differences.MaxBy(difference => difference.Relative)!;
        if (worst.Absolute == 0)
        {
            return differences.Count == 1
                ? "The one output is equal to the original's."
                : $"All {differences.Count} outputs are equal to the original's.";
        }
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Largest difference of {differences.Count} {(differences.Count == 1 ? "output" : "outputs")}: " +
            $"{worst.Absolute:0.0e+0} in '{worst.Name}', {worst.Relative:0.0e+0} of its largest element");
    }

    static (int Nodes, long Bytes) Size(OnnxModel model)
    {
        var graphs = model.Graph.SelfAndSubgraphs().ToList();
        return (graphs.Sum(graph => graph.Nodes.Count), graphs.SelectMany(graph => graph.Initializers)
            .Sum(value => value.Initializer!.ByteLength));
    }
}
