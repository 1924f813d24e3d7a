using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>
/// The processor: its threads, the instructions chosen at start, and the weights packed for them. One serves any number of
/// <see cref="CpuBackend"/>s, on as many threads.
/// </summary>
public sealed class CpuDevice : IDisposable
{
    /// <summary>Rows of a product, such as the tokens of a decoding step, up to which each is computed as if it were alone, to the last bit; more may be computed with less precision.</summary>
    public const int StepRows = 512;

    // Interned names of the forms that parameters are kept in.
    internal const string LinearUse = "linear";
    internal const string ConvolutionUse = "convolution";
    internal const string VectorUse = "vector";

    // Kept, since a lambda over this would be garbage at every call.
    readonly Func<Parameter, PackedMatrix> _packLinear;
    readonly Func<Parameter, PackedMatrix> _packConvolution;

    public CpuDevice(CpuOptions? options = null)
    {
        Options = options ?? new CpuOptions();
        Workers = new WorkerPool(Options.Threads ?? Environment.ProcessorCount, KernelSet.For(Options.InstructionSet));
        _packLinear = PackLinear;
        _packConvolution = parameter => PackedMatrix.Pack(new ConvolutionSource(parameter.Stored), FormatOf(parameter), Workers);
    }

    public CpuOptions Options { get; }

    /// <summary>The instructions that kernels use here.</summary>
    public InstructionSet InstructionSet => Workers.Kernels.Isa.Set;

    /// <summary>Threads that compute together, the caller's among them.</summary>
    public int Threads => Workers.Threads;

    internal WorkerPool Workers { get; }

    /// <summary>The format that is fastest here at the accuracy of the checkpoint: bfloat16 where the processor multiplies it directly, else float32.</summary>
    public static WeightFormat PreferredWeights(InstructionSet? instructionSet = null) =>
        Isa.Select(instructionSet) is { HasBf16: true } or { Set: InstructionSet.Amx } ? WeightFormat.BF16 : WeightFormat.F32;

    /// <summary>What attention within sequences computes with: bfloat16 where weights are no longer float32 and it is faster.</summary>
    internal MicroKernel AttentionKernel =>
        Options.Weights != WeightFormat.F32 && Workers.Kernels.BF16.RowType == PanelType.BF16 ? Workers.Kernels.BF16 : Workers.Kernels.F32;

    /// <summary>How keys and values are kept: decoding many streams at once reads little else.</summary>
    public KeyValueFormat KeyValues => Options.KeyValues ?? Options.Weights switch
    {
        WeightFormat.F32 => KeyValueFormat.F32,
        WeightFormat.BF16 => KeyValueFormat.BF16,
        _ => KeyValueFormat.Int8,
    };

    /// <summary>What keys and values of a memory are packed for.</summary>
    internal MicroKernel MemoryKernel => KeyValues switch
    {
        KeyValueFormat.F32 => Workers.Kernels.F32,
        KeyValueFormat.BF16 => Workers.Kernels.BF16,
        _ => Workers.Kernels.Int8,
    };

    /// <summary>A weight of a linear layer, packed on the first call.</summary>
    internal PackedMatrix Matrix(Parameter weight) =>
        weight.Prepare(this, LinearUse, _packLinear);

    /// <summary>A weight of a convolution as a matrix (out, kernel × in), packed on the first call.</summary>
    internal PackedMatrix ConvolutionMatrix(Parameter weight) =>
        weight.Prepare(this, ConvolutionUse, _packConvolution);

    /// <summary>A vector or small table of weights as float32, pinned.</summary>
    internal static FloatVector Vector(Parameter weight) =>
        weight.Prepare(typeof(FloatVector), VectorUse, parameter => new FloatVector(parameter.Stored));

    /// <summary>Bytes that the weights packed for this device take, of every parameter below a root.</summary>
    public long PackedBytes(Scope root)
    {
        ArgumentNullException.ThrowIfNull(root);
        return root.Parameters.Sum(parameter => parameter.FormsOf(this).OfType<PackedMatrix>().Sum(matrix => matrix.Bytes));
    }

    /// <summary>Frees the weights packed for this device of every parameter below a root.</summary>
    public void Unload(Scope root)
    {
        ArgumentNullException.ThrowIfNull(root);
        foreach (var parameter in root.Parameters) parameter.Forget(this);
    }

    public void Dispose() => Workers.Dispose();

    PackedMatrix PackLinear(Parameter parameter)
    {
        var format = FormatOf(parameter);
        return format == WeightFormat.Int8 && parameter.Stored is IInt8Panels panels
            ? PackedMatrix.Borrow(panels, Workers.Kernels)
            : PackedMatrix.Pack(new LinearSource(parameter.Stored), format, Workers);
    }

    WeightFormat FormatOf(Parameter parameter) => Options.WeightsFor?.Invoke(parameter.Name) ?? Options.Weights;
}

/// <summary>Weights that are used as they are, float32 at a fixed address.</summary>
internal sealed unsafe class FloatVector
{
    readonly float[] _values;

    public FloatVector(StoredTensor stored)
    {
        _values = GC.AllocateUninitializedArray<float>(checked((int)stored.Shape.Count), pinned: true);
        stored.ReadFloats(0, _values);
        Pointer = (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_values));
    }

    public float* Pointer { get; }

    public ReadOnlySpan<float> Values => _values;
}
