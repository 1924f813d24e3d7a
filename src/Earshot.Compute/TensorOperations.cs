namespace Earshot.Compute;

/// <summary>The operations as models write them: a scope names the parameters and their shapes are stated here.</summary>
public static partial class TensorOperations
{
    /// <summary>
    /// A fully connected layer: parameters <c>weight</c> (size, in) and, where the checkpoint has it, <c>bias</c> (size), which is not
    /// asked for where no model of the family has one.
    /// </summary>
    public static Tensor Linear(
        this Tensor x, Scope w, int size, Activation activation = Activation.None, Tensor? residual = null, bool bias = true)
    {
        var weights = Weights(x, new(w, size, bias));
        return x.Backend.Linear(x, weights.Weight, weights.Bias, new Epilogue(activation, residual));
    }

    /// <summary>Two fully connected layers of one input, computed together.</summary>
    public static (Tensor, Tensor) Linear(this Tensor x, LinearLayer first, LinearLayer second)
    {
        var results = new TensorTriple();
        x.Backend.Linear(x, [Weights(x, first), Weights(x, second)], ((Span<Tensor>)results)[..2]);
        return (results[0], results[1]);
    }

    /// <summary>Three fully connected layers of one input, such as an attention's projections, computed together.</summary>
    public static (Tensor, Tensor, Tensor) Linear(this Tensor x, Scope first, Scope second, Scope third, int size) =>
        x.Linear(new LinearLayer(first, size), new LinearLayer(second, size), new LinearLayer(third, size));

    /// <summary>The same of layers with sizes of their own, of which some have no bias.</summary>
    public static (Tensor, Tensor, Tensor) Linear(this Tensor x, LinearLayer first, LinearLayer second, LinearLayer third)
    {
        var results = new TensorTriple();
        x.Backend.Linear(x, [Weights(x, first), Weights(x, second), Weights(x, third)], results);
        return (results[0], results[1], results[2]);
    }

    /// <summary>Layer normalisation over the last dimension: parameters <c>weight</c> and <c>bias</c>.</summary>
    public static Tensor LayerNorm(this Tensor x, Scope w, float epsilon = 1e-5f)
    {
        var size = new Shape(x.Shape[^1]);
        return x.Backend.LayerNorm(x, w.Parameter("weight", size), w.Parameter("bias", size), epsilon);
    }

    /// <summary>
    /// Convolution over time: parameters <c>weight</c> (size, in / groups, kernel) and, where the checkpoint has it, <c>bias</c> (size).
    /// </summary>
    public static Tensor Convolve(this Tensor x, Scope w, int size, int kernel, Convolution convolution) =>
        x.Backend.Convolve(
            x,
            w.Parameter("weight", new Shape(size, x.Shape[^1] / convolution.Groups, kernel)),
            w.Optional("bias", new Shape(size)),
            convolution);

    /// <summary>Rows of a matrix view: indices (n) → (n, size).</summary>
    public static Tensor SelectRows(this Tensor x, Tensor indices) => x.Backend.SelectRows(x, indices);

    /// <summary>
    /// One LSTM step: parameters <c>weight_ih</c>, <c>weight_hh</c>, <c>bias_ih</c>, <c>bias_hh</c>, in PyTorch's layout.
    /// </summary>
    public static Tensor LstmStep(this Tensor x, Scope w, int size, RecurrentState state) =>
        x.Backend.LstmStep(
            x,
            new LstmWeights(
                w.Parameter("weight_ih", new Shape(4 * size, x.Shape[^1])),
                w.Parameter("weight_hh", new Shape(4 * size, size)),
                w.Parameter("bias_ih", new Shape(4 * size)),
                w.Parameter("bias_hh", new Shape(4 * size))),
            state);

    static LinearWeights Weights(Tensor x, in LinearLayer layer) =>
        new(
            layer.Scope.Parameter("weight", new Shape(layer.Size, x.Shape[^1])),
            layer.Bias ? layer.Scope.Optional("bias", new Shape(layer.Size)) : null);

    // Room for results on the stack: a decoding step makes no garbage.
    [System.Runtime.CompilerServices.InlineArray(3)]
    struct TensorTriple
    {
        Tensor _first;
    }
}

/// <summary>A fully connected layer's place, its outputs, and whether models of its family may have a bias there.</summary>
public readonly record struct LinearLayer(Scope Scope, int Size, bool Bias = true);
