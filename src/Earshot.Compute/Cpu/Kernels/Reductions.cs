using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Sums, means and largest elements over the middle of (Batch, Time, Size).</summary>
internal static unsafe class Reductions
{
    public static void Run(WorkerPool workers, in Frames x, Reduction reduction, float* y)
    {
        if (x.Size == 1) FrameOperations.RunRows(workers, new RowWork { X = x, Reduction = reduction, Y = y }, x.Batch, x.Time);
        else FrameOperations.RunRows(workers, new FrameWork { X = x, Reduction = reduction, Y = y }, x.Batch, x.Time * x.Size);
    }

    struct RowWork : IRowWork
    {
        public Frames X;
        public Reduction Reduction;
        public float* Y;

        public readonly void Execute(int row)
        {
            var x = new ReadOnlySpan<float>(X.Pointer(row, 0), X.Time);
            Y[row] = Reduction switch
            {
                Reduction.Max => TensorPrimitives.Max(x),
                Reduction.Mean => TensorPrimitives.Sum(x) / x.Length,
                _ => TensorPrimitives.Sum(x),
            };
        }
    }

    struct FrameWork : IRowWork
    {
        public Frames X;
        public Reduction Reduction;
        public float* Y;

        public readonly void Execute(int row)
        {
            var y = new Span<float>(Y + (nint)row * X.Size, X.Size);
            if (Reduction == Reduction.Max)
            {
                X[row, 0].CopyTo(y);
                for (int t = 1; t < X.Time; t++) TensorPrimitives.Max(y, X[row, t], y);
                return;
            }
            var buffers = new FrameScratch(X.Size);
            FrameOperations.Sum(X.Pointer(row, 0), X.Time, buffers.Sums, buffers.Run);
            double divisor = Reduction == Reduction.Mean ? X.Time : 1;
            for (int i = 0; i < y.Length; i++) y[i] = (float)(buffers.Sums[i] / divisor);
        }
    }
}
