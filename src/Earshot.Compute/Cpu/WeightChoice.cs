using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>How many rows meet a weight matrix at a time, which decides whether arithmetic or reading it is waited for.</summary>
public enum WeightUse
{
    /// <summary>A few rows a step, as tokens that are decoded: the matrix is read from memory for each step.</summary>
    FewRows,

    /// <summary>Hundreds of rows a call, as frames that are encoded.</summary>
    ManyRows,
}

/// <summary>What decides where nobody names a format.</summary>
public enum WeightPriority
{
    /// <summary>
    /// A quantised matrix is computed in the format that it is saved in; all others in what is fastest here for a checkpoint.
    /// </summary>
    AsSaved,

    /// <summary>What is fastest here and no less exact than what is saved, for more memory.</summary>
    Speed,
}

/// <summary>
/// What each matrix is computed in, which need not be what it is saved in: the one place where what the user wishes, what is saved,
/// how the matrix is used and what the processor has come together.
/// </summary>
public sealed record WeightChoice
{
    /// <summary>The format wished for; null leaves it to what is saved and to the machine.</summary>
    public WeightFormat? Wished { get; init; }

    /// <summary>Exceptions by the parameter's name: a format, or null for none. They come before all else.</summary>
    public Func<string, WeightFormat?>? WishedFor { get; init; }

    /// <summary>The quantised format that a parameter is saved in, by its name; null where it is plain numbers.</summary>
    public Func<string, WeightFormat?>? SavedAs { get; init; }

    /// <summary>The format that most of a quantised checkpoint is saved in; null where all is plain numbers.</summary>
    public WeightFormat? Saved { get; init; }

    /// <summary>How a parameter is used, by its name; null: few rows a step.</summary>
    public Func<string, WeightUse>? UseOf { get; init; }

    public WeightPriority Priority { get; init; }

    /// <summary>What was measured to be fastest here; used where nobody names a format or a priority.</summary>
    public TunedFormats? Tuned { get; init; }

    /// <summary>A matrix' outputs and inputs, by the parameter's name; null where it is no matrix, or its shape is not known.</summary>
    public Func<string, (int Outputs, int Inputs)?>? ShapeOf { get; init; }

    /// <summary>The instructions to use at most; null for the best there are.</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>What parameters are computed in that no other rule names; attention goes by it too.</summary>
    public WeightFormat Default => Wished ?? CpuDevice.PreferredWeights(InstructionSet);

    /// <summary>
    /// How keys and values of a memory are held, and keys met within sequences; null for what <see cref="Default"/> asks for. Beside
    /// weights of eight bits and fewer, int8 with a scale for each position and head loses nothing that can be measured.
    /// </summary>
    public KeyValueFormat? KeyValues => Wished is null && Saved is { Bits: <= 8 } ? KeyValueFormat.Int8 : null;

    /// <summary>Whether somebody named a format, or a priority.</summary>
    internal bool IsGiven => Wished is not null || WishedFor is not null || Priority != WeightPriority.AsSaved;

    /// <summary>What a parameter is computed in.</summary>
    public WeightFormat Of(string name)
    {
        if (WishedFor?.Invoke(name) is { } exception) return exception;
        if (Wished is not null) return Default;
        var saved = SavedAs?.Invoke(name);
        var use = UseOf?.Invoke(name) ?? WeightUse.FewRows;
        if (Tuned is not null && ShapeOf?.Invoke(name) is var (outputs, inputs)
            && TunedFor(new MatrixKind(use, saved, outputs, inputs)) is { } tuned) return tuned;
        if (saved is null) return Default;
        return Priority == WeightPriority.Speed ? Fastest(saved, use) : saved;
    }

    /// <summary>What a kind of matrix was measured to be fastest in, where that counts.</summary>
    internal WeightFormat? TunedFor(MatrixKind kind) => IsGiven ? null : Tuned?.Find(kind);

    /// <summary>Options of a device that computes so.</summary>
    public CpuOptions Apply(CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            Weights = Default,
            WeightsFor = Of,
            InstructionSet = InstructionSet,
            KeyValues = options.KeyValues ?? KeyValues,
        };
    }

    // Steps wait for memory, which codes are the least of. Many rows wait for arithmetic, and without products of whole numbers the kernels
    // multiply float32, to which int8 is widened again for every block, and four bits too.
    WeightFormat Fastest(WeightFormat saved, WeightUse use)
    {
        if (use == WeightUse.FewRows) return saved;
        var kernels = KernelSet.For(InstructionSet);
        return saved.Bits == 8 && !kernels.Int8.SumsIntegers && kernels.SequenceInt8 is null ? WeightFormat.F32 : saved;
    }
}
