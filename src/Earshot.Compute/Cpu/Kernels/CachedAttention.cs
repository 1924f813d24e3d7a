using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>A step of decoding over a growing cache, whose elements are float32 or bfloat16.</summary>
internal static unsafe class CachedAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        for (int t = 0; t < call.Layout.Count; t++) Append(call, t);
        int parts = call.Layout.Count * call.Heads.Query;
        if (call.Cache.IsBF16) pool.Run(new CachedAttentionWork<TLanes, BFloat16Elements<TLanes>> { Call = call }, parts);
        else pool.Run(new CachedAttentionWork<TLanes, FloatElements<TLanes>> { Call = call }, parts);
    }

    static void Append(in CachedAttentionCall call, int token)
    {
        int row = call.Layout.Rows[token], position = call.Layout.Positions[token], size = call.HeadSize, heads = call.Heads.KeyValue;
        call.Cache.Claim(row, position);
        for (int head = 0; head < heads; head++)
        {
            nint offset = call.Cache.Offset(row, head) + (nint)position * call.Cache.Bytes, from = ((nint)token * heads + head) * size;
            Append(call.K + from, size, call.Cache.Keys + offset, call.Cache.IsBF16);
            Append(call.V + from, size, call.Cache.Values + offset, call.Cache.IsBF16);
        }
    }

    static void Append(float* source, int size, byte* destination, bool rounds)
    {
        if (rounds) Rows<TLanes>.ToBF16(source, size, (ushort*)destination, size);
        else Rows<TLanes>.ToF32(source, size, (float*)destination, size);
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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* row, int index) => TLanes.Load((float*)row + index);

    public static float LoadOne(byte* row, int index) => ((float*)row)[index];
}

internal readonly unsafe struct BFloat16Elements<TLanes> : IElements<TLanes> where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load(byte* row, int index) => TLanes.LoadBF16((ushort*)row + index);

    public static float LoadOne(byte* row, int index) => BFloat16.ToSingle(((ushort*)row)[index]);
}

