using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Operations on the frames of sequences, (batch, time, size). How work is cut changes no result's bits.</summary>
internal static unsafe class FrameOperations
{
    /// <summary>Elements that are worth a part of their own.</summary>
    const int PartElements = 32 * 1024;

    /// <summary>Frames whose sum is taken in float32, before the sums of such runs are added in float64.</summary>
    const int RunFrames = 256;

    /// <summary>The largest of each <paramref name="pool"/> frames.</summary>
    public static void MaxPool(WorkerPool workers, Frames x, int pool, float* y)
    {
        int outputs = x.Time / pool, rows = x.Batch * outputs;
        RunRows(workers, new MaxPoolWork { X = x, Pool = pool, Y = y, Outputs = outputs }, rows, pool * x.Size);
    }

    public static void AveragePool(WorkerPool workers, Frames x, int pool, float* y)
    {
        int outputs = (x.Time + pool - 1) / pool;
        RunRows(workers, new AveragePoolWork { X = x, Pool = pool, Y = y, Outputs = outputs }, x.Batch * outputs, pool * x.Size);
    }

    /// <summary>Means, then deviations of time − 1: y (batch, 2 · size).</summary>
    public static void MeanAndDeviation(WorkerPool workers, Frames x, float* y) =>
        RunRows(workers, new MeanAndDeviationWork { X = x, Y = y }, x.Batch, x.Time * x.Size);

    public static void RepeatFrames(WorkerPool workers, Frames x, int times, int time, float* y) =>
        RunRows(workers, new RepeatWork { X = x, Times = times, Y = y, Outputs = time }, x.Batch * time, x.Size);

    public static void Affine(WorkerPool workers, in AffineCall call)
    {
        var isa = workers.Kernels.Isa;
        if (isa.Wide) RunRows(workers, new AffineWork<Lanes512> { Call = call }, call.Rows, call.Size);
        else if (isa.Set >= InstructionSet.Avx2) RunRows(workers, new AffineWork<Lanes256> { Call = call }, call.Rows, call.Size);
        else RunRows(workers, new AffineWork<Lanes128> { Call = call }, call.Rows, call.Size);
    }

    public static void LogSoftmax(WorkerPool workers, Frames x, float* y) =>
        RunRows(workers, new LogSoftmaxWork { X = x, Y = y }, x.Batch * x.Time, 8 * x.Size);

    /// <summary>Rows one at a time, some of them each part.</summary>
    public static void RunRows<TWork>(WorkerPool workers, TWork work, int rows, int rowElements) where TWork : struct, IRowWork
    {
        int rowsPerPart = Math.Max(1, PartElements / Math.Max(1, rowElements));
        workers.Run(new RowParts<TWork> { Work = work, Rows = rows, RowsPerPart = rowsPerPart }, (rows + rowsPerPart - 1) / rowsPerPart);
    }

    /// <summary>The sum of frames, each element in float64 over runs of float32.</summary>
    public static void Sum(float* frames, int count, Span<double> sums, Span<float> run)
    {
        int size = run.Length;
        sums.Clear();
        for (int first = 0; first < count; first += RunFrames)
        {
            run.Clear();
            for (int t = first; t < Math.Min(count, first + RunFrames); t++)
                TensorPrimitives.Add(run, new ReadOnlySpan<float>(frames + (nint)t * size, size), run);
            for (int i = 0; i < size; i++) sums[i] += run[i];
        }
    }

    /// <summary>The sum of squared differences from the means, in the same way.</summary>
    public static void SumSquares(float* frames, int count, Span<double> sums, FrameScratch scratch)
    {
        Span<float> run = scratch.Run, difference = scratch.Difference;
        int size = run.Length;
        sums.Clear();
        for (int first = 0; first < count; first += RunFrames)
        {
            run.Clear();
            for (int t = first; t < Math.Min(count, first + RunFrames); t++)
            {
                TensorPrimitives.Subtract(new ReadOnlySpan<float>(frames + (nint)t * size, size), scratch.Means, difference);
                TensorPrimitives.MultiplyAdd(difference, difference, run, run);
            }
            for (int i = 0; i < size; i++) sums[i] += run[i];
        }
    }

