using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>y = activation(gate) · up, rows of both at distances of their own.</summary>
internal unsafe struct GateCall
{
    public float* Gate;
    public nint GateStride;
    public float* Up;
    public nint UpStride;
    public int Rows;
    public int Size;
    public Activation Activation;
    public float* Y;
}

/// <summary>Gated products with the lanes that the processor has.</summary>
internal static class Gates
{
    public static void Run(WorkerPool workers, in GateCall call)
    {
        var isa = workers.Kernels.Isa;
        if (isa.Wide) FrameOperations.RunRows(workers, new GateWork<Lanes512> { Call = call }, call.Rows, call.Size);
        else if (isa.Set >= InstructionSet.Avx2)
            FrameOperations.RunRows(workers, new GateWork<Lanes256> { Call = call }, call.Rows, call.Size);
        else FrameOperations.RunRows(workers, new GateWork<Lanes128> { Call = call }, call.Rows, call.Size);
    }
}

/// <summary>A row of a <see cref="GateCall"/>, some elements at a time, which stay in cache between the two steps.</summary>
internal unsafe struct GateWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    const int ChunkElements = 2048;

    public GateCall Call;

    public readonly void Execute(int row)
    {
        float* y = Call.Y + (nint)row * Call.Size;
        for (int first = 0; first < Call.Size; first += ChunkElements)
        {
            int count = Math.Min(ChunkElements, Call.Size - first);
            var chunk = new Span<float>(y + first, count);
            new ReadOnlySpan<float>(Call.Gate + row * Call.GateStride + first, count).CopyTo(chunk);
            ActivationRow.Apply<TLanes>(Call.Activation, y + first, count);
            TensorPrimitives.Multiply(chunk, new ReadOnlySpan<float>(Call.Up + row * Call.UpStride + first, count), chunk);
        }
    }
}
