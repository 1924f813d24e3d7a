using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Attention within sequences, over a cache's past, and over an encoder's output.
public sealed partial class OnnxBackend
{
    readonly Dictionary<int, GraphValue> _groupShapes = [];
    readonly Dictionary<string, GraphValue> _batchShapes = new(StringComparer.Ordinal);
    GraphValue? _cachedMask;
    GraphValue? _cacheLength;

    public override Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads)
    {
        var (q, k, v) = Sequences(query, key, value, heads);
        var path = Parent(q.Path);
        if (Fuses)
        {
            var (values, bias) = WithBias(path, q, k, v);
            return New(query.Shape, path).With(Fused(path, "MultiHeadAttention", [values[0], values[1], values[2], bias], ("num_heads", (long)heads.Query), ("unidirectional", heads.Causal)));
        }
        var split = new SplitHeads(heads.Query, query.Shape[^1]);
        var mask = heads.Causal ? CausalMask(path, Ints(0), SizeOf(path, q.Value, 1)) : null;
        return New(query.Shape, path).With(Attend(path, q.Value, Split(path, k.Value, split), Split(path, v.Value, split), split, mask));
    }

    /// <summary>The batch's rows are sequences with pasts of one length; the layout is the graph's inputs' shape.</summary>
    public override Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads)
    {
        var (q, k, v) = Sequences(query, key, value, heads);
        var path = Parent(q.Path);
        var past = Own(cache);
        past.Begin(this, heads, key.Shape[^1]);
        if (Fuses)
        {
            var (values, bias) = WithBias(path, q, k, v);
            var outputs = FusedNodes(path, "MultiHeadAttention", [values[0], values[1], values[2], bias, null, null, past.Key, past.Value], 3, ("num_heads", (long)heads.Query), ("unidirectional", true));
            (past.NewKey, past.NewValue) = (outputs[1], outputs[2]);
            return New(query.Shape, path).With(outputs[0]);
        }
        var split = new SplitHeads(heads.Query, query.Shape[^1]);
        past.NewKey = Node(path, "Concat", [past.Key, Split(path, k.Value, split)], ("axis", 2L));
        past.NewValue = Node(path, "Concat", [past.Value, Split(path, v.Value, split)], ("axis", 2L));
        _cachedMask ??= CausalMask("", CacheLength(past), SizeOf("", q.Value, 1));
        return New(query.Shape, path).With(Attend(path, q.Value, past.NewKey, past.NewValue, split, _cachedMask));
    }

    /// <summary>Makes (batch, heads, positions, size of a head) of each, for the graph to return or to attend to.</summary>
    public override void Remember(Tensor key, Tensor value, AttentionMemory memory, int firstSlot)
    {
        var kept = Own(memory);
        var split = new SplitHeads(kept.Heads.KeyValue, key.Shape[^1]);
        kept.Key = Split(Own(key).Path, Own(key).Value, split);
        kept.Value = Split(Own(value).Path, Own(value).Value, split);
    }

    /// <summary>
    /// Rows of the batch are spread evenly over the memory's slots, in order. All rows of one slot attend at once, as if they were one
    /// long sequence, which attention without a mask allows: hypotheses of one window need no copies of its keys and values.
    /// </summary>
    public override Tensor AttentionOver(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var (q, kept) = (Own(query), Begin(memory, heads));
        var path = Parent(q.Path);
        var grouped = Grouped(path, q, kept);
        var attended = Fuses
            ? Fused(path, "MultiHeadAttention", [grouped, kept.Key, kept.Value], ("num_heads", (long)heads.Query))
            : Attend(path, grouped, kept.Key!, kept.Value!, new SplitHeads(heads.Query, q.Shape[^1]), mask: null);
        return New(query.Shape, path).With(Node(path, "Reshape", [attended, BatchFirst(q, -1, q.Shape[^1])]));
    }

    /// <summary>Here (batch, time, selected heads, positions).</summary>
    public override Tensor AttentionWeights(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected)
    {
        var (q, kept) = (Own(query), Begin(memory, heads));
        var path = Parent(q.Path);
        var indices = Ints(Array.ConvertAll(selected.ToArray(), head => (long)head));
        var split = new SplitHeads(heads.Query, q.Shape[^1]);
        var queries = Node(path, "Gather", [Split(path, Scaled(path, Grouped(path, q, kept), split), split), indices], ("axis", 1L));
        var keys = Node(path, "Gather", [kept.Key!, indices], ("axis", 1L));
        var weights = Softmax(path, Node(path, "MatMul", [queries, Node(path, "Transpose", [keys], ("perm", new long[] { 0, 1, 3, 2 }))]), mask: null);
        var byToken = Node(path, "Transpose", [weights], ("perm", new long[] { 0, 2, 1, 3 })); // (slots, rows × time, selected, positions)
        var example = new Shape(q.Shape[0], q.Shape[1], selected.Length, kept.Positions);
        return New(example, path).With(Node(path, "Reshape", [byToken, BatchFirst(q, -1, selected.Length, 0)]));
    }

    /// <summary>How many positions a cache holds, as a list of one.</summary>
    GraphValue CacheLength(OnnxKeyValueCache cache) => _cacheLength ??= SizeOf("", cache.Key!, 2);

    static (OnnxTensor Query, OnnxTensor Key, OnnxTensor Value) Sequences(Tensor query, Tensor key, Tensor value, Heads heads)
    {
        if (query.Shape.Rank != 3) throw new ModelException($"Attention is recorded for (batch, time, size); got queries of shape {query.Shape}.");
        if (heads.Query != heads.KeyValue) throw new ModelException($"Attention of {heads.Query} query heads over {heads.KeyValue} key heads cannot be recorded yet; expected as many of both.");
        return (Own(query), Own(key), Own(value));
    }

    // The fused operator adds the three biases while it splits the heads; where one is missing it is zero.
    (GraphValue[] Values, GraphValue? Bias) WithBias(string path, params ReadOnlySpan<OnnxTensor> inputs)
    {
        var biases = new Parameter?[inputs.Length];
        var values = new GraphValue[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            bool open = !inputs[i].IsFinished && inputs[i].Unfinished is { IsLinear: true };
            biases[i] = open ? inputs[i].Unfinished!.Bias : null;
            values[i] = open ? inputs[i].Unfinished!.Product : inputs[i].Value;
        }
        if (Array.TrueForAll(biases, bias => bias is null)) return (values, null);
        int size = inputs[0].Shape[^1];
        var data = _weights.Make($"{path}.qkv_bias:{ComputeType}", () => Joined(biases, size));
        return (values, Initializer($"{path}.qkv_bias", data));
    }

    TensorData Joined(Parameter?[] biases, int size)
    {
        var joined = new float[biases.Length * size];
        for (int i = 0; i < biases.Length; i++) biases[i]?.Stored.ReadFloats(0, joined.AsSpan(i * size, size));
        return ComputeType == OnnxElementType.Float16 ? TensorData.Of<Half>(Array.ConvertAll(joined, value => (Half)value), joined.Length) : TensorData.Of<float>(joined, joined.Length);
    }

    // softmax(q·kᵀ)·v: queries (batch, time, size), keys and values split by heads → (batch, time, size).
    GraphValue Attend(string path, GraphValue query, GraphValue keys, GraphValue values, SplitHeads heads, GraphValue? mask)
    {
        var queries = Split(path, Scaled(path, query, heads), heads);
        var scores = Node(path, "MatMul", [queries, Node(path, "Transpose", [keys], ("perm", new long[] { 0, 1, 3, 2 }))]); // (batch, heads, time, positions)
        var attended = Node(path, "MatMul", [Softmax(path, scores, mask), values]);
        return Node(path, "Reshape", [Node(path, "Transpose", [attended], ("perm", new long[] { 0, 2, 1, 3 })), Ints(0, 0, heads.Width)]);
    }

    GraphValue Scaled(string path, GraphValue query, SplitHeads heads) => Node(path, "Mul", [query, Number(1 / MathF.Sqrt(heads.Size))]);

    GraphValue Softmax(string path, GraphValue scores, GraphValue? mask)
    {
        scores = Cast(path, scores, OnnxElementType.Float32);
        if (mask is not null) scores = Node(path, "Add", [scores, mask]);
        return Cast(path, Node(path, "Softmax", [scores], ("axis", -1L)), ComputeType);
    }

    // (batch, time, size) → (batch, heads, time, size of a head)
    GraphValue Split(string path, GraphValue x, SplitHeads heads)
    {
        var parted = Node(path, "Reshape", [x, Ints(0, 0, heads.Count, heads.Size)]);
        return Node(path, "Transpose", [parted], ("perm", new long[] { 0, 2, 1, 3 }));
    }

    // Zero where a query may look, else as low as float32 goes: (time, past + time).
    GraphValue CausalMask(string path, GraphValue past, GraphValue time)
    {
        var one = Initializer("one", TensorData.Scalar(1L));
        var end = Scalar(Node(path, "Add", [past, time]));
        var queries = Node(path, "Unsqueeze", [Node(path, "Range", [Scalar(past), end, one]), Ints(1)]);
        var keys = Node(path, "Range", [Initializer("zero", TensorData.Scalar(0L)), end, one]);
        return Node(path, "Where", [Node(path, "LessOrEqual", [keys, queries]), Float(0), Float(float.MinValue)]);
    }

    // (batch, time, size) → (slots, rows of a slot × time, size)
    GraphValue Grouped(string path, OnnxTensor query, OnnxAttentionMemory memory)
    {
        int size = query.Shape[^1];
        if (!_groupShapes.TryGetValue(size, out var shape)) _groupShapes[size] = shape = Node("", "Concat", [SizeOf("", memory.Key!, 0), Ints(-1, size)], ("axis", 0L));
        return Node(path, "Reshape", [query.Value, shape]);
    }

    // A shape that begins with the batch of a tensor; the batch is the same throughout a graph.
    GraphValue BatchFirst(OnnxTensor like, params ReadOnlySpan<long> rest)
    {
        var key = string.Join('_', rest.ToArray());
        if (!_batchShapes.TryGetValue(key, out var shape)) _batchShapes[key] = shape = Node("", "Concat", [SizeOf("", like.Value, 0), Ints(rest)], ("axis", 0L));
        return shape;
    }

    /// <summary>Values of <paramref name="Width"/> seen as heads.</summary>
    readonly record struct SplitHeads(int Count, int Width)
    {
        public int Size => Width / Count;
    }
}
