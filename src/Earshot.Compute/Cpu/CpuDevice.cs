using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;
using Earshot.Compute.Quantization.Blocks;

namespace Earshot.Compute.Cpu;

/// <summary>
/// The processor: its threads, the instructions chosen at start, and the weights packed for them. One serves any number of
/// <see cref="CpuBackend"/>s, on as many threads.
/// </summary>
public sealed class CpuDevice : IDisposable
{
    /// <summary>
    /// Rows of a product up to which it is computed as a decoding step where nothing else is said
    /// (<see cref="RowPrecision.ByRows"/>); more may be computed with less precision.
    /// </summary>
    public const int MaxExactRows = 512;

    // Interned names of the forms that parameters are kept in.
    internal const string LinearUse = "linear";
    internal const string ConvolutionUse = "convolution";
    internal const string VectorUse = "vector";
    internal const string TransposedUse = "transposed convolution";
    internal const string GroupsUse = "groups";
    internal const string DepthwiseUse = "depthwise";

    // Kept, since a lambda over this would be garbage at every call.
    readonly Func<Parameter, PackedMatrix> _packLinear;
    readonly Func<Parameter, PackedMatrix> _packConvolution;

    public CpuDevice(CpuOptions? options = null)
    {
        Options = options ?? new CpuOptions();
        if (!Formats.Contains(Options.Weights))
            throw new ArgumentException(
                $"The processor does not compute with weights in {Options.Weights}; choose {WeightFormat.NamesOf(Formats)}.",
                nameof(options));
        Workers = new WorkerPool(Options.Threads ?? ProcessorCores.Count, KernelSet.For(Options.InstructionSet), Options.Caches);
        _packLinear = PackLinear;
        _packConvolution = PackConvolution;
    }

    /// <summary>What weights can be held and computed with here.</summary>
    public static IReadOnlyList<WeightFormat> Formats { get; } =
    [
        WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int8Outliers, WeightFormat.Int4Group32,
        WeightFormat.Int4Group128, WeightFormat.Nf4,
    ];

    /// <summary>
    /// ggml's block types that are computed with as they are stored, where a file has them; each is a <see cref="WeightFormat.Of"/>.
    /// </summary>
    public static IReadOnlyList<BlockFormat> BlockFormats => BlockKernel.Formats;

    public CpuOptions Options { get; }

    /// <summary>The instructions that kernels use here.</summary>
    public InstructionSet InstructionSet => Workers.Kernels.Isa.Set;

    /// <summary>Threads that compute together, the caller's among them.</summary>
    public int Threads => Workers.Threads;

    internal WorkerPool Workers { get; }

    /// <summary>What computes here, and when.</summary>
    internal Runtimes.DeviceScheduler Scheduler { get; } = new();

    /// <summary>
    /// The format that is fastest here at the accuracy of the checkpoint: bfloat16 where the processor has instructions for it, else
    /// float32.
    /// </summary>
    public static WeightFormat PreferredWeights(InstructionSet? instructionSet = null) => Isa.Select(instructionSet) switch
    {
        { Set: InstructionSet.Amx } or { IsNeon: true, HasBf16: true } => WeightFormat.BF16,
        { Set: InstructionSet.Avx512 } when ProcessorFeatures.OfThisMachine.HasAvx512Bf16 => WeightFormat.BF16,
        _ => WeightFormat.F32,
    };

    /// <summary>What attention within sequences computes with: bfloat16 where weights are no longer float32 and it is faster.</summary>
    internal MicroKernel AttentionKernel =>
        Options.Weights != WeightFormat.F32 && Workers.Kernels.BF16.RowType == PanelType.BF16 ? Workers.Kernels.BF16 : Workers.Kernels.F32;

    /// <summary>
    /// What multiplies keys within sequences that are seen as a whole: whole numbers where keys may be as rough as int8, in as many bits as
    /// are multiplied fast. In tiles it gains nothing beside packing.
    /// </summary>
    internal MicroKernel? KeyKernel =>
        Keys != KeyValueFormat.Int8 ? null
        : Workers.Kernels.Int8 is { RowType: PanelType.Int8, Tiles: null } kernel ? kernel
        : Workers.Kernels.SequenceInt8?.Widened;

    /// <summary>What keys within sequences are multiplied as.</summary>
    public KeyValueFormat Keys => Options.Keys ?? KeyValues;

    /// <summary>How keys and values are kept: decoding many streams at once reads little else.</summary>
    public KeyValueFormat KeyValues => Options.KeyValues ?? KeyValuesBeside(Options.Weights);

    /// <summary>Keys and values that are as exact as weights.</summary>
    internal static KeyValueFormat KeyValuesBeside(WeightFormat weights) => weights.Bits switch
    {
        32 => KeyValueFormat.F32,
        16 => KeyValueFormat.BF16,
        _ => KeyValueFormat.Int8,
    };

    /// <summary>How keys and values of a decoder's own past are kept.</summary>
    public KeyValueFormat Past => Options.Past ?? (KeyValues == KeyValueFormat.F32 ? KeyValueFormat.F32 : KeyValueFormat.BF16);

    /// <summary>What keys and values of a memory are packed for.</summary>
    internal MicroKernel MemoryKernel => KeyValues switch
    {
        KeyValueFormat.F32 => Workers.Kernels.F32,
        KeyValueFormat.BF16 => Workers.Kernels.BF16,
        _ => Workers.Kernels.Int8,
    };

