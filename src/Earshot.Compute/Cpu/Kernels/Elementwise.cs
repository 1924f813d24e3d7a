using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Operations on each element or each row.</summary>
internal static unsafe class Elementwise
{
    /// <summary>Elements that are worth a part of their own.</summary>
    const int PartElements = 32 * 1024;

    public static void Apply(WorkerPool pool, Activation activation, ReadOnlySpan<float> x, Span<float> y)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) Apply<Lanes512>(pool, activation, x, y);
        else if (isa.Set >= InstructionSet.Avx2) Apply<Lanes256>(pool, activation, x, y);
        else Apply<Lanes128>(pool, activation, x, y);
    }

    static void Apply<TLanes>(WorkerPool pool, Activation activation, ReadOnlySpan<float> x, Span<float> y)
        where TLanes : struct, ILanes<TLanes>
    {
        switch (activation)
        {
            case Activation.Gelu: Apply<TLanes, Gelu<TLanes>>(pool, x, y); break;
            case Activation.Silu: Apply<TLanes, Silu<TLanes>>(pool, x, y); break;
            case Activation.Relu: Apply<TLanes, Relu<TLanes>>(pool, x, y); break;
            case Activation.Sigmoid: Apply<TLanes, Sigmoid<TLanes>>(pool, x, y); break;
            case Activation.LeakyRelu: Apply<TLanes, LeakyRelu<TLanes>>(pool, x, y); break;
            case Activation.Abs: Apply<TLanes, Abs<TLanes>>(pool, x, y); break;
            case Activation.Tanh: Apply<TLanes, Tanh<TLanes>>(pool, x, y); break;
            case Activation.GeluTanh: Apply<TLanes, GeluTanh<TLanes>>(pool, x, y); break;
            case Activation.QuickGelu: Apply<TLanes, QuickGelu<TLanes>>(pool, x, y); break;
            case Activation.Elu: Apply<TLanes, Elu<TLanes>>(pool, x, y); break;
            default: x.CopyTo(y); break;
        }
    }

    static void Apply<TLanes, TActivation>(WorkerPool pool, ReadOnlySpan<float> x, Span<float> y)
        where TLanes : struct, ILanes<TLanes>
        where TActivation : struct, IActivation<TLanes>
    {
        fixed (float* from = x)
        fixed (float* to = y)
        {
            pool.Run(
                new ActivationWork<TLanes, TActivation> { X = from, Y = to, Count = x.Length },
                (x.Length + PartElements - 1) / PartElements);
        }
    }

    /// <summary>y = left + right, where right's elements begin again as often as left is longer.</summary>
    public static void Add(WorkerPool pool, ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> y)
    {
        fixed (float* l = left)
        fixed (float* r = right)
        fixed (float* to = y)
        {
            pool.Run(new AddWork
            {
                Left = l,
                Right = r,
                Period = right.Length,
                Y = to,
                Count = left.Length,
            }, (left.Length + PartElements - 1) / PartElements);
        }
    }

    /// <summary>y = x · factor + addend.</summary>
    public static void Scale(WorkerPool pool, ReadOnlySpan<float> x, float factor, float addend, Span<float> y)
    {
        fixed (float* from = x)
        fixed (float* to = y)
        {
            pool.Run(new ScaleWork
            {
                X = from,
                Y = to,
                Count = x.Length,
                Factor = factor,
                Addend = addend,
            }, (x.Length + PartElements - 1) / PartElements);
        }
    }

    public static void Apply(WorkerPool pool, Function function, ReadOnlySpan<float> x, Span<float> y)
    {
        fixed (float* from = x)
        fixed (float* to = y)
        {
            pool.Run(new FunctionWork
            {
                X = from,
                Y = to,
                Count = x.Length,
                Function = function,
            }, (x.Length + PartElements - 1) / PartElements);
        }
    }

    public static void Copy(WorkerPool pool, ReadOnlySpan<float> x, Span<float> y)
    {
        fixed (float* from = x)
        fixed (float* to = y)
        {
            pool.Run(new CopyWork { X = from, Y = to, Count = x.Length }, (x.Length + PartElements - 1) / PartElements);
        }
    }

    public static void LayerNorm(WorkerPool pool, in LayerNormCall call)
    {
        var isa = pool.Kernels.Isa;
        int rows = Math.Max(1, PartElements / call.Size), parts = (call.Rows + rows - 1) / rows;
        if (isa.Wide) pool.Run(new LayerNormWork<Lanes512> { Call = call, RowsPerPart = rows }, parts);
        else if (isa.Set >= InstructionSet.Avx2) pool.Run(new LayerNormWork<Lanes256> { Call = call, RowsPerPart = rows }, parts);
        else pool.Run(new LayerNormWork<Lanes128> { Call = call, RowsPerPart = rows }, parts);
    }

    /// <summary>Gates (i, f, g, o) before activation, 4 × size → the new cell and hidden values.</summary>
    public static void LstmGates(Span<float> gates, Span<float> cell, Span<float> hidden)
    {
        int size = cell.Length;
        TensorPrimitives.Sigmoid(gates[..(2 * size)], gates[..(2 * size)]);
        TensorPrimitives.Tanh(gates.Slice(2 * size, size), gates.Slice(2 * size, size));
        TensorPrimitives.Sigmoid(gates.Slice(3 * size, size), gates.Slice(3 * size, size));
        TensorPrimitives.Multiply(cell, gates.Slice(size, size), cell);
        TensorPrimitives.MultiplyAdd(gates[..size], gates.Slice(2 * size, size), cell, cell);
        TensorPrimitives.Tanh(cell, hidden);
        TensorPrimitives.Multiply(hidden, gates.Slice(3 * size, size), hidden);
    }

    struct ActivationWork<TLanes, TActivation> : IParallelWork
        where TLanes : struct, ILanes<TLanes>
        where TActivation : struct, IActivation<TLanes>
    {
        public float* X;
        public float* Y;
        public int Count;

        public readonly void Execute(int part)
        {
            int i = part * PartElements, end = Math.Min(Count, i + PartElements);
            for (; i <= end - TLanes.Count; i += TLanes.Count) TActivation.Apply(TLanes.Load(X + i)).Store(Y + i);
            if (i == end) return;
            float* rest = stackalloc float[TLanes.Count];
            new Span<float>(rest, TLanes.Count).Clear();
            new Span<float>(X + i, end - i).CopyTo(new Span<float>(rest, end - i));
            TActivation.Apply(TLanes.Load(rest)).Store(rest);
            new Span<float>(rest, end - i).CopyTo(new Span<float>(Y + i, end - i));
        }
    }

    struct AddWork : IParallelWork
    {
        public float* Left;
        public float* Right;
        public int Period;
        public float* Y;
        public int Count;

        public readonly void Execute(int part)
        {
            int end = (int)Math.Min(Count, (part + 1L) * PartElements);
            for (int i = part * PartElements, count; i < end; i += count)
            {
                count = Math.Min(end - i, Period - i % Period);
                TensorPrimitives.Add(
                    new ReadOnlySpan<float>(Left + i, count), new ReadOnlySpan<float>(Right + i % Period, count),
                    new Span<float>(Y + i, count));
            }
        }
    }

    struct CopyWork : IParallelWork
    {
        public float* X;
        public float* Y;
        public int Count;

        public readonly void Execute(int part)
        {
            int first = part * PartElements, count = Math.Min(Count - first, PartElements);
            new ReadOnlySpan<float>(X + first, count).CopyTo(new Span<float>(Y + first, count));
        }
    }

    struct ScaleWork : IParallelWork
    {
        public float* X;
        public float* Y;
        public int Count;
        public float Factor;
        public float Addend;

        public readonly void Execute(int part)
        {
            int first = part * PartElements, count = Math.Min(Count - first, PartElements);
            var y = new Span<float>(Y + first, count);
            TensorPrimitives.Multiply(new ReadOnlySpan<float>(X + first, count), Factor, y);
            if (Addend != 0) TensorPrimitives.Add(y, Addend, y);
        }
    }

    struct FunctionWork : IParallelWork
    {
        public float* X;
        public float* Y;
        public int Count;
        public Function Function;

        public readonly void Execute(int part)
        {
            int first = part * PartElements, count = Math.Min(Count - first, PartElements);
            var x = new ReadOnlySpan<float>(X + first, count);
            var y = new Span<float>(Y + first, count);
            switch (Function)
            {
                case Function.Exp: TensorPrimitives.Exp(x, y); break;
                case Function.Log: TensorPrimitives.Log(x, y); break;
                case Function.Sqrt: TensorPrimitives.Sqrt(x, y); break;
                case Function.Sin: TensorPrimitives.Sin(x, y); break;
                case Function.Cos: TensorPrimitives.Cos(x, y); break;
                default: TensorPrimitives.Floor(x, y); break;
            }
        }
    }

    struct LayerNormWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
    {
        public LayerNormCall Call;
        public int RowsPerPart;

        public readonly void Execute(int part)
        {
            int end = Math.Min(Call.Rows, (part + 1) * RowsPerPart);
            for (int r = part * RowsPerPart; r < end; r++) Normalize(Call.X + (nint)r * Call.Size, Call.Y + (nint)r * Call.Size);
        }

        // Two passes: the variance of differences from the mean loses nothing where the mean is large.
        readonly void Normalize(float* x, float* y)
        {
            int size = Call.Size;
            TLanes sums = TLanes.Create(0), squares = TLanes.Create(0);
            float sum = 0, square = 0;
            int i = 0;
            for (; i <= size - TLanes.Count; i += TLanes.Count) sums += TLanes.Load(x + i);
            for (; i < size; i++) sum += x[i];
            float mean = (TLanes.Sum(sums) + sum) / size;
            var means = TLanes.Create(mean);
            for (i = 0; i <= size - TLanes.Count; i += TLanes.Count)
            {
                var difference = TLanes.Load(x + i) - means;
                squares = TLanes.MultiplyAdd(difference, difference, squares);
            }
            for (; i < size; i++) square += (x[i] - mean) * (x[i] - mean);
            float inverse = 1 / MathF.Sqrt((TLanes.Sum(squares) + square) / size + Call.Epsilon);
            var scale = TLanes.Create(inverse);
            for (i = 0; i <= size - TLanes.Count; i += TLanes.Count)
            {
                TLanes.MultiplyAdd((TLanes.Load(x + i) - means) * scale, TLanes.Load(Call.Weight + i), TLanes.Load(Call.Bias + i))
                    .Store(y + i);
            }
            for (; i < size; i++) y[i] = (x[i] - mean) * inverse * Call.Weight[i] + Call.Bias[i];
        }
    }
}

/// <summary>Layer normalisation of rows of <see cref="Size"/> elements.</summary>
internal unsafe struct LayerNormCall
{
    public float* X;
    public float* Y;
    public int Rows;
    public int Size;
    public float* Weight;
    public float* Bias;
    public float Epsilon;
}
