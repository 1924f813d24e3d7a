namespace Earshot.Compute.Cpu.Kernels;

/// <summary>
/// Stretches of prompts that attend causally to their rows' pages, in which their own keys and values are already: some key heads at
/// a time, all positions are packed as for <see cref="SequenceAttention{TLanes}"/>, then blocks of tokens attend. Everything is
/// read from the pages and cut at fixed positions, so that a token's bits do not depend on where its stretch begins or ends.
/// </summary>
internal static unsafe class PromptAttention<TLanes, TElements>
    where TLanes : struct, ILanes<TLanes>
    where TElements : struct, IPageElements<TLanes>
{
    /// <summary>Panels that are made at once, where one head's are not more: little beside a long past itself.</summary>
    const nint PanelBytes = 8 << 20;

    const int BlockPositions = HeadLayout.BlockPositions;
    const int PagePositions = PageTable.PagePositions;

    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        foreach (var stretch in call.Layout.Stretches) Run(pool, call, stretch);
    }

    static void Run(WorkerPool pool, in CachedAttentionCall call, in PromptStretch stretch)
    {
        int origin = call.Heads.Window == 0 ? 0 : Math.Max(0, stretch.First + 1 - call.Heads.Window) / BlockPositions * BlockPositions;
        int end = stretch.First + stretch.Count, keyHeads = call.Heads.KeyValue, group = call.Heads.Query / keyHeads;
        var layout = new HeadLayout(call.Kernel, call.HeadSize, end - origin);
        int together = (int)Math.Clamp(PanelBytes / layout.Bytes, 1, keyHeads), most = HeadAttention<TLanes>.RowsAtOnce(call.Kernel);
        byte* panels = Scratch.ForCall(together * layout.Bytes);
        var work = new Stretch { Call = call, Tokens = stretch, Layout = layout, Origin = origin, Panels = panels };
        int packed = (end - origin + BlockPositions - 1) / BlockPositions, blocks = (stretch.Count + most - 1) / most;
        for (int head = 0; head < keyHeads; head += together)
        {
            work.FirstHead = head;
            int heads = Math.Min(together, keyHeads - head);
            pool.Run(new PackWork { Stretch = work, Blocks = packed }, heads * packed);
            pool.Run(new BlockWork { Stretch = work, Blocks = blocks }, heads * group * blocks);
        }
    }

    /// <summary>A stretch, and the panels of the key heads that are under way; positions count from <see cref="Origin"/>.</summary>
    struct Stretch
    {
        public CachedAttentionCall Call;
        public PromptStretch Tokens;
        public HeadLayout Layout;
        public int Origin;
        public byte* Panels;
        public int FirstHead;
    }

    /// <summary>Packs a block of positions of one key head.</summary>
    struct PackWork : IParallelWork
    {
        public Stretch Stretch;
        public int Blocks;

        public readonly void Execute(int part)
        {
            int head = part / Blocks, block = part % Blocks, end = Stretch.Tokens.First + Stretch.Tokens.Count;
            int first = Stretch.Origin + block * BlockPositions, last = Math.Min(first + BlockPositions, end), size = Stretch.Layout.Size;
            var pages = Stretch.Call.Cache.PagesOf(Stretch.Tokens.Row, end);
            var pageLayout = Stretch.Call.Cache.Layout;
            byte* panels = Stretch.Panels + head * Stretch.Layout.Bytes;
            float* rows = (float*)Scratch.ForPart((nint)PagePositions * size * sizeof(float));
            for (; first < last; first += PagePositions)
            {
                byte* page = Stretch.Call.Cache.Page(pages[first / PagePositions]);
                nint keys = pageLayout.Keys(Stretch.FirstHead + head);
                float* scales = (float*)(page + pageLayout.KeyScales(Stretch.FirstHead + head));
                var packed = new HeadRows(rows, size, first - Stretch.Origin, Math.Min(PagePositions, last - first));
                Read(page + keys, scales, packed);
                HeadPanels<TLanes>.PackKeys(Stretch.Layout, packed, panels);
                Read(page + keys + pageLayout.ValuesFromKeys, (float*)((byte*)scales + pageLayout.ValuesFromKeys), packed);
                HeadPanels<TLanes>.PackValues(Stretch.Layout, packed, panels);
            }
        }

        readonly void Read(byte* source, float* scales, in HeadRows rows)
        {
            int size = Stretch.Layout.Size, bytes = Stretch.Call.Cache.Layout.RowBytes;
            for (int p = 0; p < rows.Count; p++, source += bytes)
            {
                float* row = rows.Start + p * rows.Stride;
                float scale = TElements.HasScales ? scales[p] : 1;
                int i = 0;
                for (; i <= size - TLanes.Count; i += TLanes.Count)
                {
                    var value = TElements.Load(source, i);
                    (TElements.HasScales ? value * TLanes.Create(scale) : value).Store(row + i);
                }
                for (; i < size; i++) row[i] = TElements.LoadOne(source, i) * scale;
            }
        }
    }

    /// <summary>A block of the stretch's tokens and one query head.</summary>
    struct BlockWork : IParallelWork
    {
        public Stretch Stretch;
        public int Blocks;

        public readonly void Execute(int part)
        {
            var heads = Stretch.Call.Heads;
            int group = heads.Query / heads.KeyValue, most = HeadAttention<TLanes>.RowsAtOnce(Stretch.Layout.Kernel);
            // The last tokens see most: they begin first.
            int head = part / Blocks, block = Blocks - 1 - part % Blocks, first = block * most, size = Stretch.Layout.Size;
            nint width = (nint)heads.Query * size;
            nint offset = (Stretch.Tokens.Token + first) * width + (nint)(Stretch.FirstHead * group + head) * size;
            var attention = new HeadAttention<TLanes>
            {
                Layout = Stretch.Layout,
                Panels = Stretch.Panels + head / group * Stretch.Layout.Bytes,
                Positions = Stretch.Tokens.First + Stretch.Tokens.Count - Stretch.Origin,
                Queries = Stretch.Call.Q + offset,
                QueryStride = width,
                Output = Stretch.Call.Output + offset,
                OutputStride = width,
                Rows = Math.Min(most, Stretch.Tokens.Count - first),
                Span = new KeySpan(
                    default, Stretch.Call.Heads with { Causal = true }, Stretch.Tokens.First + Stretch.Tokens.Count - Stretch.Origin),
                FirstPosition = Stretch.Tokens.First + first - Stretch.Origin,
            };
            attention.Run();
        }
    }
}
