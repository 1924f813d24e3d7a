using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>What each frame adds at each tap, (batch, Time, Kernel, Size), to be summed where it falls: (batch, Outputs, Size).</summary>
internal unsafe struct TapSumCall
{
    public float* Taps;
    public int Time;
    public int Kernel;
    public int Size;
    public int Outputs;
    public ConvolutionTransposed Convolution;
    public float* Bias;
    public float* Y;
}

/// <summary>The second half of a transposed convolution.</summary>
internal static class TapSums
{
    public static void Run(WorkerPool workers, in TapSumCall call, int batch)
    {
        var isa = workers.Kernels.Isa;
        int rows = batch * call.Outputs, elements = call.Size * (1 + call.Kernel / call.Convolution.Stride);
        if (isa.Wide) FrameOperations.RunRows(workers, new TapSumWork<Lanes512> { Call = call }, rows, elements);
        else if (isa.Set >= InstructionSet.Avx2) FrameOperations.RunRows(workers, new TapSumWork<Lanes256> { Call = call }, rows, elements);
        else FrameOperations.RunRows(workers, new TapSumWork<Lanes128> { Call = call }, rows, elements);
    }
}

/// <summary>One output frame.</summary>
internal unsafe struct TapSumWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
{
    public TapSumCall Call;

    public readonly void Execute(int row)
    {
        int size = Call.Size, stride = Call.Convolution.Stride, batch = row / Call.Outputs;
        float* target = Call.Y + (nint)row * size;
        var y = new Span<float>(target, size);
        if (Call.Bias == null) y.Clear();
        else new ReadOnlySpan<float>(Call.Bias, size).CopyTo(y);
        // The place in what is there before the padding is cut off, from which tap and frame follow.
        int place = row - batch * Call.Outputs + Call.Convolution.Padding;
        for (int tap = place % stride; tap < Call.Kernel && tap <= place; tap += stride)
        {
            int frame = (place - tap) / stride;
            if (frame < Call.Time)
            {
                TensorPrimitives.Add(
                    y, new ReadOnlySpan<float>(Call.Taps + (((nint)batch * Call.Time + frame) * Call.Kernel + tap) * size, size), y);
            }
        }
        ActivationRow.Apply<TLanes>(Call.Convolution.Activation, target, size);
    }
}
