using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Steps of decoding, or stretches of prompts, over a growing cache.</summary>
internal static unsafe class CachedAttention<TLanes> where TLanes : struct, ILanes<TLanes>
{
    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        call.Cache.FreeUnused();
        switch (call.Cache.Layout.Format)
        {
            case KeyValueFormat.F32: Run<FloatElements<TLanes>>(pool, call); break;
            case KeyValueFormat.BF16: Run<BFloat16Elements<TLanes>>(pool, call); break;
            default: Run<Int8Elements<TLanes>>(pool, call); break;
        }
    }

    static void Run<TElements>(WorkerPool pool, in CachedAttentionCall call) where TElements : struct, IPageElements<TLanes>
    {
        for (int t = 0; t < call.Layout.Count; t++) Append<TElements>(call, t);
        if (!call.Layout.Stretches.IsEmpty) PromptAttention<TLanes, TElements>.Run(pool, call);
        else pool.Run(new CachedAttentionWork<TLanes, TElements> { Call = call }, call.Layout.Count * call.Heads.KeyValue);
    }

    static void Append<TElements>(in CachedAttentionCall call, int token) where TElements : struct, IPageElements<TLanes>
    {
        int position = call.Layout.Positions[token], index = position % PageTable.PagePositions;
        int size = call.HeadSize, heads = call.Heads.KeyValue;
        var layout = call.Cache.Layout;
        byte* page = call.Cache.Claim(call.Layout.Rows[token], position);
        for (int head = 0; head < heads; head++)
        {
            nint from = ((nint)token * heads + head) * size, offset = index * layout.RowBytes;
            float keyScale = TElements.Store(call.K + from, size, page + layout.Keys(head) + offset);
            float valueScale = TElements.Store(call.V + from, size, page + layout.Values(head) + offset);
            if (!TElements.HasScales) continue;
            ((float*)(page + layout.KeyScales(head)))[index] = keyScale;
            ((float*)(page + layout.ValueScales(head)))[index] = valueScale;
        }
    }
}

