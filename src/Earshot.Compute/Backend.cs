namespace Earshot.Compute;

/// <summary>How a product is finished before it is stored: activation, then the residual added.</summary>
public readonly record struct Epilogue(Activation Activation = Activation.None, Tensor? Residual = null);

/// <summary>A convolution over time: x (batch, time, in), weight (out, in, kernel), whose taps are <paramref name="Dilation"/> frames apart.</summary>
public readonly record struct Convolution(int Stride = 1, int PadLeft = 0, int PadRight = 0, bool Reflect = false, Activation Activation = Activation.None, int Dilation = 1);

/// <summary>How attention is split: query heads, key and value heads (equal unless grouped), and whether later positions are hidden.</summary>
public readonly record struct Heads(int Query, int KeyValue, bool Causal = false)
{
    public Heads(int heads) : this(heads, heads) { }
}

/// <summary>
/// What calling a model means: computing, recording a graph, measuring. Every operation a model may use is an abstract
/// member, so a backend that lacks one does not compile. Activations are (…, size), row-major; a backend may compute in
/// less than float32 where its options say so.
/// </summary>
public abstract partial class Backend
{
    /// <summary>x·Wᵀ + b, then the epilogue: x (…, in), weight (out, in), bias (out) → (…, out).</summary>
    public abstract Tensor Linear(Tensor x, Parameter weight, Parameter? bias, Epilogue epilogue);

    /// <summary>Several linear layers of the same input, as an attention's projections are; a backend may share what they have in common.</summary>
    public virtual void Linear(Tensor x, ReadOnlySpan<LinearWeights> layers, Span<Tensor> results)
    {
        for (int i = 0; i < layers.Length; i++) results[i] = Linear(x, layers[i].Weight, layers[i].Bias, default);
    }

    /// <summary>Convolution over time: x (batch, time, in), weight (out, in, kernel) → (batch, time', out).</summary>
    public abstract Tensor Convolve(Tensor x, Parameter weight, Parameter? bias, Convolution convolution);

    /// <summary>(x − mean) / √(variance + ε) · weight + bias over the last dimension.</summary>
    public abstract Tensor LayerNorm(Tensor x, Parameter weight, Parameter bias, float epsilon);

    /// <summary>Rows of a table: indices (…) of int32, table (entries, size) → (…, size).</summary>
    public abstract Tensor Embed(Tensor indices, Parameter table);

    /// <summary>The table's first rows added to each sequence: x (batch, time, size), table (at least time, size).</summary>
    public abstract Tensor AddPositions(Tensor x, Parameter table);

    /// <summary>Element by element; <paramref name="right"/> has the same shape, or one frame, (batch, 1, size), that serves for all.</summary>
    public abstract Tensor Add(Tensor left, Tensor right);

    public abstract Tensor Activate(Tensor x, Activation activation);

    /// <summary>softmax(q·kᵀ/√size)·v within each sequence: (batch, time, heads × size) → (batch, time, heads × size).</summary>
    public abstract Tensor Attention(Tensor query, Tensor key, Tensor value, Heads heads);

    /// <summary>Appends the keys and values of this step's tokens to the cache, then attends causally to each token's own row.</summary>
    public abstract Tensor AttentionWithCache(Tensor query, Tensor key, Tensor value, KeyValueCache cache, BatchLayout layout, Heads heads);

    /// <summary>Keeps keys and values, (batch, positions, width) each, in slots <paramref name="firstSlot"/> … of the memory.</summary>
    public abstract void Remember(Tensor key, Tensor value, AttentionMemory memory, int firstSlot);

    /// <summary>Each token attends to all positions of its memory slot.</summary>
    public abstract Tensor AttentionOver(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads);

    /// <summary>The attention probabilities themselves for some heads: (tokens, selected heads, positions); for aligning words with audio.</summary>
    public abstract Tensor AttentionWeights(Tensor query, AttentionMemory memory, BatchLayout layout, Heads heads, ReadOnlySpan<int> selected);

    /// <summary>Rows of a matrix view: x (…, size), indices (n) of int32 → (n, size).</summary>
    public abstract Tensor SelectRows(Tensor x, Tensor indices);

    /// <summary>The same elements in another shape.</summary>
    public abstract Tensor Reshape(Tensor x, Shape shape);

    /// <summary>One step of an LSTM cell (gates in PyTorch's order i, f, g, o): x (rows, in) → hidden (rows, size).</summary>
    public abstract Tensor LstmStep(Tensor x, LstmWeights weights, RecurrentState state);

    /// <summary>√(re² + im²) where the first half of the last dimension is the real parts and the second the imaginary: (…, 2n) → (…, n).</summary>
    public abstract Tensor Magnitude(Tensor x);

    /// <summary>A new cache for <paramref name="rows"/> sequences of up to <paramref name="capacity"/> positions.</summary>
    public abstract KeyValueCache CreateCache(int rows, int capacity, int width, Heads heads);

    public abstract AttentionMemory CreateMemory(int slots, int positions, int width, Heads heads);

    public abstract RecurrentState CreateRecurrentState(int rows, int size);

    /// <summary>A point to free temporaries back to, with <see cref="Replace"/>.</summary>
    public virtual Mark Mark() => default;

    /// <summary>
    /// The result takes the place of <paramref name="old"/>, which had the same shape, and all temporaries made since the
    /// mark are freed: what keeps a deep stack of layers from holding every layer's activations.
    /// </summary>
    public virtual Tensor Replace(Tensor old, Tensor result, Mark mark) => result;
}

/// <summary>A point in a backend's temporary memory.</summary>
public readonly record struct Mark(long Bytes, int Tensors, int Blocks);

/// <summary>The weights of a linear layer: (out, in), and the bias (out).</summary>
public readonly record struct LinearWeights(Parameter Weight, Parameter? Bias);

/// <summary>The weights of an LSTM cell: input (4·size, in), hidden (4·size, size), and their biases (4·size).</summary>
public readonly record struct LstmWeights(Parameter Input, Parameter Hidden, Parameter InputBias, Parameter HiddenBias);
