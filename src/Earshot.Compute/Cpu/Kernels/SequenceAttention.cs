namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Attention within each sequence of a batch: the heads of one sequence are packed, then blocks of rows attend.</summary>
internal static unsafe class SequenceAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static void Run(WorkerPool pool, in AttentionCall call)
    {
        if (call.Time == 0) return;
        int keys = call.Earlier + call.Time;
        var span = call.Span.IsLimited || !call.Heads.Causal ? call.Span : new KeySpan(default, call.Heads, keys);
        // Int8 keys count from their mean, which is to be the same whatever the padding, and whatever is seen of them.
        bool whole = !span.IsLimited && call.Lengths == null && call.Bias.Values == null;
        var layout = new HeadLayout(call.Kernel, call.HeadSize, keys, whole ? call.KeyKernel : null);
        byte* panels = Scratch.ForCall(call.Heads.KeyValue * layout.Bytes);
        long queryWidth = (long)call.Heads.Query * call.HeadSize, keyWidth = (long)call.Heads.KeyValue * call.HeadSize;
        int most = HeadAttention<TLanes>.RowsAtOnce(call.Kernel), blocks = (call.Time + most - 1) / most;
        for (int b = 0; b < call.Batch; b++)
        {
            long first = (long)b * call.Time, firstKey = (long)b * keys;
            pool.Run(new PackHeadWork<TLanes>
            {
                Call = new PackCall
                {
                    Layout = layout,
                    Keys = call.K + firstKey * keyWidth,
                    Values = call.V + firstKey * keyWidth,
                    Heads = call.Heads.KeyValue,
                    Positions = keys,
                    Panels = panels,
                },
            }, call.Heads.KeyValue);
            pool.Run(new BlockWork
            {
                Layout = layout,
                Panels = panels,
                Queries = call.Q + first * queryWidth,
                Output = call.Output + first * queryWidth,
                Time = call.Time,
                Earlier = call.Earlier,
                Heads = call.Heads,
                Span = call.Lengths == null ? span : span.Until(call.Lengths[b]),
                Bias = call.Bias.Values == null ? null : call.Bias.Values + b * call.Bias.BatchStride,
                HeadBiasStride = call.Bias.HeadStride,
                Blocks = blocks,
            }, call.Heads.Query * blocks);
        }
    }

    /// <summary>A block of rows of one head.</summary>
    struct BlockWork : IParallelWork
    {
        public HeadLayout Layout;
        public byte* Panels;
        public float* Queries;
        public float* Output;
        public int Time;
        public int Earlier;
        public Heads Heads;
        public KeySpan Span;
        public float* Bias;
        public nint HeadBiasStride;
        public int Blocks;

        public readonly void Execute(int part)
        {
            int head = part / Blocks, block = part % Blocks, keyHead = head / (Heads.Query / Heads.KeyValue);
            var (first, rows) = Rows(block);
            nint width = (nint)Heads.Query * Layout.Size, offset = first * width + head * Layout.Size;
            var attention = new HeadAttention<TLanes>
            {
                Layout = Layout,
                Panels = Panels + keyHead * Layout.Bytes,
                Positions = Earlier + Time,
                Queries = Queries + offset,
                QueryStride = width,
                Output = Output + offset,
                OutputStride = width,
                Rows = rows,
                Span = Span,
                FirstPosition = Earlier + first,
                Bias = Bias == null ? null : Bias + head * HeadBiasStride + (nint)first * (Earlier + Time),
                BiasStride = Earlier + Time,
            };
            attention.Run();
        }

        /// <summary>
        /// As even as the kernel's strips allow: the last block is not a remainder. Tiles stay in one shape only for whole strips, so there
        /// it is.
        /// </summary>
        readonly (int First, int Count) Rows(int block)
        {
            int first = (int)((long)Time * block / Blocks);
            if (Layout.Kernel.Tiles is null) return (first, (int)((long)Time * (block + 1) / Blocks) - first);
            int most = HeadAttention<TLanes>.RowsAtOnce(Layout.Kernel);
            return (block * most, Math.Min(most, Time - block * most));
        }
    }
}
