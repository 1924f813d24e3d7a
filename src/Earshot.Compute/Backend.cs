namespace Earshot.Compute;

/// <summary>How a product is finished before it is stored: activation, then the residual added.</summary>
public readonly record struct Epilogue(Activation Activation = Activation.None, Tensor? Residual = null);

/// <summary>
/// How attention is split: query heads, key and value heads (equal unless grouped), and whether later positions are hidden. Where they are,
/// a <paramref name="Window"/> other than zero also hides what lies back: a position sees itself and the Window − 1 before it.
/// </summary>
public readonly record struct Heads(int Query, int KeyValue, bool Causal = false, int Window = 0)
{
    public Heads(int heads) : this(heads, heads) { }
}

/// <summary>
/// What calling a model means: computing, recording a graph, measuring. The members here are abstract, so a backend that lacks one
/// does not compile; all other operations are written in these, and a backend overrides those that it does better at once.
/// Activations are (…, size), row-major; a backend may compute in less than float32 where its options say so.
/// </summary>
public abstract partial class Backend
{
    /// <summary>A parameter as a tensor.</summary>
    public abstract Tensor Value(Parameter parameter);

    /// <summary>Numbers that are the same at every call.</summary>
    public abstract Tensor Constant(ReadOnlySpan<float> values, Shape shape);

    /// <summary>0, 1, 2, … for as many positions as a dimension has: (n).</summary>
    public abstract Tensor Positions(Tensor like, Index dimension);

    /// <summary>Indices as numbers to compute with.</summary>
    public abstract Tensor Numbers(Tensor indices);

    /// <summary>x·Wᵀ + b, then the epilogue: x (…, in), weight (out, in), bias (out) → (…, out).</summary>
    public abstract Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue);

    /// <summary>Convolution over time: x (batch, time, in), weight (out, in / groups, kernel) → (batch, time', out).</summary>
    public abstract Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution);

    /// <summary>
    /// Convolution over images: x (batch, height, width, in), weight (out, in / groups, kernel height, kernel width) → (batch, height',
    /// width', out).
    /// </summary>
    public abstract Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution);

    /// <summary>The reverse of a strided convolution: x (batch, time, in), weight (in, out, kernel) → (batch, time', out).</summary>
    public abstract Tensor ConvolveTransposed(Tensor x, Parameter weight, Parameter? bias, ConvolutionTransposed convolution);

    /// <summary>
    /// The product of each pair of matrices: (…, m, k)·(…, k, n) → (…, m, n), or right (…, n, k) if <paramref name="transposed"/>. Outer
    /// dimensions of right are those of left, or ones that serve for all, or left out.
    /// </summary>
    public abstract Tensor MatMul(Tensor left, Tensor right, bool transposed = false);

    /// <summary>
    /// Element by element. A dimension of <paramref name="right"/> is that of left, or one that serves for all; the outermost may be left
    /// out.
    /// </summary>
    public abstract Tensor Combine(Tensor left, Tensor right, Arithmetic operation);

    /// <summary>x · factor + addend.</summary>
    public abstract Tensor Scale(Tensor x, float factor, float addend = 0);

    public abstract Tensor Activate(Tensor x, Activation activation);

    public abstract Tensor Apply(Tensor x, Function function);

    /// <summary>The sum, mean or largest element along a dimension, which remains as one.</summary>
    public abstract Tensor Reduce(Tensor x, Reduction reduction, Index dimension);

    /// <summary>Some positions of one dimension; ends counted from the end stay so where a graph leaves the size open.</summary>
    public abstract Tensor Slice(Tensor x, Index dimension, Range range);

    /// <summary>One behind another in a dimension; the others are the same.</summary>
    public abstract Tensor Concat(ReadOnlySpan<Tensor> parts, Index dimension);

    /// <summary>The dimensions in another order: dimension i of the result is dimension <c>order[i]</c> of x.</summary>
    public abstract Tensor Transpose(Tensor x, params ReadOnlySpan<int> order);

    /// <summary>The same elements in another shape.</summary>
    public abstract Tensor Reshape(Tensor x, Shape shape);

    /// <summary>Rows of a matrix view: x (…, size), indices (n) of int32 → (n, size).</summary>
    public abstract Tensor SelectRows(Tensor x, Tensor indices);

    /// <summary>
    /// Appends the keys and values of this batch's tokens to the cache, whose table must have room for them, then attends causally to
    /// each token's own row (whatever <see cref="Heads.Causal"/> says): query (tokens, query heads × size), key and value (tokens,
    /// key heads × size).
    /// </summary>
    public abstract Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads);

    /// <summary>Keeps keys and values, (batch, positions, width) each, in slots <paramref name="firstSlot"/> … of the memory.</summary>
    public abstract void StoreMemory(Tensor key, Tensor value, CrossAttentionMemory memory, int firstSlot);

    /// <summary>Each token attends to all positions of its memory slot.</summary>
    public abstract Tensor CrossAttention(Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads);

    /// <summary>
    /// The attention probabilities themselves for some heads: (tokens, selected heads, positions); for aligning words with audio.
    /// </summary>
    public abstract Tensor CrossAttentionWeights(
        Tensor query, CrossAttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected);

    /// <summary>One step of an LSTM cell (gates in PyTorch's order i, f, g, o): x (rows, in) → hidden (rows, size).</summary>
    public abstract Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state);

    /// <summary>
    /// A new cache for the rows of a page table; <paramref name="width"/> is that of all key heads together (key heads × size), which in
    /// grouped attention is less than the queries'.
    /// </summary>
    public abstract KeyValueCache CreateCache(PageTable pages, int width, Heads heads);

    public abstract CrossAttentionMemory CreateMemory(int slots, int positions, int width, Heads heads);

    public abstract RecurrentState CreateRecurrentState(int rows, int size);

    public abstract FrameTail CreateTail(int rows, int frames, int size);

    /// <summary>
    /// Each sequence behind its row's tail, which then holds the last frames of the two: x (batch, time, n), <c>rows[i]</c> the row of
    /// sequence i → (batch, frames + time, n).
    /// </summary>
    public abstract Tensor WithTail(Tensor x, FrameTail tail, ReadOnlySpan<int> rows);

    /// <summary>A point to free temporaries back to, with <see cref="KeepOnly"/>.</summary>
    public virtual ArenaMark Mark() => default;

    /// <summary>
    /// The result takes the place of <paramref name="old"/>, which had the same shape, and all temporaries made since the
    /// mark are freed: what keeps a deep stack of layers from holding every layer's activations.
    /// </summary>
    public virtual Tensor KeepOnly(Tensor old, Tensor result, ArenaMark mark) => result;

    /// <summary>Frees all temporaries made since the mark but the result, which moves to where they began; use what is returned.</summary>
    public virtual Tensor Keep(Tensor result, ArenaMark mark) => result;
}

/// <summary>A point in a backend's temporary memory.</summary>
public readonly record struct ArenaMark(long Bytes, int Tensors, int Blocks);

/// <summary>The weights of a linear layer: (out, in), and the bias (out).</summary>
public readonly record struct LinearWeights(Parameter Weight, Parameter? Bias);

/// <summary>The weights of a normalisation: factor and addend of each element, (size).</summary>
public readonly record struct NormWeights(Parameter Weight, Parameter Bias);

/// <summary>The weights of an LSTM cell: input (4·size, in), hidden (4·size, size), and their biases (4·size).</summary>
public readonly record struct LstmWeights(Parameter Input, Parameter Hidden, Parameter InputBias, Parameter HiddenBias);
