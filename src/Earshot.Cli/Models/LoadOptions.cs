using Earshot.Compute.Cpu;
using Earshot.Onnx.Native;
using Earshot.Onnx.Recording;
using Earshot.Transcription;

namespace Earshot.Cli.Models;

/// <summary>How a command's model is loaded: our own kernels, or ONNX Runtime where <see cref="Onnx"/> is there.</summary>
internal sealed record LoadOptions
{
    public TranscriberOptions Cpu { get; init; } = new();

    /// <summary>The device wished for in ONNX Runtime; null for our own.</summary>
    public OnnxDevice? Onnx { get; init; }

    /// <summary>The precision asked for by name; null leaves it to the device.</summary>
    public GraphPrecision? Precision { get; init; }

    /// <summary>What a checkpoint is exported in where it is not exported yet.</summary>
    public GraphPrecision ExportPrecision =>
        Precision ?? (Onnx is { ComputesInFloat16: true } ? GraphPrecision.Float16 : GraphPrecision.Float32);

    /// <summary>Why ONNX Runtime cannot do what other options ask for; null where it can.</summary>
    public string? WhyNotOnnx => this switch
    {
        { Cpu.InstructionSet: not null } => "--isa is for Earshot's own kernels; ONNX Runtime chooses its instructions itself.",
        { Cpu.Draft: not null } => "--draft is for Earshot's own kernels; leave it out, or take --device cpu.",
        { Cpu.WeightsFor: not null } or { Cpu.WeightPriority: not WeightPriority.AsSaved } =>
            "--weights with exceptions, or fast, is for Earshot's own kernels; with ONNX Runtime there are f32, int8 and int4.",
        { Cpu.Weights: { } format, Precision: null } =>
            $"{format} weights are for Earshot's own kernels; with ONNX Runtime there are --precision f32, " +
            "--quantize int8 and --quantize int4.",
        _ => null,
    };
}

/// <summary>An ordered wish for ONNX Runtime's providers, as text with its own names; checked when it was parsed.</summary>
internal sealed record OnnxDevice(string Wish)
{
    /// <summary>The processor in ONNX Runtime, as the command line calls it: <c>cpu</c> alone is our own.</summary>
    public const string CpuName = "onnx-cpu";

    public static OnnxDevice Cpu { get; } = new("cpu");

    public ProviderPreference Providers => ProviderPreference.Parse(Wish);

    /// <summary>Whether the device wished for most is faster in float16.</summary>
    public bool ComputesInFloat16 => Providers[0] is CudaProvider or TensorRtProvider;

    /// <summary>Reads <c>--device</c>; null where it is our own device.</summary>
    /// <exception cref="OnnxRuntimeException">A name or a setting is not known.</exception>
    public static OnnxDevice? Parse(string text)
    {
        if (text.Trim().Equals("cpu", StringComparison.OrdinalIgnoreCase)) return null;
        var device = new OnnxDevice(string.Join(',', text.Split(',').Select(part => Renamed(part.Trim()))));
        _ = device.Providers;
        return device;
    }

    static string Renamed(string part)
    {
        var words = part.Split(' ', 2);
        return words[0].Equals(CpuName, StringComparison.OrdinalIgnoreCase) ? string.Join(' ', ["cpu", .. words[1..]]) : part;
    }
}
