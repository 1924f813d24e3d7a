namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Leaky rectifiers of any slope, element by element.</summary>
internal static unsafe class LeakyRectifier
{
    /// <summary>Elements that are worth a part of their own.</summary>
    const int PartElements = 32 * 1024;

    /// <summary>y = x where it is positive, else x · slope.</summary>
    public static void Run(WorkerPool pool, ReadOnlySpan<float> x, float slope, Span<float> y)
    {
        var isa = pool.Kernels.Isa;
        if (isa.Wide) Run<Lanes512>(pool, x, slope, y);
        else if (isa.Set >= InstructionSet.Avx2) Run<Lanes256>(pool, x, slope, y);
        else Run<Lanes128>(pool, x, slope, y);
    }

    static void Run<TLanes>(WorkerPool pool, ReadOnlySpan<float> x, float slope, Span<float> y) where TLanes : struct, ILanes<TLanes>
    {
        fixed (float* from = x)
        fixed (float* to = y)
        {
            pool.Run(
                new Work<TLanes> { X = from, Y = to, Count = x.Length, Slope = slope }, (x.Length + PartElements - 1) / PartElements);
        }
    }

    struct Work<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
    {
        public float* X;
        public float* Y;
        public int Count;
        public float Slope;

        public readonly void Execute(int part)
        {
            int i = part * PartElements, end = Math.Min(Count, i + PartElements);
            var slope = TLanes.Create(Slope);
            for (; i <= end - TLanes.Count; i += TLanes.Count)
            {
                var x = TLanes.Load(X + i);
                TLanes.SelectPositive(x, x, x * slope).Store(Y + i);
            }
            for (; i < end; i++) Y[i] = X[i] > 0 ? X[i] : X[i] * Slope;
        }
    }
}
