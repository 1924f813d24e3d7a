using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Convolutional and recurrent networks over sequences.
public sealed partial class OnnxBackend
{
    public override Tensor Affine(Tensor x, Parameter scale, Parameter shift, Activation activation)
    {
        var path = Parent(scale.Name);
        var y = Node(path, "Add", [Node(path, "Mul", [Unwrap(x).Value, Vector(scale)]), Vector(shift)]);
        return New(x.Shape, path).With(Activated(path, y, activation));
    }

    /// <summary>In float32 whatever the graph computes in: sums over many frames.</summary>
    public override Tensor InstanceNorm(Tensor x, NormWeights weights, float epsilon, Activation activation)
    {
        var path = Parent(weights.Weight.Name);
        GraphValue Full(Parameter parameter) => Initializer(parameter.Name, _weights.Plain(parameter, OnnxElementType.Float32));
        var signal = Cast(path, ChannelMajorOf(Unwrap(x)), OnnxElementType.Float32);
        var y = Node(path, "InstanceNormalization", [signal, Full(weights.Weight), Full(weights.Bias)], ("epsilon", epsilon));
        return ChannelMajor(x.Shape, path, Activated(path, Cast(path, y, ComputeType), activation));
    }

    public override Tensor MaxPool(Tensor x, int size)
    {
        var input = Unwrap(x);
        var y = Node(
            input.Path, "MaxPool", [ChannelMajorOf(input)], ("kernel_shape", new long[] { size }), ("strides", new long[] { size }));
        return ChannelMajor(new Shape(x.Shape[0], x.Shape[1] / size, x.Shape[2]), input.Path, y);
    }

    /// <summary>
    /// Zeros fill the last run, and the sums are divided by as many frames as there are: runtimes disagree on what remains of it.
    /// </summary>
    public override Tensor AveragePool(Tensor x, int size)
    {
        var (input, path) = (Unwrap(x), Unwrap(x).Path);
        GraphValue time = SizeOf(path, input.Value, 1), whole = Ints(size), one = Ints(1), zero = Ints(0);
        var runs = Node(path, "Div", [Node(path, "Add", [time, Ints(size - 1)]), whole]);
        var missing = Node(path, "Sub", [Node(path, "Mul", [runs, whole]), time]);
        var padded = Node(path, "Pad", [input.Value, Node(path, "Concat", [zero, zero, zero, zero, missing, zero], ("axis", 0L))]);
        var parted = Node(path, "Reshape", [padded, Node(path, "Concat", [zero, runs, whole, Ints(x.Shape[2])], ("axis", 0L))]);
        var sums = Node(path, "ReduceSum", [parted, Ints(2)], ("keepdims", 0L)); // (batch, runs, size)
        // Frames of each run: size, of the last time − (runs − 1) · size.
        var starts = Node(path, "Mul", [Node(path, "Range", [Scalar(zero), Scalar(runs), Scalar(one)]), whole]);
        var counts = Node(path, "Min", [Node(path, "Sub", [time, starts]), whole]);
        var divisor = Node(path, "Unsqueeze", [Node(path, "Cast", [counts], ("to", ComputeType)), one]); // (runs, 1)
        return New(new Shape(x.Shape[0], (x.Shape[1] + size - 1) / size, x.Shape[2]), path).With(Node(path, "Div", [sums, divisor]));
    }

    public override Tensor Mean(Tensor x)
    {
        var input = Unwrap(x);
        var y = Node(input.Path, "ReduceMean", [input.Value], ("axes", new long[] { 1 }), ("keepdims", 1L));
        return New(new Shape(x.Shape[0], 1, x.Shape[2]), input.Path).With(y);
    }

    public override Tensor RepeatFrames(Tensor x, int times, Tensor like)
    {
        var (input, path) = (Unwrap(x), Unwrap(x).Path);
        var repeated = Node(
            path, "Expand", [Node(path, "Unsqueeze", [input.Value, Ints(2)]), Ints(1, 1, times, 1)]); // (batch, fewer, times, size)
        var all = Node(path, "Reshape", [repeated, Ints(0, -1, x.Shape[2])]);
        var y = Node(path, "Slice", [all, Ints(0), SizeOf(path, Unwrap(like).Value, 1), Ints(1)]);
        return New(new Shape(x.Shape[0], like.Shape[1], x.Shape[2]), path).With(y);
    }

