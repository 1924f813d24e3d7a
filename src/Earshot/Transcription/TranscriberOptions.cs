using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;

namespace Earshot.Transcription;

/// <summary>How a model is loaded. Every value has a default that suits the machine.</summary>
public sealed record TranscriberOptions
{
    /// <summary>Threads that compute together; null for one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>
    /// The format of matrix weights; null for the checkpoint's own where it is quantised, else bfloat16 where the processor multiplies it
    /// directly, else float32.
    /// </summary>
    public WeightFormat? Weights { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for what <see cref="Weights"/> says.</summary>
    public Func<string, WeightFormat?>? WeightsFor { get; init; }

    /// <summary>
    /// What decides where <see cref="Weights"/> is null: as a checkpoint is saved, or what is fastest here and no less exact.
    /// </summary>
    public WeightPriority WeightPriority { get; init; }

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
    internal CpuOptions ForCpu(Func<string, WeightFormat?>? saved) => new WeightChoice
    {
        Wished = Weights,
        WishedFor = WeightsFor,
        SavedAs = saved,
        UseOf = MatrixUse.Of,
        Priority = WeightPriority,
        InstructionSet = InstructionSet,
    }.Apply(new CpuOptions { Threads = Threads });
}
