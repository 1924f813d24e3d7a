namespace Earshot.Compute;

/// <summary>A convolution over images: x (batch, height, width, in), weight (out, in, kernel height, kernel width); padding on both sides, with zeros.</summary>
public readonly record struct Convolution2d(int StrideHeight = 1, int StrideWidth = 1, int PadHeight = 0, int PadWidth = 0, Activation Activation = Activation.None);

// Convolutional and recurrent networks over sequences, (batch, time, size) each.
public abstract partial class Backend
{
    /// <summary>Convolution over images: x (batch, height, width, in), weight (out, in, kernel height, kernel width) → (batch, height', width', out).</summary>
    public abstract Tensor Convolve2d(Tensor x, Parameter weight, Parameter? bias, Convolution2d convolution);

    /// <summary>activation(x · scale + shift), scale and shift (size) for the elements of the last dimension.</summary>
    public abstract Tensor Affine(Tensor x, Parameter scale, Parameter shift, Activation activation);

    /// <summary>
    /// activation((x − mean) / √(variance + ε) · weight + bias), mean and (biased) variance over time, for each sequence and each
    /// element of the last dimension: x (batch, time, size), weight and bias (size).
    /// </summary>
    public abstract Tensor InstanceNorm(Tensor x, NormWeights weights, float epsilon, Activation activation);

    /// <summary>The largest of each <paramref name="size"/> frames: (batch, time, n) → (batch, ⌊time / size⌋, n); an incomplete rest is left out.</summary>
    public abstract Tensor MaxPool(Tensor x, int size);

    /// <summary>The mean of each <paramref name="size"/> frames: (batch, time, n) → (batch, ⌈time / size⌉, n); of an incomplete rest, its own mean.</summary>
    public abstract Tensor AveragePool(Tensor x, int size);

    /// <summary>Frame t is frame t / <paramref name="times"/> of x, for as many frames as <paramref name="like"/> has: (batch, fewer, n) → (batch, time, n).</summary>
    public abstract Tensor RepeatFrames(Tensor x, int times, Tensor like);

    /// <summary>Mean and deviation over time, the deviation unbiased (of time − 1): (batch, time, n) → (batch, 2n), means first.</summary>
    public abstract Tensor MeanAndDeviation(Tensor x);

    /// <summary>Element by element; <paramref name="right"/> has the same shape, or one frame, (batch, 1, size), that serves for all.</summary>
    public abstract Tensor Multiply(Tensor left, Tensor right);

    /// <summary>Side by side in the last dimension; the others are the same.</summary>
    public abstract Tensor Concat(ReadOnlySpan<Tensor> parts);

    /// <summary>log(softmax(x)) over the last dimension.</summary>
    public abstract Tensor LogSoftmax(Tensor x);

    /// <summary>
    /// An LSTM over whole sequences, from zeros (gates in PyTorch's order i, f, g, o): x (batch, time, in) → hidden (batch, time, size).
    /// With weights for the way back, which begins at the last frame: (batch, time, 2 · size), the way forward first.
    /// </summary>
    public abstract Tensor Lstm(Tensor x, LstmWeights forward, LstmWeights? backward);
}

/// <summary>The weights of a normalisation: factor and addend of each element, (size).</summary>
public readonly record struct NormWeights(Parameter Weight, Parameter Bias);
