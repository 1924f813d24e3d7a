namespace Earshot.Compute;

// Convolutional and recurrent networks over sequences.
public static partial class TensorOperations
{
    /// <summary>
    /// Convolution over images: parameters <c>weight</c> (size, in / groups, height, width) and, where the checkpoint has it, <c>bias</c>
    /// (size).
    /// </summary>
    public static Tensor Convolve2d(this Tensor x, Scope w, int size, (int Height, int Width) kernel, Convolution2d convolution) =>
        x.Backend.Convolve2d(
            x,
            w.Parameter("weight", new Shape(size, x.Shape[^1] / convolution.Groups, kernel.Height, kernel.Width)),
            w.Optional("bias", new Shape(size)),
            convolution);

    /// <summary>
    /// The reverse of a strided convolution: parameters <c>weight</c> (in, size, kernel) and, where the checkpoint has it, <c>bias</c>
    /// (size).
    /// </summary>
    public static Tensor ConvolveTransposed(this Tensor x, Scope w, int size, int kernel, ConvolutionTransposed convolution) =>
        x.Backend.ConvolveTransposed(
            x, w.Parameter("weight", new Shape(x.Shape[^1], size, kernel)), w.Optional("bias", new Shape(size)), convolution);

    /// <summary>A factor and an addend for each element of the last dimension: parameters <c>scale</c> and <c>shift</c>.</summary>
    public static Tensor Affine(this Tensor x, Scope w, Activation activation = Activation.None)
    {
        var size = new Shape(x.Shape[^1]);
        return x.Backend.Affine(x, w.Parameter("scale", size), w.Parameter("shift", size), activation);
    }

    /// <summary>The parts side by side, then a factor and an addend for each element: parameters <c>scale</c> and <c>shift</c>.</summary>
    public static Tensor ConcatAffine(ReadOnlySpan<Tensor> parts, Scope w, Activation activation = Activation.None)
    {
        int sum = 0;
        foreach (var part in parts) sum += part.Shape[^1];
        var size = new Shape(sum);
        return parts[0].Backend.ConcatAffine(parts, w.Parameter("scale", size), w.Parameter("shift", size), activation);
    }

    /// <summary>Normalisation over time: parameters <c>weight</c> and <c>bias</c>.</summary>
    public static Tensor InstanceNorm(this Tensor x, Scope w, float epsilon = 1e-5f, Activation activation = Activation.None)
    {
        var size = new Shape(x.Shape[^1]);
        return x.Backend.InstanceNorm(x, new NormWeights(w.Parameter("weight", size), w.Parameter("bias", size)), epsilon, activation);
    }

    public static Tensor MaxPool(this Tensor x, int size) => x.Backend.MaxPool(x, size);

    public static Tensor AveragePool(this Tensor x, int size) => x.Backend.AveragePool(x, size);

    public static Tensor Mean(this Tensor x) => x.Backend.Mean(x);

    public static Tensor RepeatFrames(this Tensor x, int times, Tensor like) => x.Backend.RepeatFrames(x, times, like);

    public static Tensor MeanAndDeviation(this Tensor x) => x.Backend.MeanAndDeviation(x);

    /// <summary>
    /// A layer of an LSTM over whole sequences: parameters <c>weight_ih_l{layer}</c>, <c>weight_hh_l{layer}</c>, <c>bias_ih_l{layer}</c>,
    /// <c>bias_hh_l{layer}</c>, in PyTorch's layout, and the same with <c>_reverse</c> where it goes both ways.
    /// </summary>
    public static Tensor Lstm(this Tensor x, Scope w, int layer, int size, bool bidirectional) =>
        x.Backend.Lstm(
            x, LstmWeights(w, $"l{layer}", x.Shape[^1], size),
            bidirectional ? LstmWeights(w, $"l{layer}_reverse", x.Shape[^1], size) : null);

    /// <summary>One step of a layer of an LSTM, whose parameters are named as those of <see cref="Lstm"/>.</summary>
    public static Tensor LstmStep(this Tensor x, Scope w, int layer, int size, RecurrentState state) =>
        x.Backend.LstmStep(x, LstmWeights(w, $"l{layer}", x.Shape[^1], size), state);

    static LstmWeights LstmWeights(Scope w, string suffix, int inputs, int size) => new(
        w.Parameter($"weight_ih_{suffix}", new Shape(4 * size, inputs)),
        w.Parameter($"weight_hh_{suffix}", new Shape(4 * size, size)),
        w.Parameter($"bias_ih_{suffix}", new Shape(4 * size)),
        w.Parameter($"bias_hh_{suffix}", new Shape(4 * size)));
}
