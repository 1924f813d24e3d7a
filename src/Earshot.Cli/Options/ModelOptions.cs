using System.CommandLine;
using Earshot.Checkpoints;
using Earshot.Cli.Commands;
using Earshot.Cli.Models;
using Earshot.Compute.Cpu;
using Earshot.Onnx.Recording;
using Earshot.Onnx.Runtime;
using Earshot.Transcription;

namespace Earshot.Cli.Options;

/// <summary>Which model runs, where, and how: options of every command that computes.</summary>
internal sealed class ModelOptions
{
    const string Variable = "EARSHOT_MODEL";

    readonly Option<string?> _model = new("--model", "-m")
    {
        Description = $"base, the model in the box; a folder; or a name on the hub, short as tiny, small, medium, turbo or whole as openai/whisper-base, downloaded when first used (default: {Variable}, else {ModelNames.Default}).",
        HelpName = "MODEL",
        Arity = ArgumentArity.ExactlyOne,
    };

    readonly Option<string?> _device = OptionKinds.Text("--device", "DEVICE,...", "Where to compute: cpu is Earshot itself (default); onnx-cpu, cuda, tensorrt and others are ONNX Runtime's, best first, as in 'tensorrt,cuda,onnx-cpu' or 'cuda device=1'. A checkpoint is exported for it once.");
    readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads that compute (default: one a core).", 1, 1024);
    readonly Option<string?> _precision = OptionKinds.Choice("--precision", "Numbers to compute with; auto takes what suits the machine (default auto).", "auto", "f32", "bf16");
    readonly Option<string?> _quantize = OptionKinds.Choice("--quantize", "Round the weights as the model is loaded: less memory, faster steps, a little less exact.", "int8", "int4", "nf4");
    readonly Option<string?> _isa = OptionKinds.Choice("--isa", "The most to use of the processor's instructions (default: all it has, or EARSHOT_ISA).", [.. InstructionSets.Names.Keys]);

    public OptionGroup Group => new("Model", [_model, _device, _threads, _precision, _quantize, _isa]);

    public string NameOf(ParseResult parsed) => First(parsed.GetValue(_model), Environment.GetEnvironmentVariable(Variable), ModelNames.Default);

    /// <exception cref="UsageException">Options that exclude each other.</exception>
    public LoadOptions Of(ParseResult parsed)
    {
        var options = new LoadOptions { Cpu = ForCpu(parsed), Onnx = DeviceOf(parsed), Precision = PrecisionOf(parsed) };
        return options is { Onnx: not null, WhyNotOnnx: { } reason } ? throw new UsageException(reason) : options;
    }

    TranscriberOptions ForCpu(ParseResult parsed) => new()
    {
        Threads = parsed.GetValue(_threads),
        Weights = WeightsOf(parsed),
        InstructionSet = parsed.GetValue(_isa) is { } isa ? InstructionSets.Names[isa] : null,
    };

    /// <summary>The format of the weights; null leaves it to the machine.</summary>
    WeightFormat? WeightsOf(ParseResult parsed)
    {
        var precision = parsed.GetValue(_precision);
        var quantize = parsed.GetValue(_quantize);
        if (quantize is not null && precision is ("f32" or "bf16"))
            throw new UsageException($"--quantize {quantize} and --precision {precision} exclude each other; quantised weights choose their own precision.");
        return (quantize, precision) switch
        {
            ("int8", _) => WeightFormat.Int8,
            ("int4", _) => WeightFormat.Int4Group32,
            ("nf4", _) => WeightFormat.Nf4,
            (_, "f32") => WeightFormat.F32,
            (_, "bf16") => WeightFormat.BF16,
            _ => null,
        };
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

    GraphPrecision? PrecisionOf(ParseResult parsed) => (parsed.GetValue(_quantize), parsed.GetValue(_precision)) switch
    {
        ("int8", _) => GraphPrecision.Int8,
        ("int4", _) => GraphPrecision.Int4Blocks,
        (null, "f32") => GraphPrecision.Float32,
        _ => null,
    };

    static string First(params ReadOnlySpan<string?> names)
    {
        foreach (var name in names)
        {
            if (!string.IsNullOrWhiteSpace(name)) return name;
        }
        return ModelNames.Default;
    }
}
