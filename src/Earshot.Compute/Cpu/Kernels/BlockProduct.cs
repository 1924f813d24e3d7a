namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Products of a decoding step with rows of ggml's blocks, which are read where they lie.</summary>
internal static unsafe class BlockProduct
{
    /// <summary>Rows that are multiplied together: their int8 stay in the second-level cache.</summary>
    const int BlockRows = 64;

    /// <summary>Weights worth a part of their own, in bytes.</summary>
    const long PartBytes = 32 * 1024;

    const int PartsPerThread = 8;

    public static void Run<TLanes>(WorkerPool pool, in LinearCall call) where TLanes : struct, ILanes<TLanes>
    {
        int blocks = (call.Rows + BlockRows - 1) / BlockRows, all = call.Panels;
        long most = all * call.Weights.PanelBytes * Math.Max(1, call.Rows / 4) / PartBytes;
        int wanted = (int)Math.Clamp(most, 1, Math.Max(1, PartsPerThread * pool.Threads / blocks));
        int panels = pool.Threads == 1 ? all : (all + wanted - 1) / wanted;
        var work = new BlockWork<TLanes>
        {
            Call = call,
            RowsPerBlock = (call.Rows + blocks - 1) / blocks,
            PanelsPerGroup = panels,
            PanelGroups = (all + panels - 1) / panels,
        };
        if (blocks == 1) work.PrepareOnce();
        pool.Run(work, blocks * work.PanelGroups);
    }
}

/// <summary>One part of such a product: a block of rows by a group of panels.</summary>
internal unsafe struct BlockWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;

    public LinearCall Call;
    public int RowsPerBlock;
    public int PanelsPerGroup;
    public int PanelGroups;

    // Set where one block holds all rows, which are then prepared once for all parts.
    byte* _all;

    /// <summary>Prepares the rows for all parts, on the calling thread.</summary>
    public void PrepareOnce()
    {
        _all = Scratch.ForCall(Call.Rows * Call.Weights.Blocks!.Inputs.Bytes);
        Prepare(0, Call.Rows, _all);
    }

    public readonly void Execute(int part)
    {
        int block = part / PanelGroups, group = part % PanelGroups;
        int firstRow = block * RowsPerBlock, rows = Math.Min(RowsPerBlock, Call.Rows - firstRow);
        int firstPanel = group * PanelsPerGroup, panels = Math.Min(PanelsPerGroup, Call.Panels - firstPanel);
        var inputs = Call.Weights.Blocks!.Inputs;
        nint scratchBytes = BlockArguments.ScratchBytes(inputs), sumBytes = (nint)rows * Width * sizeof(float);
        byte* scratch = Scratch.ForPart(scratchBytes + sumBytes + (_all == null ? rows * inputs.Bytes : 0));
        byte** weights = stackalloc byte*[Width];
        var arguments = new BlockArguments
        {
            Inputs = inputs,
            Start = _all == null ? scratch + scratchBytes + sumBytes : _all,
            Rows = rows,
            Weights = weights,
            Sums = (float*)(scratch + scratchBytes),
            SumStride = Width,
            Scratch = (float*)scratch,
        };
        if (_all == null) Prepare(firstRow, rows, arguments.Start);
        for (int p = 0; p < panels; p++)
        {
            var target = Call.Locate(firstPanel + p, out int own);
            target.Weights.Blocks!.Locate(own, weights);
            arguments.Outputs = Math.Min(Width, target.Weights.Outputs - own * Width);
            target.Weights.Blocks.Kernel.Multiply(&arguments);
            new ProductEpilogue<TLanes>(Call, target, own * Width, firstRow).Finish(arguments.Sums, rows, default);
        }
    }

    readonly void Prepare(int firstRow, int rows, byte* destination)
    {
        var blocks = Call.Weights.Blocks!;
        for (int r = 0; r < rows; r++)
            blocks.Quantize<TLanes>(Call.X + (firstRow + r) * Call.XStride, destination + r * blocks.Inputs.Bytes);
    }
}
