namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Rows brought to a common size: root mean square, softmax.</summary>
internal static unsafe class RowNorms
{
    public static void RmsNorm(WorkerPool workers, in LayerNormCall call)
    {
        var isa = workers.Kernels.Isa;
        if (isa.Wide) FrameOperations.RunRows(workers, new RmsNormWork<Lanes512> { Call = call }, call.Rows, call.Size);
        else if (isa.Set >= InstructionSet.Avx2)
            FrameOperations.RunRows(workers, new RmsNormWork<Lanes256> { Call = call }, call.Rows, call.Size);
        else FrameOperations.RunRows(workers, new RmsNormWork<Lanes128> { Call = call }, call.Rows, call.Size);
    }

    public static void Softmax(WorkerPool workers, in Frames x, float* y)
    {
        var isa = workers.Kernels.Isa;
        int rows = x.Batch * x.Time, elements = 4 * x.Size;
        if (isa.Wide) FrameOperations.RunRows(workers, new SoftmaxWork<Lanes512> { X = x, Y = y }, rows, elements);
        else if (isa.Set >= InstructionSet.Avx2)
            FrameOperations.RunRows(workers, new SoftmaxWork<Lanes256> { X = x, Y = y }, rows, elements);
        else FrameOperations.RunRows(workers, new SoftmaxWork<Lanes128> { X = x, Y = y }, rows, elements);
    }

    // x / √(mean of x² + ε) · weight; the call's bias is not read.
    struct RmsNormWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
    {
        public LayerNormCall Call;

        public readonly void Execute(int row)
        {
            int size = Call.Size, i = 0;
            float* x = Call.X + (nint)row * size, y = Call.Y + (nint)row * size, weight = Call.Weight;
            var squares = TLanes.Create(0);
            float square = 0;
            for (; i <= size - TLanes.Count; i += TLanes.Count)
            {
                var value = TLanes.Load(x + i);
                squares = TLanes.MultiplyAdd(value, value, squares);
            }
            for (; i < size; i++) square += x[i] * x[i];
            float inverse = 1 / MathF.Sqrt((TLanes.Sum(squares) + square) / size + Call.Epsilon);
            var scale = TLanes.Create(inverse);
            for (i = 0; i <= size - TLanes.Count; i += TLanes.Count) (TLanes.Load(x + i) * scale * TLanes.Load(weight + i)).Store(y + i);
            for (; i < size; i++) y[i] = x[i] * inverse * weight[i];
        }
    }

    struct SoftmaxWork<TLanes> : IRowWork where TLanes : struct, ILanes<TLanes>
    {
        public Frames X;
        public float* Y;

        public readonly void Execute(int row)
        {
            float* y = Y + (nint)row * X.Size;
            new ReadOnlySpan<float>(X.X + (nint)row * X.Size, X.Size).CopyTo(new Span<float>(y, X.Size));
            float total = Softmax<TLanes>.Exponentials(y, X.Size, Softmax<TLanes>.Largest(y, X.Size));
            Softmax<TLanes>.Scale(y, X.Size, 1 / total);
        }
    }
}