    /// <summary>
    /// Computes something in its turn: no two calls compute at once, and between the layers of this one decoding steps of others pass. The
    /// work runs on a thread of the device's own.
    /// </summary>
    /// <param name="backend">What the work computes on, a backend of this device.</param>
    /// <param name="work">What to do; no other thread uses the backend meanwhile.</param>
    public Task RunAsync(CpuBackend backend, Action work, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(work);
        var job = new Runtimes.BackendJob(backend, work, cancellationToken);
        Scheduler.Enqueue(job);
        return job.Done;
    }

    /// <summary>A weight of a linear layer, packed on the first call.</summary>
    /// <exception cref="CheckpointException">It lies in a file that was changed since it was opened.</exception>
    internal PackedMatrix Matrix(Parameter weight)
    {
        var packed = weight.Prepare(this, LinearUse, _packLinear);
        packed.ThrowIfChanged();
        return packed;
    }

    /// <summary>A weight of a convolution as a matrix (out, kernel × in), packed on the first call.</summary>
    internal PackedMatrix ConvolutionMatrix(Parameter weight) =>
        weight.Prepare(this, ConvolutionUse, _packConvolution);

    /// <summary>A vector or small table of weights as float32, pinned.</summary>
    internal static FloatVector Vector(Parameter weight) =>
        weight.Prepare(typeof(FloatVector), VectorUse, parameter => new FloatVector(parameter.Stored));

    /// <summary>
    /// A weight of a convolution as a matrix (out / groups, kernel × in / groups) for each group, packed on the first call.
    /// </summary>
    internal PackedGroups GroupMatrices(Parameter weight, int groups) =>
        weight.Prepare(this, GroupsUse, parameter => new PackedGroups(parameter.Stored, groups, FormatOf(parameter), Workers));

    /// <summary>A weight of a transposed convolution as a matrix (kernel × out, in), packed on the first call.</summary>
    internal PackedMatrix TransposedConvolutionMatrix(Parameter weight) =>
        weight.Prepare(this, TransposedUse, parameter => PackedMatrix.Pack(
            new TransposedConvolutionSource(parameter.Stored), FormatOf(parameter), Workers));

    /// <summary>A weight of a depthwise convolution, (kernel, channels), as float32.</summary>
    internal static FloatVector DepthwiseWeights(Parameter weight) =>
        weight.Prepare(typeof(FloatVector), DepthwiseUse, parameter => FloatVector.Transposed(parameter.Stored));

    /// <summary>Bytes that the weights packed for this device take, of every parameter below a root.</summary>
    public long PackedBytes(Scope root)
    {
        ArgumentNullException.ThrowIfNull(root);
        return root.Parameters.Sum(parameter => parameter.FormsOf(this).Sum(BytesOf));

        static long BytesOf(object form) =>
            form switch { PackedMatrix matrix => matrix.Bytes, PackedGroups groups => groups.Bytes, _ => 0 };
    }

    /// <summary>Frees the weights packed for this device of every parameter below a root.</summary>
    public void Unload(Scope root)
    {
        ArgumentNullException.ThrowIfNull(root);
        foreach (var parameter in root.Parameters) parameter.Forget(this);
    }

    public void Dispose()
    {
        Scheduler.Dispose();
        Workers.Dispose();
    }

    PackedMatrix PackLinear(Parameter parameter)
    {
        var format = FormatOf(parameter);
        if (format.Blocks is not null && parameter.Stored is IStoredBlocks blocks && blocks.Format == format.Blocks)
            return PackedMatrix.Borrow(blocks, parameter.Shape, Workers.Kernels);
        // Mapped panels serve both kinds of int8, unless columns that are kept beside them shall not be.
        return format is { Bits: 8 } && parameter.Stored is IInt8Panels panels && (format.KeepsOutliers || panels.Outliers is null)
            ? PackedMatrix.Borrow(panels, Workers.Kernels)
            : PackedMatrix.Pack(new LinearSource(parameter.Stored), format, Workers);
    }

    // A convolution's rows are gathered as they are multiplied, and it has no columns that many rows share: it keeps none.
    PackedMatrix PackConvolution(Parameter parameter)
    {
        var format = FormatOf(parameter);
        return PackedMatrix.Pack(new ConvolutionSource(parameter.Stored), format.KeepsOutliers ? WeightFormat.Int8 : format, Workers);
    }

    WeightFormat FormatOf(Parameter parameter) => Options.WeightsFor?.Invoke(parameter.Name) ?? Options.Weights;
}

/// <summary>Weights that are used as they are, float32 at a fixed address.</summary>
internal sealed unsafe class FloatVector
{
    readonly float[] _values;

    public FloatVector(StoredTensor stored) : this(stored.Shape.Count) => stored.ReadFloats(0, _values);

    FloatVector(long count)
    {
        _values = GC.AllocateUninitializedArray<float>(checked((int)count), pinned: true);
        Pointer = (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(
            ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_values));
    }

    public float* Pointer { get; }

    public ReadOnlySpan<float> Values => _values;

    /// <summary>(first, others) as (others, first).</summary>
    public static FloatVector Transposed(StoredTensor stored)
    {
        var result = new FloatVector(stored.Shape.Count);
        float[] values = stored.ToFloats();
        int rows = stored.Shape[0], columns = values.Length / rows;
        for (int i = 0; i < values.Length; i++) result._values[i % columns * rows + i / columns] = values[i];
        return result;
    }
}
