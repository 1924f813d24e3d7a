using Earshot.Compute.Runtimes;
using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>How an exported model is run.</summary>
public sealed record OnnxModelOptions
{
    /// <summary>What to run on, best first.</summary>
    public ProviderPreference Providers { get; init; } = ProviderPreference.Cpu;

    /// <summary>Threads that share one operator's work; null: one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>Windows encoded at once; more wait. Each takes the memory of the encoder's activations.</summary>
    public int EncodersAtOnce { get; init; } = 1;

    /// <summary>Steps of different generations computed at once; more wait.</summary>
    public int StepsAtOnce { get; init; } = 1;

    /// <summary>How much is served at once.</summary>
    public RuntimeLimits Limits { get; init; } = new();

    /// <summary>The runtime's session configuration entries.</summary>
    public IReadOnlyDictionary<string, string> Entries { get; init; } = new Dictionary<string, string>();
}
