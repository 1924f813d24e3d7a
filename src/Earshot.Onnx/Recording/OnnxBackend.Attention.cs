using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Attention within sequences, over a cache's past, and over an encoder's output.
public sealed partial class OnnxBackend
{
    readonly Dictionary<int, GraphValue> _groupShapes = [];
    readonly Dictionary<string, GraphValue> _batchShapes = new(StringComparer.Ordinal);
    readonly Dictionary<int, GraphValue> _cacheMasks = [];
    GraphValue? _cacheLength;

    public override Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads, AttentionSpan span)
    {
        AttentionSize(query, key, value, heads);
        var (q, k, v) = (Unwrap(query), Unwrap(key), Unwrap(value));
        var path = Parent(q.Path);
        if (span != default || heads.Window > 0) return New(query.Shape, path).With(AttendSpan(path, (q, k, v), heads, span));
        if (Fuses && heads.Query == heads.KeyValue && (!heads.Causal || query.Shape[1] == key.Shape[1]))
        {
            var (values, bias) = WithBias(path, q, k, v);
            return New(query.Shape, path).With(Fused(
                path, "MultiHeadAttention", [values[0], values[1], values[2], bias], ("num_heads", (long)heads.Query),
                ("unidirectional", heads.Causal)));
        }
        // What is left of the queries' product is recorded before that of keys and values.
        _ = q.Value;
        var mask = heads.Causal ? new ScoreMask(CausalMask(path, PastOf(path, q, k), SizeOf(path, q.Value, 1))) : default;
        return New(query.Shape, path).With(Attend(path, q, SplitKeys(path, k, heads), SplitKeys(path, v, heads), heads, mask));
    }

    /// <summary>The batch's rows are sequences with pasts of one length; the layout is the graph's inputs' shape.</summary>
    public override Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads)
    {
        if (query.Shape.Rank != 3)
            throw new ModelException($"Attention is recorded for (batch, time, size); got queries of shape {query.Shape}.");
        var (q, k, v) = (Unwrap(query), Unwrap(key), Unwrap(value));
        var path = Parent(q.Path);
        var past = Unwrap(cache);
        past.Begin(this, heads, key.Shape[^1]);
        if (Fuses && heads is { Window: 0 } && heads.Query == heads.KeyValue)
        {
            var (values, bias) = WithBias(path, q, k, v);
            var outputs = FusedNodes(
                path, "MultiHeadAttention", [values[0], values[1], values[2], bias, null, null, past.Key, past.Value], 3,
                ("num_heads", (long)heads.Query), ("unidirectional", true));
            (past.NewKey, past.NewValue) = (outputs[1], outputs[2]);
            return New(query.Shape, path).With(outputs[0]);
        }
        past.NewKey = Node(path, "Concat", [past.Key, SplitKeys(path, k, heads)], ("axis", 2L));
        past.NewValue = Node(path, "Concat", [past.Value, SplitKeys(path, v, heads)], ("axis", 2L));
        if (!_cacheMasks.TryGetValue(heads.Window, out var mask))
            _cacheMasks[heads.Window] = mask = CausalMask("", CacheLength(past), SizeOf("", q.Value, 1), heads.Window);
        return New(query.Shape, path).With(Attend(path, q, past.NewKey, past.NewValue, heads, new ScoreMask(mask)));
    }

    /// <summary>Makes (batch, heads, positions, size of a head) of each, for the graph to return or to attend to.</summary>
    public override void StoreMemory(Tensor key, Tensor value, CrossAttentionMemory memory, int firstSlot)
    {
        var kept = Unwrap(memory);
        var split = new SplitHeads(kept.Heads.KeyValue, key.Shape[^1]);
        kept.Key = Split(Unwrap(key).Path, Unwrap(key).Value, split);
        kept.Value = Split(Unwrap(value).Path, Unwrap(value).Value, split);
    }

    /// <summary>
    /// Rows of the batch are spread evenly over the memory's slots, in order. All rows of one slot attend at once, as if they were one
    /// long sequence, which attention without a mask allows: hypotheses of one window need no copies of its keys and values.
    /// </summary>
    public override Tensor CrossAttention(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var (q, kept) = (Unwrap(query), Begin(memory));
        var path = Parent(q.Path);
        var grouped = Grouped(path, q, kept);
        var attended = Fuses && heads.Query == heads.KeyValue
            ? Fused(path, "MultiHeadAttention", [grouped, kept.Key, kept.Value], ("num_heads", (long)heads.Query))
            : Attend(path, New(query.Shape, path).With(grouped), kept.Key!, kept.Value!, heads, default);
        return New(query.Shape, path).With(Node(path, "Reshape", [attended, BatchFirst(q, -1, q.Shape[^1])]));
    }

    /// <summary>Here (batch, time, selected heads, positions).</summary>
    public override Tensor CrossAttentionWeights(
        Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected)
    {
        var (q, kept) = (Unwrap(query), Begin(memory));
        var path = Parent(q.Path);
        var indices = Ints(Array.ConvertAll(selected.ToArray(), head => (long)head));
        var keyIndices = Ints(Array.ConvertAll(selected.ToArray(), head => (long)(head / (heads.Query / heads.KeyValue))));
        var split = new SplitHeads(heads.Query, q.Shape[^1]);
        var queries = Node(path, "Gather", [Split(path, Scaled(path, Grouped(path, q, kept), split), split), indices], ("axis", 1L));
        var keys = Node(path, "Gather", [kept.Key!, keyIndices], ("axis", 1L));
        var weights = Softmax(
            path, Node(path, "MatMul", [queries, Node(path, "Transpose", [keys], ("perm", new long[] { 0, 1, 3, 2 }))]), mask: null);
        var byToken = Node(path, "Transpose", [weights], ("perm", new long[] { 0, 2, 1, 3 })); // (slots, rows × time, selected, positions)
        var example = new Shape(q.Shape[0], q.Shape[1], selected.Length, kept.Positions);
        return New(example, path).With(Node(path, "Reshape", [byToken, BatchFirst(q, -1, selected.Length, 0)]));
    }

    /// <summary>How many positions a cache holds, as a list of one.</summary>
    GraphValue CacheLength(OnnxKeyValueCache cache) => _cacheLength ??= SizeOf("", cache.Key!, 2);

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
        return ComputeType == OnnxElementType.Float16
            ? TensorData.Of<Half>(Array.ConvertAll(joined, value => (Half)value), joined.Length)
            : TensorData.Of<float>(joined, joined.Length);
    }

    // softmax(q·kᵀ)·v: queries (batch, time, size), keys and values split by heads → (batch, time, size). Query heads that share keys
    // stand below each other, so that these are read once: (batch, key heads, query heads of one × time, size).
    GraphValue Attend(string path, OnnxTensor query, GraphValue keys, GraphValue values, Heads heads, ScoreMask mask)
    {
        var split = new SplitHeads(heads.Query, query.Shape[^1]);
        var queries = HeadsAs(path, Split(path, Scaled(path, query.Value, split), split), heads.KeyValue, heads);
        var products = Node(path, "MatMul", [queries, Node(path, "Transpose", [keys], ("perm", new long[] { 0, 1, 3, 2 }))]);
        var scores = HeadsAs(path, products, heads.Query, heads); // (batch, heads, time, positions)
        if (mask.Bias is not null) scores = Node(path, "Add", [scores, mask.Bias]);
        var probabilities = Softmax(path, scores, mask.Added);
        if (mask.Seen is not null) probabilities = Node(path, "Mul", [probabilities, Node(path, "Cast", [mask.Seen], ("to", ComputeType))]);
        var sums = Node(path, "MatMul", [HeadsAs(path, probabilities, heads.KeyValue, heads), values]);
        var attended = HeadsAs(path, sums, heads.Query, heads);
        return Node(path, "Reshape", [Node(path, "Transpose", [attended], ("perm", new long[] { 0, 2, 1, 3 })), Ints(0, 0, split.Width)]);
    }

    // Neighbouring query heads share keys: (batch, heads, time, n) is (batch, key heads, query heads of one × time, n) as it lies.
    GraphValue HeadsAs(string path, GraphValue values, int count, Heads heads) =>
        heads.Query == heads.KeyValue ? values : Node(path, "Reshape", [values, Ints(0, count, -1, 0)]);

    GraphValue SplitKeys(string path, OnnxTensor x, Heads heads) => Split(path, x.Value, new SplitHeads(heads.KeyValue, x.Shape[^1]));

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

    // Zero where a query may look, else as low as float32 goes: (time, past + time). A window of 0 sees all of the past.
    GraphValue CausalMask(string path, GraphValue past, GraphValue time, int window = 0)
    {
        var one = Initializer("one", TensorData.Scalar(1L));
        var end = Scalar(Node(path, "Add", [past, time]));
        var queries = Node(path, "Unsqueeze", [Node(path, "Range", [Scalar(past), end, one]), Ints(1)]);
        var keys = Node(path, "Range", [Initializer("zero", TensorData.Scalar(0L)), end, one]);
        var seen = Node(path, "LessOrEqual", [keys, queries]);
        if (window > 0)
        {
            var first = Node(path, "Sub", [queries, Ints(window - 1)]);
            seen = Node(path, "And", [seen, Node(path, "LessOrEqual", [first, keys])]);
        }
        return Node(path, "Where", [seen, Float(0), Float(float.MinValue)]);
    }

    // (batch, time, size) → (slots, rows of a slot × time, size)
    GraphValue Grouped(string path, OnnxTensor query, OnnxCrossAttentionMemory memory)
    {
        int size = query.Shape[^1];
        if (!_groupShapes.TryGetValue(size, out var shape))
            _groupShapes[size] = shape = Node("", "Concat", [SizeOf("", memory.Key!, 0), Ints(-1, size)], ("axis", 0L));
        return Node(path, "Reshape", [query.Value, shape]);
    }

    // A shape that begins with the batch of a tensor; the batch is the same throughout a graph.
    GraphValue BatchFirst(OnnxTensor like, params ReadOnlySpan<long> rest)
    {
        var key = string.Join('_', rest.ToArray());
        if (!_batchShapes.TryGetValue(key, out var shape))
            _batchShapes[key] = shape = Node("", "Concat", [SizeOf("", like.Value, 0), Ints(rest)], ("axis", 0L));
        return shape;
    }

    /// <summary>
    /// What hides scores: added to them (zero or very low), whether they are seen at all (for rows that see nothing), and a bias.
    /// </summary>
    readonly record struct ScoreMask(GraphValue? Added, GraphValue? Seen = null, GraphValue? Bias = null);

    /// <summary>Values of <paramref name="Width"/> seen as heads.</summary>
    readonly record struct SplitHeads(int Count, int Width)
    {
        public int Size => Width / Count;
    }
}
