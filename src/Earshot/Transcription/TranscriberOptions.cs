using Earshot.Checkpoints;
using Earshot.Compute;
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

    /// <summary>
    /// What was measured to be fastest on this machine (<see cref="FormatTuner"/>), used where neither <see cref="Weights"/> nor an
    /// exception nor a priority is given; null for the table by instruction set.
    /// </summary>
    public TunedFormats? Tuned { get; init; }

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

    /// <summary>What a model's matrices would be computed with; nothing is loaded.</summary>
    public ComputeSettings SettingsFor(ITensorStore weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return ComputeSettings.Of(Choice(weights), Threads, ModelMatrices(weights));
    }

    /// <summary>The matrices of a model's weights: how each is used, what it is saved in, and its shape.</summary>
    public static IReadOnlyList<ModelMatrix> ModelMatrices(ITensorStore weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return MatrixUse.All(weights, MatrixUse.SavedAs(weights));
    }

    /// <param name="weights">The model's, whose formats count where no other is wished for; null where they are not known.</param>
    internal CpuOptions ForCpu(ITensorStore? weights) => Choice(weights).Apply(new CpuOptions { Threads = Threads });

    // A quantised checkpoint keeps its format, and what it left alone stays as precise as any other checkpoint.
    WeightChoice Choice(ITensorStore? weights) => MatrixUse.ChoiceOf(weights) with
    {
        Wished = Weights,
        WishedFor = WeightsFor,
        Tuned = Tuned,
        Priority = WeightPriority,
        InstructionSet = InstructionSet,
    };
}
