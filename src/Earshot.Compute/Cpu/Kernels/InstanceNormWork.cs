using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Normalisation over time of each sequence's elements; weights (Size).</summary>
internal unsafe struct InstanceNormCall
{
    public Frames X;
    public float* Weight;
    public float* Bias;
    public float Epsilon;
    public Activation Activation;
    public float* Y;
}

/// <summary>One sequence of an <see cref="InstanceNormCall"/>.</summary>
internal unsafe struct InstanceNormWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Elements of a signal whose frames hold one value each, seen as frames of this many.</summary>
    const int SignalFrame = 32;

    public InstanceNormCall Call;

    public readonly void Execute(int part)
    {
        if (Call.X.Size == 1) NormalizeSignal(Call.X.Pointer(part, 0), Call.Y + (nint)part * Call.X.Time);
        else Normalize(Call.X.Pointer(part, 0), Call.Y + (nint)part * Call.X.Time * Call.X.Size);
    }

    // In float64 sums of short runs, the mean taken off before squaring: nothing is lost where the mean is large.
    readonly void Normalize(float* x, float* y)
    {
        int size = Call.X.Size, time = Call.X.Time;
        var buffers = new FrameScratch(size);
        FrameOperations.Sum(x, time, buffers.Sums, buffers.Run);
        for (int i = 0; i < size; i++) buffers.Means[i] = (float)(buffers.Sums[i] / time);
        FrameOperations.SumSquares(x, time, buffers.Sums, buffers);
        Span<float> scale = buffers.Run, shift = buffers.Difference;
        for (int i = 0; i < size; i++) scale[i] = (float)(Call.Weight[i] / Math.Sqrt(buffers.Sums[i] / time + Call.Epsilon));
        for (int i = 0; i < size; i++) shift[i] = (float)(Call.Bias[i] - (double)buffers.Means[i] * scale[i]);
        for (int t = 0; t < time; t++)
        {
            float* frame = y + (nint)t * size;
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(x + (nint)t * size, size), scale, shift, new Span<float>(frame, size));
            ActivationRow.Apply<TLanes>(Call.Activation, frame, size);
        }
    }

    readonly void NormalizeSignal(float* x, float* y)
    {
        int time = Call.X.Time, whole = time / SignalFrame;
        var buffers = new FrameScratch(SignalFrame);
        FrameOperations.Sum(x, whole, buffers.Sums, buffers.Run);
        double sum = Total(buffers.Sums);
        for (int t = whole * SignalFrame; t < time; t++) sum += x[t];
        float mean = (float)(sum / time);
        buffers.Means.Fill(mean);
        FrameOperations.SumSquares(x, whole, buffers.Sums, buffers);
        double squares = Total(buffers.Sums);
        for (int t = whole * SignalFrame; t < time; t++) squares += ((double)x[t] - mean) * ((double)x[t] - mean);
        float scale = (float)(Call.Weight[0] / Math.Sqrt(squares / time + Call.Epsilon));
        float shift = (float)(Call.Bias[0] - (double)mean * scale);
        var values = new Span<float>(y, time);
        TensorPrimitives.Multiply(new ReadOnlySpan<float>(x, time), scale, values);
        TensorPrimitives.Add(values, shift, values);
        ActivationRow.Apply<TLanes>(Call.Activation, y, time);
    }

    static double Total(ReadOnlySpan<double> sums)
    {
        double total = 0;
        foreach (double sum in sums) total += sum;
        return total;
    }
}
