namespace Earshot.Compute.Tests;

/// <summary>Passes the abstract operations on to another backend, and leaves all others as they are written in these.</summary>
internal sealed class PrimitiveBackend(Backend inner) : Backend
{
    /// <summary>A tensor of the other backend as one of this.</summary>
    public Tensor Wrap(Tensor tensor) => new Wrapped(this, tensor);

    public static Tensor Unwrap(Tensor tensor) => ((Wrapped)tensor).Inner;

    public override Tensor Value(Parameter parameter) => Wrap(inner.Value(parameter));

    public override Tensor Constant(ReadOnlySpan<float> values, Shape shape) => Wrap(inner.Constant(values, shape));

    public override Tensor Positions(Tensor like, Index dimension) => Wrap(inner.Positions(Unwrap(like), dimension));

    public override Tensor Numbers(Tensor indices) => Wrap(inner.Numbers(Unwrap(indices)));

    public override Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue) =>
        Wrap(inner.Linear(
            Unwrap(x), weight, bias, epilogue with { Residual = epilogue.Residual is { } residual ? Unwrap(residual) : null }));

    public override Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution) =>
        Wrap(inner.Convolve(Unwrap(x), weight, bias, convolution));

    public override Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution) =>
        Wrap(inner.Convolve2d(Unwrap(x), weight, bias, convolution));

    public override Tensor ConvolveTransposed(Tensor x, Parameter weight, Parameter? bias, ConvolutionTransposed convolution) =>
        Wrap(inner.ConvolveTransposed(Unwrap(x), weight, bias, convolution));

    public override Tensor MatMul(Tensor left, Tensor right, bool transposed = false) =>
        Wrap(inner.MatMul(Unwrap(left), Unwrap(right), transposed));

    public override Tensor Combine(Tensor left, Tensor right, Arithmetic operation) =>
        Wrap(inner.Combine(Unwrap(left), Unwrap(right), operation));

    public override Tensor Scale(Tensor x, float factor, float addend = 0) => Wrap(inner.Scale(Unwrap(x), factor, addend));

    public override Tensor Activate(Tensor x, Activation activation) => Wrap(inner.Activate(Unwrap(x), activation));

    public override Tensor Apply(Tensor x, Function function) => Wrap(inner.Apply(Unwrap(x), function));

    public override Tensor Reduce(Tensor x, Reduction reduction, Index dimension) => Wrap(inner.Reduce(Unwrap(x), reduction, dimension));

    public override Tensor Slice(Tensor x, Index dimension, Range range) => Wrap(inner.Slice(Unwrap(x), dimension, range));

    public override Tensor Concat(ReadOnlySpan<Tensor> parts, Index dimension) =>
        Wrap(inner.Concat(Array.ConvertAll(parts.ToArray(), Unwrap), dimension));

    public override Tensor Transpose(Tensor x, params ReadOnlySpan<int> order) => Wrap(inner.Transpose(Unwrap(x), order));

    public override Tensor Reshape(Tensor x, Shape shape) => Wrap(inner.Reshape(Unwrap(x), shape));

    public override Tensor SelectRows(Tensor x, Tensor indices) => Wrap(inner.SelectRows(Unwrap(x), Unwrap(indices)));

    public override Tensor AttentionWithCache(
        Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads) =>
        Wrap(inner.AttentionWithCache(Unwrap(query), Unwrap(key), Unwrap(value), cache, layout, heads));

    public override void StoreMemory(Tensor key, Tensor value, CrossAttentionMemory memory, int firstSlot) =>
        inner.StoreMemory(Unwrap(key), Unwrap(value), memory, firstSlot);

    public override Tensor CrossAttention(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads) =>
        Wrap(inner.CrossAttention(Unwrap(query), memory, layout, heads));

    public override Tensor CrossAttentionWeights(
        Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected) =>
        Wrap(inner.CrossAttentionWeights(Unwrap(query), memory, layout, heads, selected));

    public override Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state) => Wrap(inner.LstmStep(Unwrap(x), weights, state));

    public override KeyValueCache CreateCache(PageTable pages, int width, Heads heads) => inner.CreateCache(pages, width, heads);

    public override CrossAttentionMemory CreateMemory(int slots, int positions, int width, Heads heads) =>
        inner.CreateMemory(slots, positions, width, heads);

    public override FrameTail CreateTail(int rows, int frames, int size) => inner.CreateTail(rows, frames, size);

    public override Tensor WithTail(Tensor x, FrameTail tail, ReadOnlySpan<int> rows) => Wrap(inner.WithTail(Unwrap(x), tail, rows));

    public override RecurrentState CreateRecurrentState(int rows, int size) => inner.CreateRecurrentState(rows, size);

    sealed class Wrapped(PrimitiveBackend backend, Tensor tensor) : Tensor
    {
        public Tensor Inner => tensor;

        public override Backend Backend => backend;

        public override Shape Shape => tensor.Shape;

        public override DType Type => tensor.Type;
    }
}
