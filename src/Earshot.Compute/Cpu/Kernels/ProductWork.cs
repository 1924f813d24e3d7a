using Earshot.Compute.Cpu.Emit;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>One part of a matrix product: a block of rows by a group of panels.</summary>
internal unsafe partial struct ProductWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    const int Width = PackedMatrix.PanelWidth;
    const int TileRowBytes = Width * sizeof(float);

    /// <summary>Inputs of a panel of codes that are unpacked at once: 16 KiB, a third of a first-level cache.</summary>
    const int UnpackedInputs = 128;

    /// <summary>Strips of rows for which a panel is worth widening: each reads it once.</summary>
    const int WidenedRows = 2;

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

        /// <summary>Sums of the int8 rows, of which each row may have two.</summary>
        public int* Sums;
    }

    readonly MicroKernel Kernel => Call.Kernel;

    readonly int Steps => Kernel.StepsFor(Call.Weights.Inputs);

    /// <summary>Int8 rows for each row: few rows wait for the weights, and are kept to 15 bits at no cost.</summary>
    readonly int Parts => Kernel.RowType == PanelType.Int8 && Call.IsStep ? 2 : 1;

    /// <summary>Prepares the rows for all parts, on the calling thread.</summary>
    public void PrepareOnce()
    {
        if (Kernel.RowType == PanelType.F32 && Steps * Kernel.StepInputs == Call.Weights.Inputs && Call.Rows <= 4 && Call.Patches == null)
        {
            // So few rows are read where they are.
            _all = new RowBlock { Start = (byte*)Call.X, Stride = Call.XStride * sizeof(float) };
            return;
        }
        nint stride = RowStride(Steps);
        _all = Place(Scratch.ForCall(BlockBytes(Call.Rows, stride)), Call.Rows, stride);
        FindScales(_all, 0, Call.Rows);
        Convert(_all, 0, Call.Rows, 0, Steps);
    }

    public readonly void Execute(int part)
    {
        // All rows meet some panels before the next ones are read, which so come from memory once.
        int block = part % Plan.RowBlocks, group = part / Plan.RowBlocks;
        int firstRow = block * Plan.RowsPerBlock, rows = Math.Min(Plan.RowsPerBlock, Call.Rows - firstRow);
        int firstPanel = group * Plan.PanelsPerGroup, panels = Math.Min(Plan.PanelsPerGroup, Call.Panels - firstPanel);
        bool shared = _all.Start != null;
        nint stride = shared ? _all.Stride : RowStride(Plan.StepsPerBlock);
        nint tileBytes = (nint)rows * Parts * TileRowBytes;
        if (EmittedCodes(rows))
        {
            MultiplyCodes(firstPanel, panels, rows);
            return;
        }
        int tiles = Plan.StepBlocks > 1 ? panels : 1;
        nint unpackedBytes =
            Call.Weights.Groups is not null ? UnpackedInputs * PackedMatrix.StepBytes
            : Call.Weights.Blocks is { } blocks ? BlockUnpacking.Bytes(blocks, UnpackedInputs)
            : Widens(rows) ? Plan.CachedInputs * TileRowBytes : 0;
        byte* scratch = Scratch.ForPart(unpackedBytes + tiles * tileBytes + (shared ? 0 : BlockBytes(rows, stride)));
        var sums = (float*)(scratch + unpackedBytes);
        var rowBlock = shared ? _all : Place((byte*)sums + tiles * tileBytes, rows, stride);
        if (!shared) FindScales(rowBlock, firstRow, rows);

        MicroArguments arguments = default;
        for (int stepBlock = 0; stepBlock < Plan.StepBlocks; stepBlock++)
        {
            int firstStep = stepBlock * Plan.StepsPerBlock, steps = Math.Min(Plan.StepsPerBlock, Steps - firstStep);
            if (!shared) Convert(rowBlock, firstRow, rows, firstStep, steps);
            byte* start = rowBlock.Start + (shared ? (nint)firstStep * StepRowBytes : 0);
            for (int p = 0; p < panels; p++)
            {
                float* tile = sums + (tiles == 1 ? 0 : (nint)p * rows * Parts * Width);
                arguments = new MicroArguments
                {
                    Rows = start,
                    RowStride = stride,
                    Steps = steps,
                    Sums = tile,
                    SumStride = TileRowBytes,
                    Accumulate = stepBlock > 0 ? 1 : 0,
                    TileRows = arguments.TileRows,
                };
                var target = Call.Locate(firstPanel + p, out int panel);
                if (target.Weights.Blocks is { } rowsOfBlocks)
                {
                    MultiplyBlocks(new BlockUnpacking(rowsOfBlocks, panel, scratch, UnpackedInputs), &arguments, rows, firstStep);
                }
                else
                {
                    arguments.Panel = target.Weights.Panel(panel);
                    if (Call.Weights.Groups is { } groups)
                        MultiplyGrouped(groups, &arguments, rows, firstStep * Kernel.StepInputs, (float*)scratch);
                    else
                    {
                        byte* next = p + 1 < panels ? NextPanel(firstPanel + p + 1, firstStep) : null;
                        Multiply(&arguments, rows, firstStep, (float*)scratch, next);
                    }
                }
                if (stepBlock == Plan.StepBlocks - 1) Finish(target, panel, rowBlock, tile, firstRow, rows);
            }
        }
        Kernel.Release(&arguments);
    }

    readonly byte* NextPanel(int index, int firstStep)
    {
        var target = Call.Locate(index, out int panel);
        return target.Weights.Groups is null && target.Weights.Blocks is null
            ? target.Weights.Panel(panel) + (nint)firstStep * PackedMatrix.StepBytes
            : null;
    }

    readonly int StepRowBytes => Kernel.StepInputs * Kernel.RowInputBytes;

    /// <summary>Whether few rows meet codes in whole groups, for which there is emitted code; it reads rows of float32.</summary>
    readonly bool EmittedCodes(int rows) =>
        _all.Start != null && Kernel == Call.Weights.Kernel && Call.Weights.Groups is { } groups && Call.Weights.Kernels.Codes is not null
        && rows <= EmittedCodeRows && Call.Weights.Inputs % groups.GroupSize == 0;

    readonly void MultiplyCodes(int firstPanel, int panels, int rows)
    {
        var groups = Call.Weights.Groups!.Value;
        const int tileBytes = Int4Kernels.MaxPanels * Int4Kernels.MaxRows * TileRowBytes;
        byte* scratch = Scratch.ForPart(tileBytes + (nint)groups.Groups * Int4Kernels.MaxPanels * TileRowBytes);
        var sums = (float*)scratch;
        var scales = (float*)(scratch + tileBytes);
        int strips = (rows + Int4Kernels.MaxRows - 1) / Int4Kernels.MaxRows;
        for (int p = 0, taken; p < panels; p += taken)
        {
            var target = Call.Locate(firstPanel + p, out int own);
            taken = Math.Min(Int4Kernels.MaxPanels, Math.Min(panels - p, target.Weights.Panels - own));
            byte* panel = target.Weights.Panel(own);
            GroupedPanels<TLanes>.Scales(groups, panel, taken, scales);
            for (int strip = 0, row = 0; strip < strips; strip++)
            {
                int count = (rows - row + strips - strip - 1) / (strips - strip);
                var arguments =
                    new MicroArguments { Rows = _all.Start + row * _all.Stride, RowStride = _all.Stride, Panel = panel, Sums = sums };
                GroupedPanels<TLanes>.Multiply(Call.Weights.Kernels.Codes!, groups, &arguments, count, taken, scales);
                for (int i = 0; i < taken; i++) Finish(target, own + i, _all, sums + i * count * Width, row, count);
                row += count;
            }
        }
    }

    /// <summary>
    /// Whether so many rows meet a panel that it is widened once, and not in registers for each strip; any do where a kernel does not
    /// widen itself.
    /// </summary>
    readonly bool Widens(int rows) =>
        Kernel.RowType == PanelType.Int16
        || (Kernel.RowType == PanelType.F32 && Kernel.Type != PanelType.F32 && rows > WidenedRows * Kernel.MaxRows);

    // Some steps at a time, so that the panel's stay in the first-level cache while the strips of rows pass: sums go on in order.
    readonly void Multiply(MicroArguments* arguments, int rows, int firstStep, float* widened, byte* nextPanel)
    {
        arguments->Panel += (nint)firstStep * PackedMatrix.StepBytes;
        bool widens = Widens(rows);
        var kernel = widens ? Kernel.Widened ?? Call.Weights.Kernels.F32 : Kernel;
        int steps = (int)arguments->Steps;
        // Rows that are not float32 make panels that are half as long, or a quarter, unless those are widened.
        bool whole = rows <= kernel.OnePassRows || kernel.RowType is not (PanelType.F32 or PanelType.Int16);
        int most = whole ? steps : Plan.CachedInputs / Kernel.StepInputs;
        var all = *arguments;
        for (int step = 0; step < steps; step += most)
        {
            int count = Math.Min(most, steps - step);
            *arguments = all with
            {
                Rows = all.Rows + (nint)step * StepRowBytes,
                Panel = all.Panel + (nint)step * PackedMatrix.StepBytes,
                Steps = count,
                Accumulate = step > 0 ? 1 : all.Accumulate,
                TileRows = arguments->TileRows,
            };
            if (widens)
            {
                WidenedPanels<TLanes>.Unpack(Kernel, kernel, arguments->Panel, count, widened);
                arguments->Panel = (byte*)widened;
                arguments->Steps = count * Kernel.StepInputs / kernel.StepInputs;
            }
            // Few rows wait for what they read themselves, and many of float32 leave time enough.
            bool looksAhead = kernel.RowType != PanelType.F32 && !widens && rows * Parts > 2 * kernel.MaxRows;
            byte* next = !looksAhead ? null : step + count < steps ? all.Panel + (nint)(step + count) * PackedMatrix.StepBytes : nextPanel;
            kernel.RunStrips(arguments, rows * Parts, next, (nint)Math.Min(most, steps) * PackedMatrix.StepBytes);
        }
    }

    readonly void Finish(in LinearTarget target, int panel, in RowBlock rowBlock, float* tile, int firstRow, int rows) =>
        new ProductEpilogue<TLanes>(Call, target, panel * Width, firstRow)
            .Finish(tile, rows, new RowUnits { Scales = rowBlock.Scales, Sums = rowBlock.Sums, Pairs = Parts == 2 });

    readonly nint RowStride(int steps)
    {
        nint bytes = ((nint)steps * StepRowBytes + 63) & ~63;
        // Rows a multiple of 1 KiB apart would share few of the first-level cache's sets.
        return bytes % 1024 == 0 ? bytes + 64 : bytes;
    }

    readonly nint BlockBytes(int rows, nint stride) => (nint)rows * (Parts * (stride + sizeof(int)) + sizeof(float)) + 128;

    readonly RowBlock Place(byte* start, int rows, nint stride)
    {
        var scales = (float*)(start + rows * Parts * stride);
        return new RowBlock { Start = start, Stride = stride, Scales = scales, Sums = (int*)(scales + rows) };
    }

    readonly void FindScales(in RowBlock block, int firstRow, int rows)
    {
        if (!Kernel.SumsIntegers) return;
        float units = Kernel.RowType == PanelType.Int8 ? 127 : Rows<TLanes>.WordUnits(Call.Weights.Inputs);
        for (int r = 0; r < rows; r++)
        {
            float largest = Call.Patches == null
                ? Rows<TLanes>.Largest(Call.X + (firstRow + r) * Call.XStride, Call.Weights.Inputs)
                : Call.Patches->Largest<TLanes>(firstRow + r);
            block.Scales[r] = largest / units;
        }
        new Span<int>(block.Sums, rows * Parts).Clear();
    }

    readonly void Convert(in RowBlock block, int firstRow, int rows, int firstStep, int steps)
    {
        int first = firstStep * Kernel.StepInputs, padded = steps * Kernel.StepInputs,
            count = Math.Clamp(Call.Weights.Inputs - first, 0, padded);
        if (Call.Patches != null)
        {
            Gather(block, firstRow, rows, first, count, padded);
            return;
        }
        for (int r = 0; r < rows; r++) Convert(block, r, Call.X + (firstRow + r) * Call.XStride + first, count, padded);
    }

    readonly void Convert(in RowBlock block, int row, float* source, int count, int padded)
    {
        byte* destination = block.Start + row * Parts * block.Stride;
        if (Kernel.RowType == PanelType.F32) Rows<TLanes>.ToF32(source, count, (float*)destination, padded);
        else if (Kernel.RowType == PanelType.BF16) Rows<TLanes>.ToBF16(source, count, (ushort*)destination, padded);
        else if (Kernel.RowType == PanelType.Int16)
        {
            float scale = block.Scales[row];
            Rows<TLanes>.ToInt16(source, count, scale == 0 ? 0 : 1 / scale, (short*)destination, padded);
        }
        else ToInt8(block, row, source, count, padded);
    }

    // float32 goes straight to its place, the others through a buffer.
    readonly void Gather(in RowBlock block, int firstRow, int rows, int first, int count, int padded)
    {
        bool direct = Kernel.RowType == PanelType.F32;
        var rented = direct ? null : System.Buffers.ArrayPool<float>.Shared.Rent(Math.Max(1, count));
        fixed (float* buffer = rented)
        {
            for (int r = 0; r < rows; r++)
            {
                float* gathered = direct ? (float*)(block.Start + r * block.Stride) : buffer;
                Call.Patches->Copy(firstRow + r, first, count, gathered);
                if (direct) new Span<float>(gathered + count, padded - count).Clear();
                else Convert(block, r, gathered, count, padded);
            }
        }
        if (rented is not null) System.Buffers.ArrayPool<float>.Shared.Return(rented);
    }

    readonly void ToInt8(in RowBlock block, int row, float* source, int count, int padded)
    {
        float inverse = block.Scales[row] == 0 ? 0 : 1 / block.Scales[row];
        var codes = (sbyte*)block.Start + row * Parts * block.Stride;
        if (Parts == 2)
            Rows<TLanes>.ToInt8Pair(source, count, inverse, new Int8Pair(codes, codes + block.Stride, padded), block.Sums + 2 * row);
        else block.Sums[row] += Rows<TLanes>.ToInt8(source, count, inverse, codes, padded);
    }
}
