using System.CommandLine;
using Earshot.Checkpoints;
using Earshot.Cli.Commands;
using Earshot.Cli.Models;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>Which model runs, where, and how: options of every command that computes.</summary>
internal sealed class ModelOptions
{
    const string Variable = "EARSHOT_MODEL";

    readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "base, the model in the box; a folder; or a name on the hub, short as tiny, small, medium, " +
            $"turbo or whole as openai/whisper-base, downloaded when first used (default: {Variable}, else {ModelNames.Default}).",
        HelpName = "MODEL",
        Arity = ArgumentArity.ExactlyOne,
    };

    readonly Option<string?> _device = OptionKinds.Text(
        "--device", "DEVICE,...",
        "Where to compute: cpu is Earshot itself (default); onnx-cpu, cuda, tensorrt and others are ONNX Runtime's, best first, " +
        "as in 'tensorrt,cuda,onnx-cpu' or 'cuda device=1'. A checkpoint is exported for it once.");
    readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads that compute (default: one a core).", 1, 1024);
    readonly Option<string?> _precision = OptionKinds.Choice(
        "--precision", "Numbers to compute with; auto takes what suits the machine (default auto).", "auto", "f32", "bf16");
    readonly Option<string?> _quantize = OptionKinds.Choice(
        "--quantize", "Round the weights as the model is loaded: less memory, faster steps, a little less exact.", "int8", "int4", "nf4");
    readonly Option<string?> _weights = OptionKinds.Text("--weights", "FORMAT[,TEXT=FORMAT]...",
        "What to compute weights in, whatever they are saved in: saved (default), fast (no less exact than saved, for memory), " +
        $"{WeightFormat.NamesOf(CpuDevice.Formats)}; then exceptions by a part of the matrix's name, as in 'int8,fc2=bf16'.");

    readonly Option<string?> _isa = OptionKinds.Choice(
        "--isa", "The most to use of the processor's instructions (default: all it has, or EARSHOT_ISA).", [.. InstructionSets.Names.Keys]);

    readonly Option<bool> _noTune = OptionKinds.Flag(
        "--no-tune", "Choose formats by the table of instruction sets, whatever 'earshot bench --tune' measured on this machine.");

    public OptionGroup Group => new("Model", [_model, _device, _threads, _precision, _quantize, _weights, _isa, _noTune]);

    public string NameOf(ParseResult parsed) =>
        First(parsed.GetValue(_model), Environment.GetEnvironmentVariable(Variable), ModelNames.Default);

    /// <summary>Whether the command line names a model.</summary>
    public bool IsNamed(ParseResult parsed) => parsed.GetResult(_model) is not null;

    /// <exception cref="UsageException">Options that exclude each other.</exception>
    public LoadOptions Of(ParseResult parsed)
    {
        var options = new LoadOptions { Cpu = ForCpu(parsed), Onnx = DeviceOf(parsed), Precision = PrecisionOf(parsed) };
        if (options.Onnx is null && !parsed.GetValue(_noTune)) options = options with { Cpu = TuningCache.Apply(options.Cpu) };
        return options is { Onnx: not null, WhyNotOnnx: { } reason } ? throw new UsageException(reason) : options;
    }

    TranscriberOptions ForCpu(ParseResult parsed)
    {
        var wish = WishOf(parsed);
        return new TranscriberOptions
        {
            Threads = parsed.GetValue(_threads),
            Weights = wish.Format,
            WeightsFor = wish.Exceptions.Count == 0 ? null : wish.For,
            WeightPriority = wish.Priority,
            InstructionSet = parsed.GetValue(_isa) is { } isa ? InstructionSets.Names[isa] : null,
        };
    }

    /// <summary>What weights are computed in, of the three options that say so.</summary>
    WeightWish WishOf(ParseResult parsed)
    {
        var precision = parsed.GetValue(_precision);
        var quantize = parsed.GetValue(_quantize);
        bool precise = precision is not (null or "auto");
        if (quantize is not null && precise)
            throw new UsageException(
                $"--quantize {quantize} and --precision {precision} exclude each other; quantised weights choose their own precision.");
        if (parsed.GetValue(_weights) is not { } text) return WeightWish.Parse(quantize ?? (precise ? precision! : "saved"));
        if (quantize is not null || precise)
            throw new UsageException(
                $"--weights {text} and {(precise ? $"--precision {precision}" : $"--quantize {quantize}")} exclude each other; " +
                "--weights alone says both.");
        try
        {
            return WeightWish.Parse(text);
        }
        catch (FormatException e)
        {
            throw new UsageException($"--weights: {e.Message}");
        }
    }

    OnnxDevice? DeviceOf(ParseResult parsed)
    {
        try
        {
            return parsed.GetValue(_device) is { } text ? OnnxDevice.Parse(text) : null;
        }
        catch (OnnxRuntimeException e)
        {
            throw new UsageException($"--device: {e.Message}");
        }
    }

    // The same wish, where graphs have such weights and all of them are to have it.
    GraphPrecision? PrecisionOf(ParseResult parsed) =>
        WishOf(parsed) is { Format: { } format, Exceptions.Count: 0 } ? GraphPrecisions.Of(format) : null;

    static string First(params ReadOnlySpan<string?> names)
    {
        foreach (var name in names)
        {
            if (!string.IsNullOrWhiteSpace(name)) return name;
        }
        return ModelNames.Default;
    }
}
