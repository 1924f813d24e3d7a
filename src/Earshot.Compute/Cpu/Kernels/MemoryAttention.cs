namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Attention over a fixed memory: neighbouring tokens of one slot, such as beams, share one pass over its panels.</summary>
internal static unsafe class MemoryAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Rows of probabilities that are computed together: they are as long as the memory.</summary>
    const int WeightRows = 14;

    public static void Run(WorkerPool pool, in MemoryAttentionCall call)
    {
        int groups = CountGroups(call.Layout.Slots, HeadAttention<TLanes>.RowsTogether(call.Memory.Layout));
        pool.Run(new GroupWork { Call = call }, groups * call.Heads.Query);
    }

    public static void Weights(WorkerPool pool, in MemoryAttentionCall call, ReadOnlySpan<int> selected, Span<float> output)
    {
        int groups = CountGroups(call.Layout.Slots, WeightRows);
        fixed (int* heads = selected)
        fixed (float* start = output)
        {
            pool.Run(new WeightsWork { Call = call, Selected = heads, Count = selected.Length, Output = start }, groups * selected.Length);
        }
    }

    static int CountGroups(ReadOnlySpan<int> slots, int most)
    {
        int groups = 0;
        for (int first = 0; first < slots.Length; first += GroupLength(slots[first..], most)) groups++;
        return groups;
    }

    /// <summary>Where the group of a number is: its first token and how many it has.</summary>
    static (int First, int Count) Group(ReadOnlySpan<int> slots, int number, int most)
    {
        int first = 0;
        for (; number > 0; number--) first += GroupLength(slots[first..], most);
        return (first, GroupLength(slots[first..], most));
    }

    static int GroupLength(ReadOnlySpan<int> slots, int most)
    {
        int length = 1;
        while (length < Math.Min(slots.Length, most) && slots[length] == slots[0]) length++;
        return length;
    }

    struct GroupWork : IParallelWork
    {
        public MemoryAttentionCall Call;

        public readonly void Execute(int part)
        {
            int head = part % Call.Heads.Query, keyHead = head / (Call.Heads.Query / Call.Heads.KeyValue);
            var (first, count) = Group(Call.Layout.Slots, part / Call.Heads.Query, HeadAttention<TLanes>.RowsTogether(Call.Memory.Layout));
            nint width = (nint)Call.Heads.Query * Call.HeadSize, offset = first * width + head * Call.HeadSize;
            var attention = new HeadAttention<TLanes>
            {
                Layout = Call.Memory.Layout,
                Panels = Call.Memory.Panels(Call.Layout.Slots[first], keyHead),
                Positions = Call.Memory.Positions(Call.Layout.Slots[first]),
                Queries = Call.Q + offset,
                QueryStride = width,
                Output = Call.Output + offset,
                OutputStride = width,
                Rows = count,
            };
            attention.Run();
        }
    }

    struct WeightsWork : IParallelWork
    {
        public MemoryAttentionCall Call;
        public int* Selected;
        public int Count;
        public float* Output;

        public readonly void Execute(int part)
        {
            int selected = part % Count, head = Selected[selected], keyHead = head / (Call.Heads.Query / Call.Heads.KeyValue);
            var (first, count) = Group(Call.Layout.Slots, part / Count, WeightRows);
            int positions = Call.Memory.Positions(Call.Layout.Slots[first]);
            nint width = (nint)Call.Heads.Query * Call.HeadSize;
            var attention = new HeadAttention<TLanes>
            {
                Layout = Call.Memory.Layout,
                Panels = Call.Memory.Panels(Call.Layout.Slots[first], keyHead),
                Positions = positions,
                Queries = Call.Q + first * width + head * Call.HeadSize,
                QueryStride = width,
                Output = Output + ((nint)first * Count + selected) * positions,
                OutputStride = (nint)Count * positions,
                Rows = count,
            };
            attention.RunWeights();
        }
    }
}
