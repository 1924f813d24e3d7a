namespace Earshot.Compute.Cpu.Kernels;

/// <summary>One part of a matrix product: a block of rows by a group of panels.</summary>
internal unsafe struct ProductWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int TileRowBytes = Width * sizeof(float);

    public LinearCall Call;
    public ProductPlan Plan;

    // Set where one block holds all rows, which are then prepared once for all parts.
    RowBlock _all;

    /// <summary>Rows as the kernel reads them: all their steps, or those of one block.</summary>
    struct RowBlock
    {
        public byte* Start;
        public nint Stride;
        public float* Scales;
        public int* Sums;
    }

    readonly MicroKernel Kernel => Call.Weights.Kernel;

    /// <summary>Prepares the rows for all parts, on the calling thread.</summary>
    public void PrepareOnce()
    {
        if (Kernel.RowType == PanelType.F32 && Kernel.StepMultiple == 1 && Call.Rows <= 4)
        {
            // So few rows are read where they are.
            _all = new RowBlock { Start = (byte*)Call.X, Stride = Call.XStride * sizeof(float) };
            return;
        }
        nint stride = RowStride(Call.Weights.Steps);
        _all = Place(Scratch.ForCall(BlockBytes(Call.Rows, stride)), Call.Rows, stride);
        FindScales(_all, 0, Call.Rows);
        Convert(_all, 0, Call.Rows, 0, Call.Weights.Steps);
    }

    public readonly void Execute(int part)
    {
        int group = part % Plan.PanelGroups, block = part / Plan.PanelGroups;
        int firstRow = block * Plan.RowsPerBlock, rows = Math.Min(Plan.RowsPerBlock, Call.Rows - firstRow);
        int firstPanel = group * Plan.PanelsPerGroup, panels = Math.Min(Plan.PanelsPerGroup, Call.Weights.Panels - firstPanel);
        bool shared = _all.Start != null;
        nint stride = shared ? _all.Stride : RowStride(Plan.StepsPerBlock);
        nint tileBytes = (nint)rows * TileRowBytes;
        int tiles = Plan.StepBlocks > 1 ? panels : 1;
        byte* scratch = Scratch.ForPart(tiles * tileBytes + (shared ? 0 : BlockBytes(rows, stride)));
        var sums = (float*)scratch;
        var rowBlock = shared ? _all : Place(scratch + tiles * tileBytes, rows, stride);
        if (!shared) FindScales(rowBlock, firstRow, rows);

        for (int stepBlock = 0; stepBlock < Plan.StepBlocks; stepBlock++)
        {
            int firstStep = stepBlock * Plan.StepsPerBlock, steps = Math.Min(Plan.StepsPerBlock, Call.Weights.Steps - firstStep);
            if (!shared) Convert(rowBlock, firstRow, rows, firstStep, steps);
            byte* start = rowBlock.Start + (shared ? (nint)firstStep * StepRowBytes : 0);
            for (int p = 0; p < panels; p++)
            {
                float* tile = sums + (tiles == 1 ? 0 : (nint)p * rows * Width);
                Multiply(start, stride, rows, Call.Weights.Panel(firstPanel + p) + (nint)firstStep * PackedMatrix.StepBytes, steps, tile, stepBlock > 0);
                if (stepBlock == Plan.StepBlocks - 1) Finish(rowBlock, tile, firstRow, rows, firstPanel + p);
            }
        }
    }

    readonly int StepRowBytes => Kernel.StepInputs * Kernel.RowInputBytes;

    readonly void Multiply(byte* start, nint stride, int rows, byte* panel, int steps, float* tile, bool accumulate)
    {
        MicroArguments arguments;
        arguments.RowStride = stride;
        arguments.Panel = panel;
        arguments.Steps = steps;
        arguments.SumStride = TileRowBytes;
        arguments.Accumulate = accumulate ? 1 : 0;
        int strips = (rows + Kernel.MaxRows - 1) / Kernel.MaxRows;
        for (int strip = 0, done = 0; strip < strips; strip++)
        {
            // Evenly: 9 + 9 rows are faster than 14 + 4.
            int count = (rows - done + strips - strip - 1) / (strips - strip);
            arguments.Rows = start + done * stride;
            arguments.Sums = tile + done * Width;
            Kernel.Run(&arguments, count);
            done += count;
        }
    }

    readonly void Finish(in RowBlock rowBlock, float* tile, int firstRow, int rows, int panel)
    {
        int firstColumn = panel * Width;
        var finish = new ProductEpilogue<TLanes>(Call, firstColumn);
        for (int r = 0; r < rows; r++)
        {
            float* row = tile + r * Width;
            if (Kernel.Type == PanelType.Int8) finish.Dequantize(row, rowBlock.Scales[r], rowBlock.Sums[r]);
            finish.Store(row, firstRow + r);
        }
    }

    readonly nint RowStride(int steps)
    {
        nint bytes = ((nint)steps * StepRowBytes + 63) & ~63;
        // Rows a multiple of 1 KiB apart would share few of the first-level cache's sets.
        return bytes % 1024 == 0 ? bytes + 64 : bytes;
    }

    static nint BlockBytes(int rows, nint stride) => (nint)rows * (stride + sizeof(float) + sizeof(int)) + 128;

    static RowBlock Place(byte* start, int rows, nint stride)
    {
        var scales = (float*)(start + rows * stride);
        return new RowBlock { Start = start, Stride = stride, Scales = scales, Sums = (int*)(scales + rows) };
    }

    readonly void FindScales(in RowBlock block, int firstRow, int rows)
    {
        if (Kernel.RowType != PanelType.Int8) return;
        for (int r = 0; r < rows; r++)
        {
            block.Scales[r] = Rows<TLanes>.Largest(Call.X + (firstRow + r) * Call.XStride, Call.Weights.Inputs) / 127;
            block.Sums[r] = 0;
        }
    }

    readonly void Convert(in RowBlock block, int firstRow, int rows, int firstStep, int steps)
    {
        int first = firstStep * Kernel.StepInputs, padded = steps * Kernel.StepInputs, count = Math.Clamp(Call.Weights.Inputs - first, 0, padded);
        for (int r = 0; r < rows; r++)
        {
            float* source = Call.X + (firstRow + r) * Call.XStride + first;
            byte* destination = block.Start + r * block.Stride;
            if (Kernel.RowType == PanelType.F32) Rows<TLanes>.ToF32(source, count, (float*)destination, padded);
            else if (Kernel.RowType == PanelType.BF16) Rows<TLanes>.ToBF16(source, count, (ushort*)destination, padded);
            else block.Sums[r] += Rows<TLanes>.ToInt8(source, count, block.Scales[r] == 0 ? 0 : 1 / block.Scales[r], (sbyte*)destination, padded);
        }
    }
}