    public override Tensor MeanAndDeviation(Tensor x)
    {
        var (input, path) = (Unwrap(x), Unwrap(x).Path);
        var mean = Node(path, "ReduceMean", [input.Value], ("axes", new long[] { 1 }), ("keepdims", 1L));
        var difference = Node(path, "Sub", [input.Value, mean]);
        var squares = Node(path, "ReduceSum", [Node(path, "Mul", [difference, difference]), Ints(1)], ("keepdims", 0L));
        var fewer = Node(path, "Cast", [Node(path, "Sub", [SizeOf(path, input.Value, 1), Ints(1)])], ("to", ComputeType));
        var deviation = Node(path, "Sqrt", [Node(path, "Div", [squares, fewer])]);
        var y = Node(path, "Concat", [Node(path, "Squeeze", [mean, Ints(1)]), deviation], ("axis", -1L));
        return New(new Shape(x.Shape[0], 2 * x.Shape[2]), path).With(y);
    }

    public override Tensor LogSoftmax(Tensor x)
    {
        var input = Unwrap(x);
        return New(x.Shape, input.Path).With(Node(input.Path, "LogSoftmax", [input.Value], ("axis", -1L)));
    }

    /// <summary>ONNX has the gates in another order (i, o, f, g), both ways' weights in one tensor, and time outermost.</summary>
    public override Tensor Lstm(Tensor x, LstmWeights forward, LstmWeights? backward)
    {
        var path = Parent(forward.Input.Name);
        int size = forward.Hidden.Shape[1];
        LstmWeights[] ways = backward is { } back ? [forward, back] : [forward];
        var input = Joined(forward.Input, ways, way => [way.Input]);
        var hidden = Joined(forward.Hidden, ways, way => [way.Hidden]);
        var bias = Joined(forward.InputBias, ways, way => [way.InputBias, way.HiddenBias]);
        var steps = Node(path, "Transpose", [Unwrap(x).Value], ("perm", new long[] { 1, 0, 2 }));
        var y = Node(
            path, "LSTM", [steps, input, hidden, bias], ("hidden_size", (long)size),
            ("direction", ways.Length == 2 ? "bidirectional" : "forward")); // (time, ways, batch, size)
        y = Node(path, "Reshape", [Node(path, "Transpose", [y], ("perm", new long[] { 2, 0, 1, 3 })), Ints(0, 0, ways.Length * size)]);
        return New(new Shape(x.Shape[0], x.Shape[1], ways.Length * size), path).With(y);
    }

    // The parameters of each way one after another, gates reordered: (ways, 4 · size of each together, inputs if they are matrices).
    GraphValue Joined(Parameter first, LstmWeights[] ways, Func<LstmWeights, Parameter[]> of)
    {
        var data = _weights.Make($"{first.Name}:lstm:{ComputeType}", () =>
        {
            float[] values = [.. ways.SelectMany(of).SelectMany(InOnnxOrder)];
            var dimensions = new List<long> { ways.Length, of(ways[0]).Sum(parameter => (long)parameter.Shape[0]) };
            if (first.Shape.Rank == 2) dimensions.Add(first.Shape[1]);
            return ComputeType == OnnxElementType.Float16
                ? TensorData.Of<Half>(Array.ConvertAll(values, value => (Half)value), [.. dimensions])
                : TensorData.Of<float>(values, [.. dimensions]);
        });
        return Initializer($"{first.Name}_lstm", data);
    }

    static float[] InOnnxOrder(Parameter parameter)
    {
        var values = parameter.Stored.ToFloats();
        int gate = values.Length / 4;
        return [.. values[..gate], .. values[(3 * gate)..], .. values[gate..(3 * gate)]];
    }

    static readonly long[] s_swapped = [0, 2, 1];

    GraphValue ChannelMajorOf(OnnxTensor x) => x.ChannelMajor ??= Node(x.Path, "Transpose", [x.Value], ("perm", s_swapped));

    OnnxTensor ChannelMajor(Shape shape, string path, GraphValue value)
    {
        var tensor = New(shape, path);
        tensor.ChannelMajor = value;
        return tensor;
    }
}
