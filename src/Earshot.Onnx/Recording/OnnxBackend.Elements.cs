using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Elements by themselves, and what moves them.
public sealed partial class OnnxBackend
{
    public override Tensor Value(Parameter parameter) => New(parameter.Shape, Parent(parameter.Name)).With(Vector(parameter));

    public override Tensor Constant(ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Count)
        {
            throw new ModelException($"{values.Length} values were given for shape {shape}, which holds {shape.Count}.");
        }
        return New(shape, "").With(Cast("", _builder.Constant(TensorData.Of(values, OnnxWeights.Dimensions(shape))), ComputeType));
    }

    public override Tensor Positions(Tensor like, Index dimension)
    {
        int position = like.Shape.Locate(dimension);
        var count = Scalar(SizeOf(Unwrap(like).Path, Unwrap(like).Value, position));
        return New(new Shape(like.Shape[position]), Unwrap(like).Path)
            .With(Cast(Unwrap(like).Path, Counted(Unwrap(like).Path, count), ComputeType));
    }

    public override Tensor Numbers(Tensor indices) =>
        New(indices.Shape, Unwrap(indices).Path).With(Cast(Unwrap(indices).Path, Unwrap(indices).Value, ComputeType));

    public override Tensor Combine(Tensor left, Tensor right, Arithmetic operation)
    {
        if (!left.Shape.Takes(right.Shape)) throw new ModelException($"Shapes {left.Shape} and {right.Shape} do not fit ({operation}).");
        var (a, b) = (Unwrap(left), Unwrap(right));
        var operatorName =
            operation switch { Arithmetic.Add => "Add", Arithmetic.Subtract => "Sub", Arithmetic.Multiply => "Mul", _ => "Div" };
        return New(left.Shape, a.Path).With(Node(Parent(a.Path), operatorName, [a.Value, b.Value]));
    }

    public override Tensor Scale(Tensor x, float factor, float addend = 0)
    {
        var input = Unwrap(x);
        var y = factor == 1 ? input.Value : Node(input.Path, "Mul", [input.Value, Number(factor)]);
        return New(x.Shape, input.Path).With(addend == 0 ? y : Node(input.Path, "Add", [y, Number(addend)]));
    }

    public override Tensor Activate(Tensor x, Activation activation)
    {
        var input = Unwrap(x);
        return New(x.Shape, input.Path).With(Activated(input.Path, input.Value, activation));
    }

    public override Tensor LeakyRelu(Tensor x, float slope)
    {
        var input = Unwrap(x);
        return New(x.Shape, input.Path).With(Node(input.Path, "LeakyRelu", [input.Value], ("alpha", slope)));
    }

    public override Tensor Apply(Tensor x, Function function)
    {
        var input = Unwrap(x);
        return New(x.Shape, input.Path).With(Node(input.Path, function.ToString(), [input.Value]));
    }

    public override Tensor Reduce(Tensor x, Reduction reduction, Index dimension)
    {
        var input = Unwrap(x);
        int position = x.Shape.Locate(dimension);
        return New(x.Shape.With(position, 1), input.Path).With(Reduced(input.Path, input.Value, reduction, position));
    }

    public override Tensor Softmax(Tensor x) => New(x.Shape, Unwrap(x).Path).With(Softmax(Unwrap(x).Path, Unwrap(x).Value, mask: null));

    /// <summary>In float32 whatever the graph computes in: squares of activations exceed float16.</summary>
    public override Tensor RmsNorm(Tensor x, Parameter weight, float epsilon)
    {
        var path = Parent(weight.Name);
        var scale = Vector(weight);
        if (Fuses)
        {
            return New(x.Shape, path).With(Node(
                path, "SimplifiedLayerNormalization", [Unwrap(x).Value, scale], ("axis", -1L), ("epsilon", epsilon), ("stash_type", 1L)));
        }
        var full = Cast(path, Unwrap(x).Value, OnnxElementType.Float32);
        var mean = Reduced(path, Node(path, "Pow", [full, Float(2)]), Reduction.Mean, x.Shape.Rank - 1);
        var normalized = Node(path, "Div", [full, Node(path, "Sqrt", [Node(path, "Add", [mean, Float(epsilon)])])]);
        return New(x.Shape, path).With(Node(path, "Mul", [Cast(path, normalized, ComputeType), scale]));
    }

    public override Tensor L2Normalize(Tensor x, float epsilon)
    {
        var (input, path) = (Unwrap(x), Unwrap(x).Path);
        var full = Cast(path, input.Value, OnnxElementType.Float32);
        var length = Node(path, "ReduceL2", [full], ("axes", new long[] { x.Shape.Rank - 1 }), ("keepdims", 1L));
        return New(x.Shape, path).With(Cast(path, Node(path, "Div", [full, Node(path, "Max", [length, Float(epsilon)])]), ComputeType));
    }

    /// <summary>A range's ends that are counted from the end stay so, for sizes that are open.</summary>
    public override Tensor Slice(Tensor x, Index dimension, Range range)
    {
        var shape = x.Shape.Sliced(dimension, range, out int position, out _);
        var input = Unwrap(x);
        long start = range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value;
        long end = !range.End.IsFromEnd ? range.End.Value : range.End.Value == 0 ? int.MaxValue : -range.End.Value;
        if (range.Start.Equals(^0)) start = int.MaxValue;
        return Like(input, shape, Node(input.Path, "Slice", [input.Value, Ints(start), Ints(end), Ints(position)]));
    }

    public override Tensor Concat(ReadOnlySpan<Tensor> parts, Index dimension)
    {
        var shape = Shape.Joined(parts, dimension, out int position);
        var values = new GraphValue[parts.Length];
        for (int p = 0; p < parts.Length; p++) values[p] = Unwrap(parts[p]).Value;
        var last = Unwrap(parts[^1]);
        long axis = position == shape.Rank - 1 ? -1 : position;
        return Like(last, shape, values.Length == 1 ? values[0] : Node(last.Path, "Concat", values, ("axis", axis)));
    }

    public override Tensor Transpose(Tensor x, params ReadOnlySpan<int> order)
    {
        var input = Unwrap(x);
        var shape = x.Shape.Transposed(order);
        long[] permutation = Array.ConvertAll(order.ToArray(), dimension => (long)dimension);
        return Like(input, shape, Node(input.Path, "Transpose", [input.Value], ("perm", permutation)));
    }

    public override Tensor SelectRows(Tensor x, Tensor indices)
    {
        var input = Unwrap(x);
        var rows = x.Shape.Rank == 2 ? input.Value : Node(input.Path, "Reshape", [input.Value, Ints(-1, x.Shape[^1])]);
        return New(new Shape((int)indices.Shape.Count, x.Shape[^1]), input.Path)
            .With(Node(input.Path, "Gather", [rows, Unwrap(indices).Value]));
    }

    // 0, 1, 2, … below a number, of int64.
    GraphValue Counted(string path, GraphValue count) =>
        Node(path, "Range", [Initializer("zero", TensorData.Scalar(0L)), count, Initializer("one", TensorData.Scalar(1L))]);

    GraphValue Reduced(string path, GraphValue x, Reduction reduction, int position) => reduction switch
    {
        // Its axes became an input before those of the others.
        Reduction.Sum => Node(path, "ReduceSum", [x, Ints(position)], ("keepdims", 1L)),
        _ => Node(path, reduction == Reduction.Mean ? "ReduceMean" : "ReduceMax", [x], ("axes", new long[] { position }), ("keepdims", 1L)),
    };

    OnnxTensor Like(OnnxTensor like, Shape shape, GraphValue value) =>
        new OnnxTensor(this, shape, like.Path) { IsIndex = like.IsIndex }.With(value);
}
