namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Products of two activations, batch by batch: the second is packed into panels as weights are, in float32.</summary>
internal static unsafe class ActivationProduct
{
    const int Width = PackedMatrix.PanelWidth;

    /// <summary>Rows that one part takes.</summary>
    const int BlockRows = 96;

    /// <summary>Bytes that the packed second factor takes.</summary>
    public static long PanelBytes(in ProductCall call) => call.RightBatches * call.Panels * (long)call.Inner * PackedMatrix.StepBytes;

    public static void Run(WorkerPool workers, in ProductCall call)
    {
        workers.Run(new PackWork { Call = call }, checked((int)(call.RightBatches * call.Panels)));
        int blocks = (call.Rows + BlockRows - 1) / BlockRows, parts = call.Batches * blocks;
        // Few parts are cut between their panels too.
        int groups = Math.Clamp(4 * workers.Threads / Math.Max(1, parts), 1, workers.Threads == 1 ? 1 : call.Panels);
        workers.Run(new BlockWork { Call = call, Kernel = workers.Kernels.F32, Blocks = blocks, Groups = groups }, parts * groups);
    }

    struct PackWork : IParallelWork
    {
        public ProductCall Call;

        public readonly void Execute(int part)
        {
            int batch = part / Call.Panels, first = (part - batch * Call.Panels) * Width, count = Math.Min(Width, Call.Columns - first);
            float* right = Call.Right + (nint)batch * Call.Inner * Call.Columns, panel = Call.Panel(batch, first / Width);
            if (count < Width) new Span<float>(panel, Call.Inner * Width).Clear();
            if (Call.Transposed)
            {
                for (int n = 0; n < count; n++)
                {
                    PanelPacking.F32Column(new ReadOnlySpan<float>(right + (nint)(first + n) * Call.Inner, Call.Inner), (byte*)panel, n);
                }
                return;
            }
            for (int k = 0; k < Call.Inner; k++)
            {
                new ReadOnlySpan<float>(right + (nint)k * Call.Columns + first, count)
                    .CopyTo(new Span<float>(panel + (nint)k * Width, count));
            }
        }
    }

    struct BlockWork : IParallelWork
    {
        public ProductCall Call;
        public MicroKernel Kernel;
        public int Blocks;
        public int Groups;

        public readonly void Execute(int part)
        {
            int group = part % Groups, block = part / Groups % Blocks, batch = part / Groups / Blocks;
            int firstRow = (int)((long)Call.Rows * block / Blocks), rows = (int)((long)Call.Rows * (block + 1) / Blocks) - firstRow;
            float* left = Call.Left + ((nint)batch * Call.Rows + firstRow) * Call.Inner,
                y = Call.Y + ((nint)batch * Call.Rows + firstRow) * Call.Columns;
            float* tile = (float*)Scratch.ForPart((nint)rows * PackedMatrix.StepBytes);
            nint right = Call.RightOf.At(batch);
            int end = (int)((long)Call.Panels * (group + 1) / Groups);
            for (int p = (int)((long)Call.Panels * group / Groups); p < end; p++)
            {
                // Whole panels go straight to their place.
                int count = Math.Min(Width, Call.Columns - p * Width);
                bool whole = count == Width;
                var arguments = new MicroArguments
                {
                    Rows = (byte*)left,
                    RowStride = (nint)Call.Inner * sizeof(float),
                    Panel = (byte*)Call.Panel((int)right, p),
                    Steps = Call.Inner,
                    Sums = whole ? y + p * Width : tile,
                    SumStride = whole ? (nint)Call.Columns * sizeof(float) : PackedMatrix.StepBytes,
                };
                Kernel.RunStrips(&arguments, rows);
                if (whole) continue;
                for (int r = 0; r < rows; r++)
                {
                    new ReadOnlySpan<float>(tile + r * Width, count).CopyTo(new Span<float>(y + (nint)r * Call.Columns + p * Width, count));
                }
            }
        }
    }
}

/// <summary>
/// y = left·right for each of <see cref="Batches"/>: (Rows, Inner)·(Inner, Columns), right (Columns, Inner) if it is transposed.
/// </summary>
internal unsafe struct ProductCall
{
    public float* Left;
    public float* Right;
    public float* Y;
    public float* Packed;
    public int Batches;
    public long RightBatches;

    /// <summary>Which right matrix each batch takes.</summary>
    public Broadcast RightOf;
    public int Rows;
    public int Inner;
    public int Columns;
    public bool Transposed;

    /// <summary>Panels of a right matrix.</summary>
    public readonly int Panels => (Columns + PackedMatrix.PanelWidth - 1) / PackedMatrix.PanelWidth;

    public readonly float* Panel(int batch, int index) => Packed + ((nint)batch * Panels + index) * Inner * PackedMatrix.PanelWidth;
}
