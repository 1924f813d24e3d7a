using Earshot.Onnx.Runtime;

namespace Earshot.Onnx.Runner;

/// <summary>How an exported Whisper is run.</summary>
public sealed record OnnxWhisperOptions
{
    /// <summary>What to run on, best first.</summary>
    public ExecutionProviders Providers { get; init; } = ExecutionProviders.Cpu;

    /// <summary>Threads that share one operator's work; null: one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>Windows encoded at once; more wait. Each takes the memory of the encoder's activations.</summary>
    public int EncodersAtOnce { get; init; } = 1;

    /// <summary>The runtime's session configuration entries.</summary>
    public IReadOnlyDictionary<string, string> Entries { get; init; } = new Dictionary<string, string>();
}
