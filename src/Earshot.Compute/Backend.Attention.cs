namespace Earshot.Compute;

// Attention within sequences, written in the abstract operations.
public abstract partial class Backend
{
    /// <summary>A score that leaves nothing of a probability.</summary>
    const float Nothing = -1e30f;

    /// <summary>softmax(q·kᵀ/√size)·v within each sequence: (batch, time, heads × size) → (batch, time, heads × size).</summary>
    public Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads) => Attention(query, key, value, heads, default);

    /// <summary>
    /// The same over the keys that each query sees: query (batch, time, heads × size), key and value (batch, keys, key heads × size). Where
    /// there are fewer key heads, neighbouring query heads share one.
    /// </summary>
    public virtual Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads, AttentionSpan span)
    {
        int size = AttentionSize(query, key, value, heads), group = heads.Query / heads.KeyValue;
        var (batch, time, keys) = (query.Shape[0], query.Shape[1], key.Shape[1]);
        if (heads.Causal) span = span with { Right = 0 };
        if (heads.Window > 0) span = span with { Left = heads.Window - 1 };
        var queries = SplitHeads(query, heads.Query);
        // The queries of heads that share keys are rows of one matrix.
        if (group > 1) queries = Reshape(queries, new Shape(batch, heads.KeyValue, group * time, size));
        var scores = Scale(MatMul(queries, SplitHeads(key, heads.KeyValue), transposed: true), 1 / MathF.Sqrt(size));
        if (group > 1) scores = Reshape(scores, new Shape(batch, heads.Query, time, keys));
        if (span.Bias is { } bias) scores = Add(scores, bias);
        Tensor? byPosition = HiddenPositions(query, key, span), byLength = span.Lengths is { } lengths ? HiddenBehind(lengths, key) : null;
        if (byPosition is not null) scores = Add(scores, Scale(byPosition, Nothing));
        if (byLength is not null) scores = Add(scores, Scale(byLength, Nothing));
        var probabilities = Softmax(scores);
        // One that sees nothing has even probabilities so far.
        if (byPosition is not null) probabilities = Multiply(probabilities, Activate(Scale(byPosition, -1, 1), Activation.Relu));
        if (byLength is not null) probabilities = Multiply(probabilities, Activate(Scale(byLength, -1, 1), Activation.Relu));
        if (group > 1) probabilities = Reshape(probabilities, new Shape(batch, heads.KeyValue, group * time, keys));
        var attended = MatMul(probabilities, SplitHeads(value, heads.KeyValue));
        if (group > 1) attended = Reshape(attended, new Shape(batch, heads.Query, time, size));
        return Reshape(Transpose(attended, 0, 2, 1, 3), query.Shape);
    }

    /// <summary>
    /// Attention with relative positions as in Transformer-XL: the score of query i and key j is ((q + u)·k + (q + v)·p) / √size, p the
    /// projected embedding of the distance i − j. Those of all distances are <paramref name="positions"/>, (distances, heads × size), of a
    /// <see cref="DistanceTable"/> for the same span; u and v are (heads, size) parameters. The first <paramref name="globals"/> positions
    /// see everything, without u, v and distances, and everything sees them once more, so too.
    /// </summary>
    public virtual Tensor RelativeAttention(
        RelativeInputs inputs, Tensor positions, RelativeBiases biases, Heads heads, AttentionSpan span, int globals = 0)
    {
        if (positions.Shape != new Shape(inputs.Query.Shape[1] + inputs.Key.Shape[1] - 1, inputs.Query.Shape[2]))
            throw Unfit(inputs, positions);
        var attended = AttendByDistance(inputs, positions, biases, heads, span, Globals(inputs, span, globals));
        return WithGlobals(attended, inputs, heads, globals);
    }

    /// <summary>
    /// Sines and cosines of the distances from queries to keys, as Transformer-XL embeds them: (distances, 2 · frequencies), from the
    /// largest on; sines are the even elements. A backend may leave out distances that the span hides.
    /// </summary>
    public virtual Tensor DistanceTable(Tensor query, Tensor key, ReadOnlySpan<float> frequencies, AttentionSpan span)
    {
        Tensor queries = Positions(query, 1), keys = Positions(key, 1);
        // The last query's, from the first key on, then those of keys after the first query.
        var distances = Concat([Scale(Subtract(keys, Reduce(keys, Reduction.Max, 0)), -1), Scale(Slice(queries, 0, 1..), -1)], 0);
        int count = distances.Shape[0];
        var angles = MatMul(Reshape(distances, new Shape(count, 1)), Constant(frequencies, new Shape(1, frequencies.Length)));
        var pairs = new Shape(count, frequencies.Length, 1);
        var table = Concat([Reshape(Apply(angles, Function.Sin), pairs), Reshape(Apply(angles, Function.Cos), pairs)], 2);
        return Reshape(table, new Shape(count, 2 * frequencies.Length));
    }

    /// <summary>Attention by distance of some queries and keys, with the embeddings of just their distances.</summary>
    /// <param name="globals">Keys and values that all see once more; null where there are none.</param>
    private protected Tensor AttendByDistance(
        RelativeInputs inputs, Tensor positions, RelativeBiases biases, Heads heads, AttentionSpan span, RelativeInputs? globals)
    {
        var (query, key, value) = inputs;
        int size = AttentionSize(query, key, value, heads);
        float scale = 1 / MathF.Sqrt(size);
        var row = new Shape(query.Shape[2]);
        var byDistance = SplitHeads(Reshape(positions, new Shape(1, positions.Shape[0], query.Shape[2])), heads.Query);
        var content = Add(query, Reshape(Value(biases.Content), row));
        var scores = MatMul(SplitHeads(Add(query, Reshape(Value(biases.Position), row)), heads.Query), byDistance, transposed: true);
        var bias = Scale(ShiftByRow(scores), scale);
        if (span.Bias is { } more) bias = Add(bias, more);
        if (globals is not { } always) return Attention(content, key, value, heads, span with { Bias = bias });

        // What the span hides is hidden by the bias, so that the keys before are not.
        if (HiddenPositions(query, key, span) is { } hidden) bias = Add(bias, Scale(hidden, Nothing));
        var first = Reshape(Value(biases.Content), new Shape(1, heads.Query, 1, size));
        // (batch, heads, globals, 1): what u adds to their scores is taken off again.
        var taken = Scale(MatMul(SplitHeads(always.Key, heads.KeyValue), first, transposed: true), -scale);
        int count = always.Key.Shape[1];
        taken = Reshape(taken, new Shape(query.Shape[0], heads.Query, 1, count));
        bias = Concat([Add(Scale(Slice(bias, ^1, ..count), 0), taken), bias], ^1);
        return Attention(
            content, Concat([always.Key, key], 1), Concat([always.Value, value], 1), heads, new AttentionSpan { Bias = bias });
    }

    /// <summary>The keys and values that all see; null where there are none.</summary>
    private protected RelativeInputs? Globals(RelativeInputs inputs, AttentionSpan span, int globals)
    {
        if (globals == 0) return null;
        if (span.Lengths is not null || span.Bias is not null || inputs.Query.Shape != inputs.Key.Shape)
            throw new ModelException("Global positions were asked for in attention over padding or over a past; expected whole sequences.");
        return new RelativeInputs(
            Slice(inputs.Query, 1, ..globals), Slice(inputs.Key, 1, ..globals), Slice(inputs.Value, 1, ..globals));
    }

    /// <summary>The first positions replaced by what they attend to everywhere.</summary>
    private protected Tensor WithGlobals(Tensor attended, RelativeInputs inputs, Heads heads, int globals) => globals == 0
        ? attended
        : Concat(
            [Attention(Slice(inputs.Query, 1, ..globals), inputs.Key, inputs.Value, heads), Slice(attended, 1, globals..)], 1);

    /// <summary>What to tell where embeddings are of other distances.</summary>
    private protected static ModelException Unfit(RelativeInputs inputs, Tensor positions) => new(
        $"Embeddings of distances of shape {positions.Shape} do not fit {inputs.Query.Shape[1]} queries and {inputs.Key.Shape[1]} " +
        $"keys of {inputs.Query.Shape[2]}.");

    /// <summary>The size of a head.</summary>
    /// <exception cref="ModelException">The shapes, or the heads, do not fit.</exception>
    protected static int AttentionSize(Tensor query, Tensor key, Tensor value, Heads heads)
    {
        if (heads is { Causal: false, Window: not 0 })
        {
            throw new ModelException(
                $"A window of {heads.Window} positions was asked for in attention that is not causal; " +
                "expected one that is, or a window of 0.");
        }
        int size = query.Shape[^1] / heads.Query;
        bool fits = query.Shape.Rank == 3 && heads.Query % heads.KeyValue == 0 && size * heads.Query == query.Shape[2]
            && key.Shape == new Shape(query.Shape[0], key.Shape[1], size * heads.KeyValue) && value.Shape == key.Shape;
        return fits
            ? size
            : throw new ModelException(
                $"Queries {query.Shape}, keys {key.Shape} and values {value.Shape} do not fit attention of {heads.Query} " +
                $"heads over {heads.KeyValue}.");
    }

    // (batch, time, heads × size) → (batch, heads, time, size)
    Tensor SplitHeads(Tensor x, int heads) =>
        Transpose(Reshape(x, new Shape(x.Shape[0], x.Shape[1], heads, x.Shape[2] / heads)), 0, 2, 1, 3);

    // How far each key is from being seen, (queries, keys): zero where it is.
    Tensor? HiddenPositions(Tensor query, Tensor key, AttentionSpan span)
    {
        Tensor? hidden = null;
        Tensor queries = Scale(Positions(query, 1), 1, key.Shape[1] - query.Shape[1]), keys = Positions(key, 1);
        void Hide(Tensor distance, float factor, float allowed)
        {
            var excess = Activate(Scale(distance, factor, -allowed), Activation.Relu);
            hidden = hidden is null ? excess : Add(hidden, excess);
        }
        if (span.Left is not null || span.Right is not null)
        {
            var ahead = Differences(queries, keys);
            if (span.Right is { } right) Hide(ahead, 1, right);
            if (span.Left is { } left) Hide(ahead, -1, left);
        }
        if (span.Chunk > 0)
        {
            var ahead = Differences(ChunkOf(queries, span.Chunk), ChunkOf(keys, span.Chunk));
            Hide(ahead, 1, 0);
            if (span.LeftChunks is { } chunks) Hide(ahead, -1, chunks);
        }
        return hidden;
    }

    // The same for keys behind a sequence's end: (batch, 1, 1, keys).
    Tensor HiddenBehind(Tensor lengths, Tensor key)
    {
        var beyond = Activate(Scale(Differences(Numbers(lengths), Positions(key, 1)), 1, 1), Activation.Relu);
        return Reshape(beyond, new Shape(lengths.Shape[0], 1, 1, key.Shape[1]));
    }

    // The middle of a position keeps clear of the rounding of a division.
    Tensor ChunkOf(Tensor positions, int size) => Apply(Scale(positions, 1f / size, 0.5f / size), Function.Floor);

    // second − first of each pair: (n), (m) → (n, m), as a product of (−first, 1) and (1, second).
    Tensor Differences(Tensor first, Tensor second)
    {
        Tensor column = Reshape(first, new Shape(first.Shape[0], 1)), row = Reshape(second, new Shape(1, second.Shape[0]));
        return MatMul(Concat([Scale(column, -1), Scale(column, 0, 1)], 1), Concat([Scale(row, 0, 1), row], 0));
    }
}

/// <summary>What attention reads: queries, keys and values, (batch, time, heads × size) each.</summary>
public readonly record struct RelativeInputs(Tensor Query, Tensor Key, Tensor Value);

/// <summary>What is added to the queries before they meet keys, and before they meet embedded distances: (heads, size) each.</summary>
public readonly record struct RelativeBiases(Parameter Content, Parameter Position);
