using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>One part of a matrix product: a block of rows by a group of panels.</summary>
internal unsafe struct ProductWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int TileRowBytes = Width * sizeof(float);

    /// <summary>Inputs of a panel of codes that are unpacked at once: 16 KiB, a third of a first-level cache.</summary>
    const int UnpackedInputs = 128;

    /// <summary>Rows that emitted code multiplies by codes directly, in strips of four; more are worth unpacking for.</summary>
    const int EmittedCodeRows = 8;

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
        if (Kernel.RowType == PanelType.F32 && Call.Weights.Steps * Kernel.StepInputs == Call.Weights.Inputs && Call.Rows <= 4)
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
        if (EmittedCodes(rows))
        {
            MultiplyCodes(firstPanel, panels, rows);
            return;
        }
        int tiles = Plan.StepBlocks > 1 ? panels : 1;
        nint unpackedBytes = Call.Weights.Groups is null ? 0 : UnpackedInputs * PackedMatrix.StepBytes;
        byte* scratch = Scratch.ForPart(unpackedBytes + tiles * tileBytes + (shared ? 0 : BlockBytes(rows, stride)));
        var sums = (float*)(scratch + unpackedBytes);
        var rowBlock = shared ? _all : Place((byte*)sums + tiles * tileBytes, rows, stride);
        if (!shared) FindScales(rowBlock, firstRow, rows);

        MicroArguments arguments = default;
        for (int stepBlock = 0; stepBlock < Plan.StepBlocks; stepBlock++)
        {
            int firstStep = stepBlock * Plan.StepsPerBlock, steps = Math.Min(Plan.StepsPerBlock, Call.Weights.Steps - firstStep);
            if (!shared) Convert(rowBlock, firstRow, rows, firstStep, steps);
            byte* start = rowBlock.Start + (shared ? (nint)firstStep * StepRowBytes : 0);
            for (int p = 0; p < panels; p++)
            {
                float* tile = sums + (tiles == 1 ? 0 : (nint)p * rows * Width);
                arguments = new MicroArguments { Rows = start, RowStride = stride, Steps = steps, Sums = tile, SumStride = TileRowBytes, Accumulate = stepBlock > 0 ? 1 : 0, TileRows = arguments.TileRows };
                arguments.Panel = Call.Weights.Panel(firstPanel + p);
                if (Call.Weights.Groups is { } groups) MultiplyGrouped(groups, &arguments, rows, firstStep, (float*)scratch);
                else Multiply(&arguments, rows, firstStep);
                if (stepBlock == Plan.StepBlocks - 1) Finish(rowBlock, tile, firstRow, rows, firstPanel + p);
            }
        }
        Kernel.Release(&arguments);
    }

    readonly int StepRowBytes => Kernel.StepInputs * Kernel.RowInputBytes;

    /// <summary>Whether few rows meet codes in whole groups, for which there is emitted code.</summary>
    readonly bool EmittedCodes(int rows) =>
        _all.Start != null && Call.Weights.Groups is { } groups && Call.Weights.Kernels.Codes is not null && rows <= EmittedCodeRows && Call.Weights.Inputs % groups.GroupSize == 0;

    readonly void MultiplyCodes(int firstPanel, int panels, int rows)
    {
        var groups = Call.Weights.Groups!.Value;
        const int tileBytes = CodeKernels.MaxPanels * CodeKernels.MaxRows * TileRowBytes;
        byte* scratch = Scratch.ForPart(tileBytes + (nint)groups.Groups * CodeKernels.MaxPanels * TileRowBytes);
        var sums = (float*)scratch;
        var scales = (float*)(scratch + tileBytes);
        int strips = (rows + CodeKernels.MaxRows - 1) / CodeKernels.MaxRows;
        for (int p = 0, taken; p < panels; p += taken)
        {
            taken = Math.Min(CodeKernels.MaxPanels, panels - p);
            byte* panel = Call.Weights.Panel(firstPanel + p);
            GroupedPanels<TLanes>.Scales(groups, panel, taken, scales);
            for (int strip = 0, row = 0; strip < strips; strip++)
            {
                int count = (rows - row + strips - strip - 1) / (strips - strip);
                var arguments = new MicroArguments { Rows = _all.Start + row * _all.Stride, RowStride = _all.Stride, Panel = panel, Sums = sums };
                GroupedPanels<TLanes>.Multiply(Call.Weights.Kernels.Codes!, groups, &arguments, count, taken, scales);
                for (int i = 0; i < taken; i++) Finish(_all, sums + i * count * Width, row, count, firstPanel + p + i);
                row += count;
            }
        }
    }

    readonly void Multiply(MicroArguments* arguments, int rows, int firstStep)
    {
        arguments->Panel += (nint)firstStep * PackedMatrix.StepBytes;
        Kernel.RunStrips(arguments, rows);
    }

    readonly void MultiplyGrouped(in GroupLayout groups, MicroArguments* arguments, int rows, int firstInput, float* unpacked)
    {
        if (rows <= GroupedPanels<TLanes>.DirectRows && Plan.StepBlocks == 1)
        {
            GroupedPanels<TLanes>.Multiply(groups, arguments, rows);
            return;
        }
        var whole = *arguments;
        int end = firstInput + (int)whole.Steps;
        for (int input = firstInput; input < end; input += UnpackedInputs)
        {
            int count = Math.Min(UnpackedInputs, end - input);
            GroupedPanels<TLanes>.Unpack(groups, whole.Panel, input, count, unpacked);
            *arguments = whole with
            {
                Rows = whole.Rows + (nint)(input - firstInput) * sizeof(float),
                Panel = (byte*)unpacked,
                Steps = count,
                Accumulate = input > 0 ? 1 : 0,
            };
            Kernel.RunStrips(arguments, rows);
        }
    }

    readonly void Finish(in RowBlock rowBlock, float* tile, int firstRow, int rows, int panel)
    {
        int firstColumn = panel * Width;
        var finish = new ProductEpilogue<TLanes>(Call, firstColumn);
        for (int r = 0; r < rows; r++)
        {
            float* row = tile + r * Width;
            if (Kernel.RowType == PanelType.Int8) finish.Dequantize(row, rowBlock.Scales[r], rowBlock.Sums[r]);
            else if (Kernel.Type == PanelType.Int8) finish.Scale(row);
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
