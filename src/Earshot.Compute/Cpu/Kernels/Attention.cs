using System.Numerics.Tensors;

namespace Earshot.Compute.Cpu.Kernels;

/// <summary>Attention within sequences, over a growing cache, and over a fixed memory.</summary>
internal static unsafe class Attention
{
    public static void Run(WorkerPool pool, in AttentionCall call) =>
        pool.Run(new SequenceWork { Call = call }, call.Batch * call.Heads.Query);

    public static void Run(WorkerPool pool, in CachedAttentionCall call)
    {
        int width = call.Heads.KeyValue * call.HeadSize;
        for (int t = 0; t < call.Layout.Count; t++)
        {
            call.Cache.Append(call.Layout.Rows[t], call.Layout.Positions[t], call.K + (long)t * width, call.V + (long)t * width);
        }
        pool.Run(new CachedWork { Call = call }, call.Layout.Count * call.Heads.Query);
    }

    public static void Run(WorkerPool pool, in MemoryAttentionCall call) =>
        pool.Run(new MemoryWork { Call = call }, call.Layout.Count * call.Heads.Query);

    /// <summary>Probabilities of selected heads: output (tokens, selected, positions).</summary>
    public static void Weights(in MemoryAttentionCall call, ReadOnlySpan<int> selected, Span<float> output)
    {
        int positions = call.Memory.Positions(call.Layout.Slots[0]), size = call.HeadSize, group = call.Heads.Query / call.Heads.KeyValue;
        for (int t = 0; t < call.Layout.Count; t++)
        {
            for (int s = 0; s < selected.Length; s++)
            {
                int head = selected[s];
                var q = new ReadOnlySpan<float>(call.Q + ((long)t * call.Heads.Query + head) * size, size);
                var scores = output.Slice((t * selected.Length + s) * positions, positions);
                for (int p = 0; p < positions; p++) scores[p] = TensorPrimitives.Dot(q, call.Memory.Key(call.Layout.Slots[t], p, head / group)) / MathF.Sqrt(size);
                TensorPrimitives.SoftMax(scores, scores);
            }
        }
    }

    struct SequenceWork : IParallelWork
    {
        public AttentionCall Call;

        public readonly void Execute(int part)
        {
            int batch = part / Call.Heads.Query, head = part % Call.Heads.Query, size = Call.HeadSize;
            int kvHead = head / (Call.Heads.Query / Call.Heads.KeyValue);
            int width = Call.Heads.Query * size, kvWidth = Call.Heads.KeyValue * size;
            var scores = new float[Call.Time];
            for (int t = 0; t < Call.Time; t++)
            {
                int keys = Call.Heads.Causal ? t + 1 : Call.Time;
                var q = new ReadOnlySpan<float>(Call.Q + ((long)batch * Call.Time + t) * width + head * size, size);
                var output = new Span<float>(Call.Output + ((long)batch * Call.Time + t) * width + head * size, size);
                for (int k = 0; k < keys; k++) scores[k] = TensorPrimitives.Dot(q, new ReadOnlySpan<float>(Call.K + ((long)batch * Call.Time + k) * kvWidth + kvHead * size, size)) / MathF.Sqrt(size);
                TensorPrimitives.SoftMax(scores.AsSpan(0, keys), scores.AsSpan(0, keys));
                output.Clear();
                for (int k = 0; k < keys; k++) TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(Call.V + ((long)batch * Call.Time + k) * kvWidth + kvHead * size, size), scores[k], output, output);
            }
        }
    }

    struct CachedWork : IParallelWork
    {
        public CachedAttentionCall Call;

        public readonly void Execute(int part)
        {
            int t = part / Call.Heads.Query, head = part % Call.Heads.Query, size = Call.HeadSize;
            int kvHead = head / (Call.Heads.Query / Call.Heads.KeyValue);
            int row = Call.Layout.Rows[t], keys = Call.Layout.Positions[t] + 1;
            Span<float> scores = stackalloc float[keys];
            var q = new ReadOnlySpan<float>(Call.Q + ((long)t * Call.Heads.Query + head) * size, size);
            var output = new Span<float>(Call.Output + ((long)t * Call.Heads.Query + head) * size, size);
            for (int k = 0; k < keys; k++) scores[k] = TensorPrimitives.Dot(q, Call.Cache.Key(row, k, kvHead * size, size)) / MathF.Sqrt(size);
            TensorPrimitives.SoftMax(scores, scores);
            output.Clear();
            for (int k = 0; k < keys; k++) TensorPrimitives.MultiplyAdd(Call.Cache.Value(row, k, kvHead * size, size), scores[k], output, output);
        }
    }

    struct MemoryWork : IParallelWork
    {
        public MemoryAttentionCall Call;

        public readonly void Execute(int part)
        {
            int t = part / Call.Heads.Query, head = part % Call.Heads.Query, size = Call.HeadSize;
            int kvHead = head / (Call.Heads.Query / Call.Heads.KeyValue);
            int slot = Call.Layout.Slots[t], keys = Call.Memory.Positions(slot);
            Span<float> scores = stackalloc float[keys];
            var q = new ReadOnlySpan<float>(Call.Q + ((long)t * Call.Heads.Query + head) * size, size);
            var output = new Span<float>(Call.Output + ((long)t * Call.Heads.Query + head) * size, size);
            for (int k = 0; k < keys; k++) scores[k] = TensorPrimitives.Dot(q, Call.Memory.Key(slot, k, kvHead)) / MathF.Sqrt(size);
            TensorPrimitives.SoftMax(scores, scores);
            output.Clear();
            for (int k = 0; k < keys; k++) TensorPrimitives.MultiplyAdd(Call.Memory.Value(slot, k, kvHead), scores[k], output, output);
        }
    }
}
