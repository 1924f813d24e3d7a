namespace Earshot.Compute.Cpu.Kernels;

/// <summary>y = epilogue(x·Wᵀ + b), cut into blocks of rows and groups of panels.</summary>
internal static class MatrixProduct
{
    public static void Run(WorkerPool pool, in LinearCall call)
    {
        if (call.Rows == 0) return;
        call.ThrowIfChanged();
        var isa = call.Weights.Kernels.Isa;
        if (isa.Wide) Run<Lanes512>(pool, call);
        else if (isa.Set >= InstructionSet.Avx2) Run<Lanes256>(pool, call);
        else Run<Lanes128>(pool, call);
    }

    static unsafe void Run<TLanes>(WorkerPool pool, in LinearCall call) where TLanes : struct, ILanes<TLanes>
    {
        if (call.Weights.Blocks is not null && call.IsStep)
        {
            BlockProduct.Run<TLanes>(pool, call);
            return;
        }
        var plan = ProductPlan.Make(call, pool.Threads, pool.Caches);
        var work = new ProductWork<TLanes> { Call = call, Plan = plan };
        if (plan.RowBlocks == 1) work.PrepareOnce();
        pool.Run(work, plan.RowBlocks * plan.PanelGroups);
    }
}

/// <summary>How a product is cut. Nothing here changes a result's bits: every sum runs over the inputs in order.</summary>
internal readonly record struct ProductPlan
{
    /// <summary>Steps in a block: 5 KiB of each row, so that a block of rows stays in the second-level cache.</summary>
    const int BlockSteps = 1280;

    const int FewRows = 14;

    /// <summary>Rows in a block: the more, the less often weights are read; at least so many, and at most.</summary>
    const int LeastBlockRows = 24;
    const int MostBlockRows = 294;

    /// <summary>The same where panels are made of ggml's blocks for each block of rows, which costs more than rows out of cache.</summary>
    const int LeastUnpackedRows = 252;

    /// <summary>The part of the second-level cache that a block of rows fills; panels and sums pass through the rest.</summary>
    const int RowsPart = 2;

    /// <summary>The part of the first-level cache that the inputs of a panel fill.</summary>
    const int PanelPart = 2;

    /// <summary>Weights worth a part of their own, in bytes: some microseconds of streaming.</summary>
    const long PartBytes = 48 * 1024;

    /// <summary>Panels whose sums wait for the next block of steps, at least and at most; the part of the cache that they fill.</summary>
    const int LeastWaitingPanels = 4;
    const int MostWaitingPanels = 40;
    const int SumsPart = 4;

    const int LeastCachedInputs = 32;

    /// <summary>
    /// Weights that several blocks of rows meet one after the other, so that all but the first find them in the last-level cache; and the
    /// fewest panels, for which rows are worth preparing again.
    /// </summary>
    const long GroupBytes = 4 << 20;
    const int LeastGroupPanels = 16;

    public int RowBlocks { get; init; }

    public int RowsPerBlock { get; init; }

    public int PanelGroups { get; init; }

    public int PanelsPerGroup { get; init; }

    public int StepsPerBlock { get; init; }

    public int StepBlocks { get; init; }

    /// <summary>Inputs of a panel in float32 that stay in the first-level cache beside the rows and sums that meet them.</summary>
    public int CachedInputs { get; init; }

    public static ProductPlan Make(in LinearCall call, int threads, CacheSizes caches)
    {
        var weights = call.Weights;
        int strip = call.Kernel.MaxRows, allSteps = call.Kernel.StepsFor(weights.Inputs);
        // So few rows stay in cache whole.
        int stepBlocks = call.Rows <= FewRows ? 1 : Ceiling(allSteps, BlockSteps),
            // Whole tiles and whole codes, or pairs of groups of blocks.
            steps = RoundUp(Ceiling(allSteps, stepBlocks), weights.Blocks is null ? 16 : 2 * BlockInputs.GroupSize);
        long rowBytes = (long)steps * call.Kernel.StepInputs * call.Kernel.RowInputBytes;
        int leastRows = weights.Blocks is null ? LeastBlockRows : LeastUnpackedRows;
        int cachedRows = (int)Math.Clamp(caches.Second / RowsPart / rowBytes, leastRows, MostBlockRows);
        int blocks = Ceiling(call.Rows, Math.Max(strip, cachedRows / strip * strip));
        int rows = RoundUp(Ceiling(call.Rows, blocks), strip);
        blocks = Ceiling(call.Rows, rows);

        int all = call.Panels, wanted = Math.Max(1, Ceiling(4 * threads, blocks));
        if (threads == 1) wanted = 1;
        int waiting = Math.Clamp(
            caches.Second / SumsPart / (rows * PackedMatrix.PanelWidth * sizeof(float)), LeastWaitingPanels, MostWaitingPanels);
        if (stepBlocks > 1) wanted = Math.Max(wanted, Ceiling(all, waiting));
        long most = Math.Max(1, all * weights.PanelBytes * Math.Max(1, call.Rows / 8) / PartBytes);
        int panels = Ceiling(all, (int)Math.Min(Math.Min(wanted, most), all));
        if (stepBlocks > 1) panels = Math.Min(panels, waiting);
        if (blocks > 1) panels = (int)Math.Clamp(GroupBytes / weights.PanelBytes, Math.Min(LeastGroupPanels, panels), panels);
        return new ProductPlan
        {
            RowBlocks = blocks,
            RowsPerBlock = rows,
            PanelGroups = Ceiling(all, panels),
            PanelsPerGroup = panels,
            StepBlocks = Ceiling(allSteps, steps),
            StepsPerBlock = steps,
            CachedInputs = Math.Max(LeastCachedInputs, caches.First / PanelPart / (PackedMatrix.PanelWidth * sizeof(float)) / 16 * 16),
        };
    }

    static int Ceiling(int value, int divisor) => (value + divisor - 1) / divisor;

    static int RoundUp(int value, int multiple) => Ceiling(value, multiple) * multiple;
}
