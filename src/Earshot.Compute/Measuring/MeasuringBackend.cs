namespace Earshot.Compute.Measuring;

/// <summary>
/// Computes shapes only, and adds up what computing would take: for <c>inspect</c>, device maps, and rooflines in benchmarks.
/// Weights are counted at the bytes they have in the checkpoint unless <see cref="WeightBytesOf"/> says otherwise.
/// </summary>
public sealed partial class MeasuringBackend : Backend
{
    readonly List<Measurement> _measurements = [];

    /// <summary>Bytes that a matrix weight takes, such as those of its packed form; null for its bytes in the checkpoint.</summary>
    public Func<Parameter, long>? WeightBytesOf { get; init; }

    /// <summary>Bytes of an element of the attention's keys and values.</summary>
    public int KeyValueBytes { get; init; } = sizeof(float);

    /// <summary>Bytes of an element of keys and values in an attention memory.</summary>
    public int MemoryBytes { get; init; } = sizeof(float);

    public IReadOnlyList<Measurement> Measurements => _measurements;

    /// <summary>The sum over all operations so far.</summary>
    public Cost Total => _measurements.Aggregate(default(Cost), (sum, measurement) => sum + measurement);

    /// <summary>A tensor of a shape, to begin with.</summary>
    public Tensor Input(Shape shape, DType type = DType.F32) => new MeasuredTensor(this, shape, type);

    /// <summary>Forgets what was measured, to begin another stage.</summary>
    public void Clear() => _measurements.Clear();