/// <summary>One token and head of a decoding step: attends to its own row's positions, whose keys and values lie where the cache's table says.</summary>
internal unsafe struct CachedAttentionWork<TLanes, TElements> : IParallelWork
    where TLanes : struct, ILanes<TLanes>
    where TElements : struct, IElements<TLanes>
{
    const int AheadBytes = 2048;

    public CachedAttentionCall Call;

    public readonly void Execute(int part)
    {
        int t = part / Call.Heads.Query, head = part % Call.Heads.Query, keyHead = head / (Call.Heads.Query / Call.Heads.KeyValue), size = Call.HeadSize;
        int row = Call.Layout.Rows[t], count = Call.Layout.Positions[t] + 1;
        byte* scratch = Scratch.ForPart((nint)count * (sizeof(float) + sizeof(nint)));
        var offsets = (nint*)scratch;
        var scores = (float*)(offsets + count);
        FindOffsets(row, keyHead, count, offsets);
        float* query = Call.Q + ((long)t * Call.Heads.Query + head) * size;
        float* output = Call.Output + ((long)t * Call.Heads.Query + head) * size;
        Score(query, offsets, count, scores);
        float largest = Softmax<TLanes>.Largest(scores, count);
        Softmax<TLanes>.Scale(scores, count, 1 / Softmax<TLanes>.Exponentials(scores, count, largest));
        AddValues(offsets, scores, count, output);
    }

    readonly void FindOffsets(int row, int head, int count, nint* offsets)
    {
        var sources = Call.Cache.Sources(row);
        int source = -1, bytes = Call.Cache.Bytes;
        nint start = 0;
        for (int p = 0; p < count; p++)
        {
            if (sources[p] != source)
            {
                source = sources[p];
                start = Call.Cache.Offset(source, head);
            }
            offsets[p] = start + (nint)p * bytes;
        }
    }

    // Four positions at a time: their sums across lanes overlap.
    readonly void Score(float* query, nint* offsets, int count, float* scores)
    {
        int size = Call.HeadSize, p = 0;
        byte* keys = Call.Cache.Keys;
        float scale = 1 / MathF.Sqrt(size);
        for (; p <= count - 4; p += 4)
        {
            byte* k0 = keys + offsets[p], k1 = keys + offsets[p + 1], k2 = keys + offsets[p + 2], k3 = keys + offsets[p + 3];
            Prefetch(k0, 4);
            TLanes a = default, b = default, c = default, d = default;
            int i = 0;
            for (; i <= size - TLanes.Count; i += TLanes.Count)
            {
                var q = TLanes.Load(query + i);
                a = TLanes.MultiplyAdd(q, TElements.Load(k0, i), a);
                b = TLanes.MultiplyAdd(q, TElements.Load(k1, i), b);
                c = TLanes.MultiplyAdd(q, TElements.Load(k2, i), c);
                d = TLanes.MultiplyAdd(q, TElements.Load(k3, i), d);
            }
            scores[p] = (TLanes.Sum(a) + Rest(query, k0, i)) * scale;
            scores[p + 1] = (TLanes.Sum(b) + Rest(query, k1, i)) * scale;
            scores[p + 2] = (TLanes.Sum(c) + Rest(query, k2, i)) * scale;
            scores[p + 3] = (TLanes.Sum(d) + Rest(query, k3, i)) * scale;
        }
        for (; p < count; p++)
        {
            byte* key = keys + offsets[p];
            TLanes sum = default;
            int i = 0;
            for (; i <= size - TLanes.Count; i += TLanes.Count) sum = TLanes.MultiplyAdd(TLanes.Load(query + i), TElements.Load(key, i), sum);
            scores[p] = (TLanes.Sum(sum) + Rest(query, key, i)) * scale;
        }
    }

    // A past is too short for the processor to see that it is read in order, and comes from memory in each step.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly void Prefetch(byte* start, int positions)
    {
        if (!Sse.IsSupported) return;
        int bytes = positions * Call.Cache.Bytes;
        for (int line = 0; line < bytes; line += 64) Sse.Prefetch0(start + AheadBytes + line);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly float Rest(float* query, byte* key, int first)
    {
        float sum = 0;
        for (int i = first; i < Call.HeadSize; i++) sum += query[i] * TElements.LoadOne(key, i);
        return sum;
    }

    readonly void AddValues(nint* offsets, float* weights, int count, float* output)
    {
        int size = Call.HeadSize, i = 0;
        byte* values = Call.Cache.Values;
        // Four vectors of sums stay in registers while the positions pass.
        for (; i <= size - 4 * TLanes.Count; i += 4 * TLanes.Count)
        {
            TLanes a = default, b = default, c = default, d = default;
            for (int p = 0; p < count; p++)
            {
                byte* value = values + offsets[p];
                Prefetch(value, 1);
                var weight = TLanes.Create(weights[p]);
                a = TLanes.MultiplyAdd(weight, TElements.Load(value, i), a);
                b = TLanes.MultiplyAdd(weight, TElements.Load(value, i + TLanes.Count), b);
                c = TLanes.MultiplyAdd(weight, TElements.Load(value, i + 2 * TLanes.Count), c);
                d = TLanes.MultiplyAdd(weight, TElements.Load(value, i + 3 * TLanes.Count), d);
            }
            a.Store(output + i);
            b.Store(output + i + TLanes.Count);
            c.Store(output + i + 2 * TLanes.Count);
            d.Store(output + i + 3 * TLanes.Count);
        }
        for (; i <= size - TLanes.Count; i += TLanes.Count)
        {
            TLanes sum = default;
            for (int p = 0; p < count; p++) sum = TLanes.MultiplyAdd(TLanes.Create(weights[p]), TElements.Load(values + offsets[p], i), sum);
            sum.Store(output + i);
        }
        for (; i < size; i++)
        {
            float sum = 0;
            for (int p = 0; p < count; p++) sum += weights[p] * TElements.LoadOne(values + offsets[p], i);
            output[i] = sum;
        }
    }
}
