using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Two tensors element by element, then an activation.</summary>
internal static class Combination
{
    /// <summary>Elements that are worth a part of their own.</summary>
    public const int PartElements = 32 * 1024;

    public static void Run(WorkerPool workers, in CombineCall call)
    {
        var isa = workers.Kernels.Isa;
        if (isa.Wide) Run<Lanes512>(workers, call);
        else if (isa.Set >= InstructionSet.Avx2) Run<Lanes256>(workers, call);
        else Run<Lanes128>(workers, call);
    }

    static void Run<TLanes>(WorkerPool workers, in CombineCall call) where TLanes : struct, ILanes<TLanes>
    {
        int chunks = (call.Broadcast.Inner + PartElements - 1) / PartElements;
        int rows = call.Broadcast.Outer * chunks, elements = Math.Min(call.Broadcast.Inner, PartElements);
        FrameOperations.RunRows(workers, new CombineWork<TLanes> { Call = call, Chunks = chunks }, rows, elements);
    }
}

/// <summary>What a <see cref="Combination"/> works on.</summary>
internal unsafe struct CombineCall
{
    public float* Left;
    public float* Right;
    public Broadcast Broadcast;
    public Arithmetic Operation;
    public Activation Activation;
    public float* Y;
}

/// <summary>A run of elements whose counterparts lie side by side, or are one.</summary>
internal unsafe struct CombineWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    public CombineCall Call;

    /// <summary>Parts of a long run.</summary>
    public int Chunks;

    public readonly void Execute(int row)
    {
        int run = row / Chunks, inner = Call.Broadcast.Inner;
        int first = (row - run * Chunks) * Combination.PartElements, count = Math.Min(Combination.PartElements, inner - first);
        nint offset = (nint)run * inner + first;
        var left = new ReadOnlySpan<float>(Call.Left + offset, count);
        var y = new Span<float>(Call.Y + offset, count);
        float* right = Call.Right + Call.Broadcast.Right(run);
        if (Call.Broadcast.IsOne) Combine(left, *right, y);
        else Combine(left, new ReadOnlySpan<float>(right + first, count), y);
        ActivationRow.Apply<TLanes>(Call.Activation, Call.Y + offset, count);
    }

    readonly void Combine(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> y)
    {
        switch (Call.Operation)
        {
            case Arithmetic.Add: TensorPrimitives.Add(left, right, y); break;
            case Arithmetic.Subtract: TensorPrimitives.Subtract(left, right, y); break;
            case Arithmetic.Multiply: TensorPrimitives.Multiply(left, right, y); break;
            default: TensorPrimitives.Divide(left, right, y); break;
        }
    }

    readonly void Combine(ReadOnlySpan<float> left, float right, Span<float> y)
    {
        switch (Call.Operation)
        {
            case Arithmetic.Add: TensorPrimitives.Add(left, right, y); break;
            case Arithmetic.Subtract: TensorPrimitives.Subtract(left, right, y); break;
            case Arithmetic.Multiply: TensorPrimitives.Multiply(left, right, y); break;
            default: TensorPrimitives.Divide(left, right, y); break;
        }
    }
}

/// <summary>
/// How the elements of a tensor find their counterparts in one with fewer: neighbouring dimensions that are alike are one.
/// </summary>
internal struct Broadcast
{
    Sizes _sizes;
    Strides _strides;
    int _count;

    /// <summary>Elements of the innermost run.</summary>
    public int Inner { get; private set; }

    /// <summary>Whether one element serves for the whole innermost run.</summary>
    public bool IsOne { get; private set; }

    /// <summary>How many innermost runs there are.</summary>
    public int Outer { get; private set; }

    public static Broadcast Of(Shape left, Shape right)
    {
        var result = new Broadcast { Inner = 1, Outer = 1 };
        int skipped = left.Rank - right.Rank, runs = 0;
        nint stride = 1;
        bool before = false;
        for (int i = left.Rank - 1; i >= 0; i--)
        {
            int size = left[i];
            if (size == 1) continue;
            bool one = i < skipped || right[i - skipped] == 1;
            if (runs == 0 || one != before) result.Begin(runs++, one, stride);
            before = one;
            if (runs == 1) result.Inner *= size;
            else
            {
                result._sizes[runs - 2] *= size;
                result.Outer *= size;
            }
            if (!one) stride *= size;
        }
        return result;
    }

    /// <summary>Where the counterpart of one element is.</summary>
    public readonly nint At(int index) => Right(index / Inner) + (IsOne ? 0 : index % Inner);

    /// <summary>Where the counterparts of an innermost run begin.</summary>
    public readonly nint Right(int run)
    {
        nint offset = 0;
        for (int i = 0; i < _count; i++)
        {
            int outer = run / _sizes[i];
            offset += (run - outer * _sizes[i]) * _strides[i];
            run = outer;
        }
        return offset;
    }

    void Begin(int index, bool one, nint stride)
    {
        if (index == 0)
        {
            IsOne = one;
            return;
        }
        _sizes[index - 1] = 1;
        _strides[index - 1] = one ? 0 : stride;
        _count = index;
    }
}
