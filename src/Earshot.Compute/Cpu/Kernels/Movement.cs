using System.Runtime.CompilerServices;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Moves elements of four bytes.</summary>
internal static unsafe class Movement
{
    /// <summary>Rows from one place to another, each with its own distance between them.</summary>
    public static void Copy(WorkerPool workers, in CopyCall call) =>
        FrameOperations.RunRows(workers, new CopyWork { Call = call }, call.Rows, call.Size);

    /// <summary>Dimension i of y is dimension <c>order[i]</c> of x.</summary>
    public static void Transpose(WorkerPool workers, float* x, Shape shape, ReadOnlySpan<int> order, float* y)
    {
        int rank = shape.Rank;
        var work = new TransposeWork { X = x, Y = y, Dimensions = rank };
        for (int i = 0; i < rank; i++)
        {
            work.Sizes[i] = shape[order[i]];
            work.Strides[i] = (nint)shape.CountOf(order[i] + 1, rank);
        }
        if (shape.Count > 0) FrameOperations.RunRows(workers, work, (int)(shape.Count / work.Sizes[rank - 1]), work.Sizes[rank - 1]);
    }

    /// <summary>Row i of each matrix (rows, distances) from element rows − 1 − i on.</summary>
    public static void ShiftByRow(WorkerPool workers, float* x, int count, (int Rows, int Distances) matrix, float* y)
    {
        int keys = matrix.Distances - matrix.Rows + 1;
        FrameOperations.RunRows(workers, new ShiftWork
        {
            X = x,
            Y = y,
            Rows = matrix.Rows,
            Distances = matrix.Distances,
            Keys = keys,
        }, count, keys);
    }

    struct ShiftWork : IRowWork
    {
        public float* X;
        public float* Y;
        public int Rows;
        public int Distances;
        public int Keys;

        public readonly void Execute(int row) =>
            new ReadOnlySpan<float>(X + (nint)row * Distances + Rows - 1 - row % Rows, Keys)
                .CopyTo(new Span<float>(Y + (nint)row * Keys, Keys));
    }

    struct CopyWork : IRowWork
    {
        public CopyCall Call;

        public readonly void Execute(int row) =>
            new ReadOnlySpan<float>(Call.X + row * Call.XStride, Call.Size).CopyTo(new Span<float>(Call.Y + row * Call.YStride, Call.Size));
    }

    // A row of y, which a row of x is, or a column.
    struct TransposeWork : IRowWork
    {
        public float* X;
        public float* Y;
        public int Dimensions;
        public Sizes Sizes;
        public Strides Strides;

        public readonly void Execute(int row)
        {
            int last = Dimensions - 1, size = Sizes[last], rest = row;
            float* x = X, y = Y + (nint)row * size;
            for (int i = last - 1; i >= 0; i--)
            {
                int outer = rest / Sizes[i];
                x += (rest - outer * Sizes[i]) * Strides[i];
                rest = outer;
            }
            nint stride = Strides[last];
            if (stride == 1) new ReadOnlySpan<float>(x, size).CopyTo(new Span<float>(y, size));
            else for (int i = 0; i < size; i++) y[i] = x[i * stride];
        }
    }
}

/// <summary>Rows to be copied; strides in elements.</summary>
internal unsafe struct CopyCall
{
    public float* X;
    public nint XStride;
    public float* Y;
    public nint YStride;
    public int Rows;
    public int Size;
}

/// <summary>A size for each dimension.</summary>
[InlineArray(Shape.MaxRank)]
internal struct Sizes
{
    int _first;
}

/// <summary>A distance for each dimension.</summary>
[InlineArray(Shape.MaxRank)]
internal struct Strides
{
    nint _first;
}