/// <summary>
/// One token and key head of a decoding step, with all query heads that share the key head: visits the pages of the token's row in
/// order. All scores come first, then their maximum, then the values in order, so that a head's bits do not depend on the others.
/// </summary>
internal unsafe struct CachedAttentionWork<TLanes, TElements> : IParallelWork
    where TLanes : struct, ILanes<TLanes>
    where TElements : struct, IPageElements<TLanes>
{
    const int PagePositions = PageTable.PagePositions;
    const int AheadBytes = 2048;

    public CachedAttentionCall Call;

    /// <summary>Positions of one page: where the first one's key is, how many, and how far behind the last the next page goes on.</summary>
    struct Run
    {
        public byte* Keys;
        public float* KeyScales;
        public byte* End;
        public nint Jump;
        public int Count;
    }

    public readonly void Execute(int part)
    {
        var heads = Call.Heads;
        int t = part / heads.KeyValue, keyHead = part % heads.KeyValue, group = heads.Query / heads.KeyValue, size = Call.HeadSize;
        int end = Call.Layout.Positions[t] + 1, first = heads.Window == 0 ? 0 : Math.Max(0, end - heads.Window), count = end - first;
        int runs = (end - 1) / PagePositions - first / PagePositions + 1;
        nint stride = (count + 15) & ~15;
        var pages = (Run*)Scratch.ForPart(((runs * sizeof(Run) + 63) & ~63) + group * stride * sizeof(float));
        var scores = (float*)((byte*)pages + ((runs * sizeof(Run) + 63) & ~63));
        FindRuns(Call.Cache.PagesOf(Call.Layout.Rows[t], end), keyHead, first, new Span<Run>(pages, runs), end);
        long offset = ((long)t * heads.Query + (long)keyHead * group) * size;
        float* queries = Call.Q + offset, output = Call.Output + offset;
        for (int r = 0, p = 0; r < runs; p += pages[r++].Count)
        {
            for (int g = 0; g < group; g++) Score(queries + g * size, pages[r], scores + g * stride + p);
        }
        for (int g = 0; g < group; g++)
        {
            float* row = scores + g * stride;
            float largest = Softmax<TLanes>.Largest(row, count);
            Softmax<TLanes>.Scale(row, count, 1 / Softmax<TLanes>.Exponentials(row, count, largest));
        }
        new Span<float>(output, group * size).Clear();
        for (int r = 0, p = 0; r < runs; p += pages[r++].Count)
        {
            for (int g = 0; g < group; g++) AddValues(pages[r], scores + g * stride + p, output + g * size);
        }
    }

    readonly void FindRuns(ReadOnlySpan<int> pages, int head, int first, Span<Run> runs, int end)
    {
        var layout = Call.Cache.Layout;
        for (int r = 0; r < runs.Length; r++)
        {
            int page = first / PagePositions + r, index = r == 0 ? first % PagePositions : 0;
            byte* start = Call.Cache.Page(pages[page]), keys = start + layout.Keys(head);
            int last = Math.Min(end - page * PagePositions, PagePositions);
            runs[r] = new Run
            {
                Keys = keys + index * layout.RowBytes,
                KeyScales = (float*)(start + layout.KeyScales(head)) + index,
                End = keys + last * layout.RowBytes,
                Count = last - index,
            };
            if (r > 0) runs[r - 1].Jump = (nint)(keys - runs[r - 1].End);
        }
    }

    // Four positions at a time: their sums across lanes overlap.
    readonly void Score(float* query, in Run run, float* scores)
    {
        int size = Call.HeadSize, bytes = Call.Cache.Layout.RowBytes, p = 0;
        float scale = 1 / MathF.Sqrt(size);
        byte* k0 = run.Keys;
        for (; p <= run.Count - 4; p += 4, k0 += 4 * bytes)
        {
            byte* k1 = k0 + bytes, k2 = k1 + bytes, k3 = k2 + bytes;
            Prefetch(k0, 4 * bytes, run, 0);
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
        for (; p < run.Count; p++, k0 += bytes)
        {
            TLanes sum = default;
            int i = 0;
            for (; i <= size - TLanes.Count; i += TLanes.Count)
            {
                sum = TLanes.MultiplyAdd(TLanes.Load(query + i), TElements.Load(k0, i), sum);
            }
            scores[p] = (TLanes.Sum(sum) + Rest(query, k0, i)) * scale;
        }
        if (!TElements.HasScales) return;
        for (p = 0; p < run.Count; p++) scores[p] *= run.KeyScales[p];
    }

    // A page is too short for the processor to see that it is read in order, and comes from memory in each step.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Prefetch(byte* start, int bytes, in Run run, nint toValues)
    {
        if (!Sse.IsSupported) return;
        byte* ahead = start + AheadBytes;
        if (ahead >= run.End + toValues) ahead += run.Jump;
        for (int line = 0; line < bytes; line += 64) Sse.Prefetch0(ahead + line);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly float Rest(float* query, byte* key, int first)
    {
        float sum = 0;
        for (int i = first; i < Call.HeadSize; i++) sum += query[i] * TElements.LoadOne(key, i);
        return sum;
    }

    readonly void AddValues(in Run run, float* weights, float* output)
    {
        var layout = Call.Cache.Layout;
        int size = Call.HeadSize, bytes = layout.RowBytes, i = 0;
        byte* values = run.Keys + layout.ValuesFromKeys;
        if (TElements.HasScales)
        {
            float* scales = (float*)((byte*)run.KeyScales + layout.ValuesFromKeys);
            for (int p = 0; p < run.Count; p++) weights[p] *= scales[p];
        }
        // Four vectors of sums stay in registers while the positions pass.
        for (; i <= size - 4 * TLanes.Count; i += 4 * TLanes.Count)
        {
            TLanes a = TLanes.Load(output + i), b = TLanes.Load(output + i + TLanes.Count);
            TLanes c = TLanes.Load(output + i + 2 * TLanes.Count), d = TLanes.Load(output + i + 3 * TLanes.Count);
            byte* value = values;
            for (int p = 0; p < run.Count; p++, value += bytes)
            {
                Prefetch(value, bytes, run, layout.ValuesFromKeys);
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
            TLanes sum = TLanes.Load(output + i);
            for (int p = 0; p < run.Count; p++)
            {
                sum = TLanes.MultiplyAdd(TLanes.Create(weights[p]), TElements.Load(values + p * bytes, i), sum);
            }
            sum.Store(output + i);
        }
        for (; i < size; i++)
        {
            float sum = output[i];
            for (int p = 0; p < run.Count; p++) sum += weights[p] * TElements.LoadOne(values + p * bytes, i);
            output[i] = sum;
        }
    }
}
