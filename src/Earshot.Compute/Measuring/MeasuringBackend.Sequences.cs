namespace Earshot.Compute.Measuring;

// Convolutional and recurrent networks over sequences.
public sealed partial class MeasuringBackend
{
    public override Tensor Affine(Tensor x, Parameter scale, Parameter shift, Activation activation) =>
        Record("Affine", scale.Name, x.Shape, 2.0 * x.Shape.Count, Vector(scale) + Vector(shift), Bytes(x.Shape));

    public override Tensor InstanceNorm(Tensor x, NormWeights weights, float epsilon, Activation activation) =>
        Record(
            "InstanceNorm", weights.Weight.Name, x.Shape, 7.0 * x.Shape.Count,
            Vector(weights.Weight) + Vector(weights.Bias), Bytes(x.Shape));

    public override Tensor MaxPool(Tensor x, int size) =>
        Record("MaxPool", "", Frames(x, x.Shape[1] / size), x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor AveragePool(Tensor x, int size) =>
        Record("AveragePool", "", Frames(x, (x.Shape[1] + size - 1) / size), x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor RepeatFrames(Tensor x, int times, Tensor like) =>
        Record("RepeatFrames", "", Frames(x, like.Shape[1]), 0, 0, Bytes(x.Shape));

    public override Tensor MeanAndDeviation(Tensor x) =>
        Record("MeanAndDeviation", "", new Shape(x.Shape[0], 2 * x.Shape[2]), 4.0 * x.Shape.Count, 0, Bytes(x.Shape));

    /// <summary>In one pass: the parts are read once, the result written once.</summary>
    public override Tensor ConcatAffine(ReadOnlySpan<Tensor> parts, Parameter scale, Parameter shift, Activation activation)
    {
        var output = parts[0].Shape.WithLast(scale.Shape[0]);
        return Record("ConcatAffine", scale.Name, output, 2.0 * output.Count, Vector(scale) + Vector(shift), Bytes(output));
    }

    public override Tensor LogSoftmax(Tensor x) =>
        Record("LogSoftmax", "", x.Shape, 5.0 * x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor Lstm(Tensor x, LstmWeights forward, LstmWeights? backward)
    {
        int size = forward.Hidden.Shape[1], ways = backward is null ? 1 : 2;
        double flops = 2.0 * ways * x.Shape.Rows * (forward.Input.Shape.Count + forward.Hidden.Shape.Count);
        long weights = Weight(forward.Input) + Weight(forward.Hidden);
        if (backward is { } back) weights += Weight(back.Input) + Weight(back.Hidden);
        return Record("Lstm", forward.Input.Name, x.Shape.WithLast(ways * size), flops, weights, Bytes(x.Shape));
    }

    static Shape Frames(Tensor x, int frames) => new(x.Shape[0], frames, x.Shape[2]);
}