    public override Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue)
    {
        double flops = 2.0 * x.Shape.Rows * weight.Shape[0] * weight.Shape[1];
        long residual = epilogue.Residual is null ? 0 : Bytes(epilogue.Residual.Shape);
        return Record(
            "Linear", weight.Name, x.Shape.WithLast(weight.Shape[0]), flops, Weight(weight) + Vector(bias), Bytes(x.Shape) + residual);
    }

    public override Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution)
    {
        var output = new Shape(x.Shape[0], convolution.Frames(x.Shape[1], weight), weight.Shape[0]);
        return Record("Convolve", weight.Name, output, ProductFlops(output, weight), Weight(weight) + Vector(bias), Bytes(x.Shape));
    }

    public override Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution)
    {
        var output = convolution.Output(x.Shape, weight);
        return Record("Convolve2d", weight.Name, output, ProductFlops(output, weight), Weight(weight) + Vector(bias), Bytes(x.Shape));
    }

    /// <summary>Each input element meets all weights that belong to it.</summary>
    public override Tensor ConvolveTransposed(Tensor x, Parameter weight, Parameter? bias, ConvolutionTransposed convolution)
    {
        var output = new Shape(x.Shape[0], convolution.Frames(x.Shape[1], weight), weight.Shape[1]);
        return Record(
            "ConvolveTransposed", weight.Name, output, 2.0 * x.Shape.Rows * weight.Shape.Count,
            Weight(weight) + Vector(bias), Bytes(x.Shape));
    }

    public override Tensor MatMul(Tensor left, Tensor right, bool transposed = false)
    {
        var output = Shape.Product(left.Shape, right.Shape, transposed);
        return Record("MatMul", "", output, 2.0 * output.Count * left.Shape[^1], 0, Bytes(left.Shape) + Bytes(right.Shape));
    }

    public override Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon) =>
        Record("LayerNorm", weight.Name, x.Shape, 7.0 * x.Shape.Count, Vector(weight) + Vector(bias), Bytes(x.Shape));

    public override Tensor Embed(Tensor indices, Parameter table)
    {
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        indices.Shape.CopyTo(dimensions);
        dimensions[indices.Shape.Rank] = table.Shape[1];
        var output = new Shape(dimensions[..(indices.Shape.Rank + 1)]);
        return Record("Embed", table.Name, output, 0, output.Count * table.Stored.Type.Size(), 0);
    }

    public override Tensor AddPositions(Tensor x, Parameter table) =>
        Record(
            "AddPositions", table.Name, x.Shape, x.Shape.Count, (long)x.Shape[1] * x.Shape[2] * table.Stored.Type.Size(), Bytes(x.Shape));

    /// <summary>Keys that positions hide take nothing; padding counts.</summary>
    public override Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads, AttentionSpan span)
    {
        AttentionSize(query, key, value, heads);
        int time = query.Shape[1], keys = key.Shape[1];
        var seen = new KeySpan(span, heads, keys);
        double pairs = 0;
        for (int i = 0; i < time; i++)
        {
            int position = keys - time + i;
            pairs += seen.IsLimited ? Math.Max(0, seen.To(position) - seen.From(position)) : keys;
        }
        long bias = span.Bias is null ? 0 : Bytes(span.Bias.Shape);
        return Record(
            "Attention", "", query.Shape, 4 * pairs * query.Shape[0] * query.Shape[2], 0,
            Bytes(query.Shape) + Bytes(key.Shape) + Bytes(value.Shape) + bias);
    }

    public override Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads)
    {
        long keys = 0, read = 0;
        foreach (int position in layout.Positions) keys += heads.Window == 0 ? position + 1 : Math.Min(position + 1, heads.Window);
        // A stretch of a prompt goes through its past together.
        foreach (var (_, first, count, _) in layout.Stretches)
            read += first + count - (heads.Window == 0 ? 0 : Math.Max(0, first + 1 - heads.Window));
        if (layout.Stretches.IsEmpty) read = keys;
        return Record(
            "AttentionWithCache",
            "", query.Shape, 4.0 * keys * query.Shape[^1], 0, Bytes(query.Shape), 2 * read * key.Shape[^1] * KeyValueBytes);
    }

    public override void StoreMemory(Tensor key, Tensor value, CrossAttentionMemory memory, int firstSlot) =>
        ((MeasuredMemory)memory).Positions = key.Shape[1];

    public override Tensor CrossAttention(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads)
    {
        var measured = (MeasuredMemory)memory;
        int slots = new HashSet<int>(layout.Slots.ToArray()).Count;
        return Record(
            "CrossAttention", "", query.Shape, 4.0 * layout.Count * measured.Positions * query.Shape[^1], 0, Bytes(query.Shape),
            2L * slots * measured.Positions * measured.Width * MemoryBytes);
    }

    public override Tensor CrossAttentionWeights(
        Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected)
    {
        var measured = (MeasuredMemory)memory;
        int size = query.Shape[^1] / heads.Query;
        return Record(
            "CrossAttentionWeights", "", new Shape(layout.Count, selected.Length, measured.Positions),
            2.0 * layout.Count * selected.Length * size * measured.Positions, 0, Bytes(query.Shape));
    }

    public override Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state)
    {
        int size = ((MeasuredRecurrentState)state).Size;
        double flops = 2.0 * x.Shape.Rows * 4 * size * (x.Shape[^1] + size);
        return Record(
            "LstmStep", weights.Input.Name, x.Shape.WithLast(size), flops, Weight(weights.Input) + Weight(weights.Hidden), Bytes(x.Shape));
    }

    public override Tensor Magnitude(Tensor x) =>
        Record("Magnitude", "", x.Shape.WithLast(x.Shape[^1] / 2), 2.0 * x.Shape.Count, 0, Bytes(x.Shape));

    public override KeyValueCache CreateCache(PageTable pages, int width, Heads heads) =>
        new MeasuredCache(pages, 2 * width * KeyValueBytes);

    public override CrossAttentionMemory CreateMemory(int slots, int positions, int width, Heads heads) =>
        new MeasuredMemory(positions, width);

    public override FrameTail CreateTail(int rows, int frames, int size) => new MeasuredTail(frames);

    public override Tensor WithTail(Tensor x, FrameTail tail, ReadOnlySpan<int> rows) =>
        Record("WithTail", "", new Shape(x.Shape[0], ((MeasuredTail)tail).Frames + x.Shape[1], x.Shape[2]), 0, 0, Bytes(x.Shape));

    public override RecurrentState CreateRecurrentState(int rows, int size) => new MeasuredRecurrentState(size);

    // Each output is a sum over all weights that belong to it.
    static double ProductFlops(Shape output, Parameter weight) => 2.0 * output.Count * (weight.Shape.Count / weight.Shape[0]);

    static long Bytes(Shape shape) => shape.Count * sizeof(float);

    static long Vector(Parameter? parameter) => parameter is null ? 0 : parameter.Shape.Count * sizeof(float);

    long Weight(Parameter parameter) => WeightBytesOf?.Invoke(parameter) ?? parameter.Stored.ByteLength;

    MeasuredTensor Record(
        string operation, string scope, Shape output, double flops, long weightBytes, long activationBytes, long keyValueBytes = 0,
        DType type = DType.F32)
    {
        _measurements.Add(new Measurement(operation, scope, output, flops, weightBytes, activationBytes + Bytes(output), keyValueBytes));
        return new MeasuredTensor(this, output, type);
    }
}