    struct MaxPoolWork : IRowWork
    {
        public Frames X;
        public int Pool;
        public float* Y;
        public int Outputs;

        public readonly void Execute(int row)
        {
            var y = new Span<float>(Y + (nint)row * X.Size, X.Size);
            int batch = row / Outputs, first = (row - batch * Outputs) * Pool;
            X[batch, first].CopyTo(y);
            for (int k = 1; k < Pool; k++) TensorPrimitives.Max(y, X[batch, first + k], y);
        }
    }

    struct AveragePoolWork : IRowWork
    {
        public Frames X;
        public int Pool;
        public float* Y;
        public int Outputs;

        public readonly void Execute(int row)
        {
            int batch = row / Outputs, first = (row - batch * Outputs) * Pool, count = Math.Min(Pool, X.Time - first);
            var buffers = new FrameScratch(X.Size);
            Sum(X.Pointer(batch, first), count, buffers.Sums, buffers.Run);
            var y = new Span<float>(Y + (nint)row * X.Size, X.Size);
            for (int i = 0; i < y.Length; i++) y[i] = (float)(buffers.Sums[i] / count);
        }
    }

    struct MeanAndDeviationWork : IRowWork
    {
        public Frames X;
        public float* Y;

        public readonly void Execute(int row)
        {
            var buffers = new FrameScratch(X.Size);
            Span<float> y = new(Y + (nint)row * 2 * X.Size, 2 * X.Size), means = y[..X.Size], deviations = y[X.Size..];
            Sum(X.Pointer(row, 0), X.Time, buffers.Sums, buffers.Run);
            for (int i = 0; i < means.Length; i++) means[i] = (float)(buffers.Sums[i] / X.Time);
            means.CopyTo(buffers.Means);
            SumSquares(X.Pointer(row, 0), X.Time, buffers.Sums, buffers);
            for (int i = 0; i < deviations.Length; i++) deviations[i] = (float)Math.Sqrt(buffers.Sums[i] / (X.Time - 1));
        }
    }

    struct RepeatWork : IRowWork
    {
        public Frames X;
        public int Times;
        public float* Y;
        public int Outputs;

        public readonly void Execute(int row)
        {
            int batch = row / Outputs;
            X[batch, (row - batch * Outputs) / Times].CopyTo(new Span<float>(Y + (nint)row * X.Size, X.Size));
        }
    }

    struct LogSoftmaxWork : IRowWork
    {
        public Frames X;
        public float* Y;

        public readonly void Execute(int row)
        {
            var x = new ReadOnlySpan<float>(X.X + (nint)row * X.Size, X.Size);
            float largest = TensorPrimitives.Max(x);
            double sum = 0;
            foreach (float value in x) sum += Math.Exp(value - largest);
            TensorPrimitives.Subtract(x, (float)(largest + Math.Log(sum)), new Span<float>(Y + (nint)row * X.Size, X.Size));
        }
    }
}

/// <summary>Work on one row at a time.</summary>
internal interface IRowWork
{
    void Execute(int row);
}

/// <summary>Some rows each part.</summary>
internal struct RowParts<TWork> : IParallelWork where TWork : struct, IRowWork
{
    public TWork Work;
    public int Rows;
    public int RowsPerPart;

    public readonly void Execute(int part)
    {
        int end = (int)Math.Min(Rows, (part + 1L) * RowsPerPart);
        for (int row = part * RowsPerPart; row < end; row++) Work.Execute(row);
    }
}

/// <summary>Sequences of frames: (Batch, Time, Size), contiguous.</summary>
internal unsafe struct Frames
{
    public float* X;
    public int Batch;
    public int Time;
    public int Size;

    public readonly float* Pointer(int batch, int frame) => X + ((nint)batch * Time + frame) * Size;

    public readonly ReadOnlySpan<float> this[int batch, int frame] => new(Pointer(batch, frame), Size);
}

/// <summary>Room for sums over time, a frame each.</summary>
internal readonly ref struct FrameScratch(int size)
{
    public Span<double> Sums { get; } = new double[size];

    public Span<float> Run { get; } = new float[size];

    public Span<float> Means { get; } = new float[size];

    public Span<float> Difference { get; } = new float[size];
}
