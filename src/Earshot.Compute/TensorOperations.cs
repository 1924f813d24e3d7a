namespace Earshot.Compute;

/// <summary>The operations as models write them: a scope names the parameters and their shapes are stated here.</summary>
public static partial class TensorOperations
{
    /// <summary>A fully connected layer: parameters <c>weight</c> (size, in) and, where the checkpoint has it, <c>bias</c> (size).</summary>
    public static Tensor Linear(this Tensor x, Scope w, int size, Activation activation = Activation.None, Tensor? residual = null)
    {
        var (weight, bias) = Weights(x, w, size);
        return x.Backend.Linear(x, weight, bias, new Epilogue(activation, residual));
    }

    /// <summary>Two fully connected layers of one input, computed together.</summary>
    public static (Tensor, Tensor) Linear(this Tensor x, Scope first, Scope second, int size)
    {
        var results = new TensorTriple();
        x.Backend.Linear(x, [Weights(x, first, size), Weights(x, second, size)], ((Span<Tensor>)results)[..2]);
        return (results[0], results[1]);
    }

    /// <summary>Three fully connected layers of one input, such as an attention's projections, computed together.</summary>
    public static (Tensor, Tensor, Tensor) Linear(this Tensor x, Scope first, Scope second, Scope third, int size)
    {
        var results = new TensorTriple();
        x.Backend.Linear(x, [Weights(x, first, size), Weights(x, second, size), Weights(x, third, size)], results);
        return (results[0], results[1], results[2]);
    }

    /// <summary>Layer normalisation over the last dimension: parameters <c>weight</c> and <c>bias</c>.</summary>
    public static Tensor LayerNorm(this Tensor x, Scope w, float epsilon = 1e-5f)
    {
        var size = new Shape(x.Shape[^1]);
        return x.Backend.LayerNorm(x, w.Parameter("weight", size), w.Parameter("bias", size), epsilon);
    }

    /// <summary>Convolution over time: parameters <c>weight</c> (size, in, kernel) and, where the checkpoint has it, <c>bias</c> (size).</summary>
    public static Tensor Convolve(this Tensor x, Scope w, int size, int kernel, Convolution convolution) =>
        x.Backend.Convolve(
            x,
            w.Parameter("weight", new Shape(size, x.Shape[^1], kernel)),
            w.Optional("bias", new Shape(size)),
            convolution);

    public static Tensor Activate(this Tensor x, Activation activation) => x.Backend.Activate(x, activation);

    public static Tensor Magnitude(this Tensor x) => x.Backend.Magnitude(x);

    /// <summary>Rows of a matrix view: indices (n) → (n, size).</summary>
    public static Tensor SelectRows(this Tensor x, Tensor indices) => x.Backend.SelectRows(x, indices);

    /// <summary>One LSTM step: parameters <c>weight_ih</c>, <c>weight_hh</c>, <c>bias_ih</c>, <c>bias_hh</c>, in PyTorch's layout.</summary>
    public static Tensor LstmStep(this Tensor x, Scope w, int size, RecurrentState state) =>
        x.Backend.LstmStep(
            x,
            new LstmWeights(
                w.Parameter("weight_ih", new Shape(4 * size, x.Shape[^1])),
                w.Parameter("weight_hh", new Shape(4 * size, size)),
                w.Parameter("bias_ih", new Shape(4 * size)),
                w.Parameter("bias_hh", new Shape(4 * size))),
            state);

    static LinearWeights Weights(Tensor x, Scope w, int size) =>
        new(w.Parameter("weight", new Shape(size, x.Shape[^1])), w.Optional("bias", new Shape(size)));

    // Room for results on the stack: a decoding step makes no garbage.
    [System.Runtime.CompilerServices.InlineArray(3)]
    struct TensorTriple
    {
        Tensor _first;
    }
}
