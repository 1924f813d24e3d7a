namespace Earshot.Compute.Cpu.Kernels;

/// <summary>One token and head of a decoding step: attends to its own row's positions, whose keys and values lie where the cache's table says.</summary>
internal unsafe struct CachedAttentionWork<TLanes> : IParallelWork where TLanes : struct, ILanes<TLanes>
{
    public CachedAttentionCall Call;

    public readonly void Execute(int part)
    {
        int t = part / Call.Heads.Query, head = part % Call.Heads.Query, size = Call.HeadSize;
        int offset = head / (Call.Heads.Query / Call.Heads.KeyValue) * size;
        int row = Call.Layout.Rows[t], count = Call.Layout.Positions[t] + 1;
        float* scores = (float*)Scratch.ForPart((nint)count * sizeof(float));
        float* query = Call.Q + ((long)t * Call.Heads.Query + head) * size;
        float* output = Call.Output + ((long)t * Call.Heads.Query + head) * size;
        float scale = 1 / MathF.Sqrt(size);
        for (int p = 0; p < count; p++) scores[p] = Dot(query, Call.Cache.Key(row, p) + offset, size) * scale;
        float largest = Softmax<TLanes>.Largest(scores, count);
        Softmax<TLanes>.Scale(scores, count, 1 / Softmax<TLanes>.Exponentials(scores, count, largest));
        AddValues(row, offset, scores, count, output);
    }

    readonly void AddValues(int row, int offset, float* weights, int count, float* output)
    {
        int size = Call.HeadSize, i = 0;
        // Four vectors of sums stay in registers while the positions pass.
        for (; i <= size - 4 * TLanes.Count; i += 4 * TLanes.Count)
        {
            TLanes a = default, b = default, c = default, d = default;
            for (int p = 0; p < count; p++)
            {
                float* value = Call.Cache.Value(row, p) + offset + i;
                var weight = TLanes.Create(weights[p]);
                a = TLanes.MultiplyAdd(weight, TLanes.Load(value), a);
                b = TLanes.MultiplyAdd(weight, TLanes.Load(value + TLanes.Count), b);
                c = TLanes.MultiplyAdd(weight, TLanes.Load(value + 2 * TLanes.Count), c);
                d = TLanes.MultiplyAdd(weight, TLanes.Load(value + 3 * TLanes.Count), d);
            }
            a.Store(output + i);
            b.Store(output + i + TLanes.Count);
            c.Store(output + i + 2 * TLanes.Count);
            d.Store(output + i + 3 * TLanes.Count);
        }
        for (; i <= size - TLanes.Count; i += TLanes.Count)
        {
            TLanes sum = default;
            for (int p = 0; p < count; p++) sum = TLanes.MultiplyAdd(TLanes.Create(weights[p]), TLanes.Load(Call.Cache.Value(row, p) + offset + i), sum);
            sum.Store(output + i);
        }
        for (; i < size; i++)
        {
            float sum = 0;
            for (int p = 0; p < count; p++) sum += weights[p] * Call.Cache.Value(row, p)[offset + i];
            output[i] = sum;
        }
    }

    static float Dot(float* left, float* right, int count)
    {
        TLanes a = default, b = default;
        int i = 0;
        for (; i <= count - 2 * TLanes.Count; i += 2 * TLanes.Count)
        {
            a = TLanes.MultiplyAdd(TLanes.Load(left + i), TLanes.Load(right + i), a);
            b = TLanes.MultiplyAdd(TLanes.Load(left + i + TLanes.Count), TLanes.Load(right + i + TLanes.Count), b);
        }
        for (; i <= count - TLanes.Count; i += TLanes.Count) a = TLanes.MultiplyAdd(TLanes.Load(left + i), TLanes.Load(right + i), a);
        float sum = TLanes.Sum(a + b);
        for (; i < count; i++) sum += left[i] * right[i];
        return sum;
    }
}
