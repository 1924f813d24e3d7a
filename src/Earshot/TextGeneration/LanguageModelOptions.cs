using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;
using Earshot.Compute.Quantization;
using Earshot.Compute.Runtimes;

namespace Earshot.TextGeneration;

/// <summary>How a language model is loaded. Every value has a default that suits the machine.</summary>
public sealed record LanguageModelOptions
{
    /// <summary>Threads that compute together; null for one a core.</summary>
    public int? Threads { get; init; }

    /// <summary>
    /// The format of matrix weights; null for the checkpoint's own where it is quantised (int8 for a GGUF file's blocks), else bfloat16
    /// where the processor multiplies it directly, else float32.
    /// </summary>
    public WeightFormat? Weights { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for what <see cref="Weights"/> says.</summary>
    public Func<string, WeightFormat?>? WeightsFor { get; init; }

    /// <summary>The instructions to use at most; null for the best there are.</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>How much is generated at once.</summary>
    public RuntimeLimits Limits { get; init; } = new();

    /// <summary>
    /// The format of chats by its name, one of <see cref="Chat.ChatFormat.Names"/>; null for that of the model's own template.
    /// </summary>
    public string? ChatFormat { get; init; }

    /// <summary>Adapters to load it with: merged into its weights, or kept apart and named by generations.</summary>
    public IReadOnlyList<AdapterOptions> Adapters { get; init; } = [];

    /// <summary>
    /// A smaller model with the same vocabulary that guesses tokens for the large one to check together, which changes the time and not the
    /// text: a folder, a GGUF file or a name on the hub; null for none.
    /// </summary>
    public string? Draft { get; init; }

    /// <summary>Where models come from and are kept; null for what the environment says.</summary>
    public HubOptions? Hub { get; init; }

    internal WeightChoice Choice(ITensorStore weights) => MatrixUse.ChoiceOf(weights) with
    {
        Wished = Weights,
        WishedFor = WeightsFor,
        InstructionSet = InstructionSet,
    };
}
