using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;

namespace Earshot.Transcription;

/// <summary>How a model is loaded. Every value has a default that suits the machine.</summary>
public sealed record TranscriberOptions
{
    /// <summary>Threads that compute together; null for one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>The format of matrix weights; null for the checkpoint's own where it is quantised, else bfloat16 where the processor multiplies it directly, else float32.</summary>
    public WeightFormat? Weights { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for <see cref="Weights"/>.</summary>
    public Func<string, WeightFormat?>? WeightsFor { get; init; }

    /// <summary>The instructions to use at most; null for the best there are.</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>A smaller model, by folder or hub name, that guesses tokens ahead in greedy decoding; the tokens stay the same.</summary>
    public string? Draft { get; init; }

    /// <summary>How much is transcribed at once.</summary>
    public RuntimeLimits Limits { get; init; } = new();

    /// <summary>Where models come from and are kept; null for what the environment says.</summary>
    public HubOptions? Hub { get; init; }

    /// <summary>The file with Silero's weights for voice activity detection; null to find or download it.</summary>
    public string? SpeechDetectorFile { get; init; }

    // A quantised checkpoint keeps its format, and what it left alone stays as precise as any other checkpoint.
    internal CpuOptions ForCpu(QuantizedTensors? saved)
    {
        var preferred = CpuDevice.PreferredWeights(InstructionSet);
        var plain = new CpuOptions { Threads = Threads, Weights = Weights ?? preferred, WeightsFor = WeightsFor, InstructionSet = InstructionSet };
        if (Weights is not null || saved is null) return plain;
        return plain with { WeightsFor = name => WeightsFor?.Invoke(name) ?? saved.FormatOf(name) };
    }
}
