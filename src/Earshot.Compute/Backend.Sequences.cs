namespace Earshot.Compute;

// Operations over the frames of sequences, (batch, time, size) each, written in the abstract ones.
public abstract partial class Backend
{
    /// <summary>
    /// What a function of a sequence gives whose outputs look at a few frames around them only: (batch, frames, n) → (batch, outputs,
    /// size). Of a long sequence a backend may compute some outputs at a time, so that no more than those has to be held at once.
    /// </summary>
    public virtual Tensor InBlocks(Tensor x, TimeBlocks blocks, Shape outputs, Func<Tensor, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return function(x);
    }

    /// <summary>
    /// <see cref="InBlocks"/> of outputs of x's own shape, which take its place: x must not be used afterwards. A long sequence is held
    /// once.
    /// </summary>
    public virtual Tensor UpdateInBlocks(Tensor x, TimeBlocks blocks, Func<Tensor, Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var mark = Mark();
        return KeepOnly(x, function(x), mark);
    }

    /// <summary>The mean over time: (batch, time, n) → (batch, 1, n).</summary>
    public virtual Tensor Mean(Tensor x) => Reduce(x, Reduction.Mean, 1);

    /// <summary>
    /// activation((x − mean) / √(variance + ε) · weight + bias), mean and (biased) variance over time, for each sequence and each
    /// element of the last dimension: x (batch, time, size), weight and bias (size).
    /// </summary>
    public virtual Tensor InstanceNorm(Tensor x, NormWeights weights, float epsilon, Activation activation)
    {
        var centred = Subtract(x, Reduce(x, Reduction.Mean, 1));
        var deviation = Root(Reduce(Multiply(centred, centred), Reduction.Mean, 1), epsilon);
        return Affine(Divide(centred, deviation), weights.Weight, weights.Bias, activation);
    }

    /// <summary>
    /// The largest of each <paramref name="size"/> frames: (batch, time, n) → (batch, ⌊time / size⌋, n); an incomplete rest is left out.
    /// </summary>
    public virtual Tensor MaxPool(Tensor x, int size)
    {
        int runs = x.Shape[1] / size;
        return ReduceRuns(Slice(x, 1, ..(runs * size)), runs, Reduction.Max);
    }

    /// <summary>
    /// The mean of each <paramref name="size"/> frames: (batch, time, n) → (batch, ⌈time / size⌉, n); of an incomplete rest, its own mean.
    /// </summary>
    public virtual Tensor AveragePool(Tensor x, int size)
    {
        int runs = x.Shape[1] / size, whole = runs * size;
        if (runs == 0) return Reduce(x, Reduction.Mean, 1);
        var means = ReduceRuns(Slice(x, 1, ..whole), runs, Reduction.Mean);
        return whole == x.Shape[1] ? means : Concat([means, Reduce(Slice(x, 1, whole..), Reduction.Mean, 1)], 1);
    }

    /// <summary>
    /// Frame t is frame t / <paramref name="times"/> of x, for as many frames as <paramref name="like"/> has: (batch, fewer, n) → (batch,
    /// time, n).
    /// </summary>
    public virtual Tensor RepeatFrames(Tensor x, int times, Tensor like)
    {
        var copies = new Tensor[times];
        Array.Fill(copies, Reshape(x, new Shape(x.Shape[0], x.Shape[1], 1, x.Shape[2])));
        var repeated = Reshape(Concat(copies, 2), new Shape(x.Shape[0], x.Shape[1] * times, x.Shape[2]));
        return Slice(repeated, 1, ..like.Shape[1]);
    }

    /// <summary>Mean and deviation over time, the deviation unbiased (of time − 1): (batch, time, n) → (batch, 2n), means first.</summary>
    public virtual Tensor MeanAndDeviation(Tensor x)
    {
        var mean = Reduce(x, Reduction.Mean, 1);
        var centred = Subtract(x, mean);
        var variance = Scale(Reduce(Multiply(centred, centred), Reduction.Sum, 1), 1f / (x.Shape[1] - 1));
        return Reshape(Concat([mean, Apply(variance, Function.Sqrt)]), new Shape(x.Shape[0], 2 * x.Shape[2]));
    }

    /// <summary>
    /// An LSTM over whole sequences, from zeros (gates in PyTorch's order i, f, g, o): x (batch, time, in) → hidden (batch, time, size).
    /// With weights for the way back, which begins at the last frame: (batch, time, 2 · size), the way forward first.
    /// </summary>
    public virtual Tensor Lstm(Tensor x, LstmWeights forward, LstmWeights? backward)
    {
        var hidden = LstmWay(x, forward, reverse: false);
        return backward is { } back ? Concat([hidden, LstmWay(x, back, reverse: true)]) : hidden;
    }

    Tensor LstmWay(Tensor x, in LstmWeights weights, bool reverse)
    {
        int time = x.Shape[1], size = weights.Hidden.Shape[1];
        var inputs = Linear(x, weights.Input, weights.InputBias, default);
        var steps = new Tensor[time];
        Tensor? hidden = null, cell = null;
        for (int i = 0; i < time; i++)
        {
            int t = reverse ? time - 1 - i : i;
            var gates = Slice(inputs, 1, t..(t + 1));
            gates = hidden is null
                ? Add(gates, Value(weights.HiddenBias))
                : Linear(hidden, weights.Hidden, weights.HiddenBias, new Epilogue(Residual: gates));
            Tensor Gate(int index, Activation activation) => Activate(Slice(gates, ^1, (index * size)..((index + 1) * size)), activation);
            var added = Multiply(Gate(0, Activation.Sigmoid), Gate(2, Activation.Tanh));
            cell = cell is null ? added : Add(Multiply(Gate(1, Activation.Sigmoid), cell), added);
            steps[t] = hidden = Multiply(Gate(3, Activation.Sigmoid), Activate(cell, Activation.Tanh));
        }
        return Concat(steps, 1);
    }

    Tensor ReduceRuns(Tensor x, int runs, Reduction reduction)
    {
        var parted = Reshape(x, new Shape(x.Shape[0], runs, x.Shape[1] / runs, x.Shape[2]));
        return Reshape(Reduce(parted, reduction, 2), new Shape(x.Shape[0], runs, x.Shape[2]));
    }
}

/// <summary>How a sequence may be cut into blocks of time.</summary>
/// <param name="Halo">Outputs on either side of a block that have to be computed with it, and are dropped.</param>
/// <param name="Stride">Frames from one output to the next; the first output looks at the first frame.</param>
/// <param name="Multiple">Outputs that a block begins with a multiple of; the halo is one too.</param>
/// <param name="Most">The most outputs of a block, where what they are computed from is large; 0 for as many as the backend likes.</param>
public readonly record struct TimeBlocks(int Halo, int Stride = 1, int Multiple = 1, int Most = 0);
