namespace Earshot.Compute.Cpu.Kernels;

/// <summary>A step of decoding over a growing cache, whose elements are float32 or bfloat16.</summary>
internal static unsafe class CachedAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        int width = call.Heads.KeyValue * call.HeadSize, parts = call.Layout.Count * call.Heads.Query;
        for (int t = 0; t < call.Layout.Count; t++)
        {
            int row = call.Layout.Rows[t], position = call.Layout.Positions[t];
            call.Cache.Claim(row, position);
            Append(call.K + (long)t * width, width, call.Cache.Key(row, position), call.Cache.IsBF16);
            Append(call.V + (long)t * width, width, call.Cache.Value(row, position), call.Cache.IsBF16);
        }
        if (call.Cache.IsBF16) pool.Run(new CachedAttentionWork<TLanes, BFloat16Elements<TLanes>> { Call = call }, parts);
        else pool.Run(new CachedAttentionWork<TLanes, FloatElements<TLanes>> { Call = call }, parts);
    }

    static void Append(float* source, int width, byte* destination, bool rounds)
    {
        if (rounds) Rows<TLanes>.ToBF16(source, width, (ushort*)destination, width);
        else Rows<TLanes>.ToF32(source, width, (float*)destination, width);
    }
}

/// <summary>How a cache's elements are read.</summary>
internal unsafe interface IElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    static abstract TLanes Load(byte* row, int index);

    static abstract float LoadOne(byte* row, int index);
}

internal readonly unsafe struct FloatElements<TLanes> : IElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static TLanes Load(byte* row, int index) => TLanes.Load((float*)row + index);

    public static float LoadOne(byte* row, int index) => ((float*)row)[index];
}

internal readonly unsafe struct BFloat16Elements<TLanes> : IElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static TLanes Load(byte* row, int index) => TLanes.LoadBF16((ushort*)row + index);

    public static float LoadOne(byte* row, int index) => BFloat16.ToSingle(((ushort*)row)[index]);
}

/// <summary>One token and head of a decoding step: attends to its own row's positions, whose keys and values lie where the cache's table says.</summary>
internal unsafe struct CachedAttentionWork<TLanes, TElements> : IParallelWork
    where TLanes : struct, ILanes<TLanes>
    where TElements : struct, IElements<TLanes>
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
        for (int p = 0; p < count; p++) scores[p] = Dot(query, Call.Cache.Key(row, p), offset, size) * scale;
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
                byte* value = Call.Cache.Value(row, p);
                int at = offset + i;
                var weight = TLanes.Create(weights[p]);
                a = TLanes.MultiplyAdd(weight, TElements.Load(value, at), a);
                b = TLanes.MultiplyAdd(weight, TElements.Load(value, at + TLanes.Count), b);
                c = TLanes.MultiplyAdd(weight, TElements.Load(value, at + 2 * TLanes.Count), c);
                d = TLanes.MultiplyAdd(weight, TElements.Load(value, at + 3 * TLanes.Count), d);
            }
            a.Store(output + i);
            b.Store(output + i + TLanes.Count);
            c.Store(output + i + 2 * TLanes.Count);
            d.Store(output + i + 3 * TLanes.Count);
        }
        for (; i <= size - TLanes.Count; i += TLanes.Count)
        {
            TLanes sum = default;
            for (int p = 0; p < count; p++) sum = TLanes.MultiplyAdd(TLanes.Create(weights[p]), TElements.Load(Call.Cache.Value(row, p), offset + i), sum);
            sum.Store(output + i);
        }
        for (; i < size; i++)
        {
            float sum = 0;
            for (int p = 0; p < count; p++) sum += weights[p] * TElements.LoadOne(Call.Cache.Value(row, p), offset + i);
            output[i] = sum;
        }
    }

    static float Dot(float* left, byte* right, int first, int count)
    {
        TLanes a = default, b = default;
        int i = 0;
        for (; i <= count - 2 * TLanes.Count; i += 2 * TLanes.Count)
        {
            a = TLanes.MultiplyAdd(TLanes.Load(left + i), TElements.Load(right, first + i), a);
            b = TLanes.MultiplyAdd(TLanes.Load(left + i + TLanes.Count), TElements.Load(right, first + i + TLanes.Count), b);
        }
        for (; i <= count - TLanes.Count; i += TLanes.Count) a = TLanes.MultiplyAdd(TLanes.Load(left + i), TElements.Load(right, first + i), a);
        float sum = TLanes.Sum(a + b);
        for (; i < count; i++) sum += left[i] * TElements.LoadOne(right, first + i);
        return sum;
    }
}
