namespace Earshot.Compute.Measuring;

// Elements by themselves, and what moves them.
public sealed partial class MeasuringBackend
{
    /// <summary>Read where it is used.</summary>
    public override Tensor Value(Parameter parameter) => new MeasuredTensor(this, parameter.Shape, DType.F32);

    public override Tensor Constant(ReadOnlySpan<float> values, Shape shape)
    {
        if (values.Length != shape.Count)
        {
            throw new ModelException($"{values.Length} values were given for shape {shape}, which holds {shape.Count}.");
        }
        return new MeasuredTensor(this, shape, DType.F32);
    }

    public override Tensor Positions(Tensor like, Index dimension) => new MeasuredTensor(this, new Shape(like.Shape[dimension]), DType.F32);

    public override Tensor Numbers(Tensor indices) => Record("Numbers", "", indices.Shape, 0, 0, Bytes(indices.Shape));

    public override Tensor Combine(Tensor left, Tensor right, Arithmetic operation)
    {
        if (!left.Shape.Takes(right.Shape)) throw new ModelException($"Shapes {left.Shape} and {right.Shape} do not fit ({operation}).");
        return Record(operation.ToString(), "", left.Shape, left.Shape.Count, 0, Bytes(left.Shape) + Bytes(right.Shape));
    }

    public override Tensor Scale(Tensor x, float factor, float addend = 0) =>
        Record("Scale", "", x.Shape, addend == 0 ? x.Shape.Count : 2.0 * x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor Activate(Tensor x, Activation activation) =>
        Record(activation.ToString(), "", x.Shape, x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor LeakyRelu(Tensor x, float slope) => Record("LeakyRelu", "", x.Shape, x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor Apply(Tensor x, Function function) =>
        Record(function.ToString(), "", x.Shape, x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor Reduce(Tensor x, Reduction reduction, Index dimension) =>
        Record(reduction.ToString(), "", x.Shape.With(x.Shape.Locate(dimension), 1), x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor Slice(Tensor x, Index dimension, Range range)
    {
        var output = x.Shape.Sliced(dimension, range, out _, out _);
        return Record("Slice", "", output, 0, 0, Bytes(output), type: x.Type);
    }

    public override Tensor Concat(ReadOnlySpan<Tensor> parts, Index dimension)
    {
        var output = Shape.Joined(parts, dimension, out _);
        return Record("Concat", "", output, 0, 0, Bytes(output), type: parts[0].Type);
    }

    public override Tensor Transpose(Tensor x, params ReadOnlySpan<int> order) =>
        Record("Transpose", "", x.Shape.Transposed(order), 0, 0, Bytes(x.Shape), type: x.Type);

    public override Tensor SelectRows(Tensor x, Tensor indices) =>
        Record("SelectRows", "", new Shape((int)indices.Shape.Count, x.Shape[^1]), 0, 0, indices.Shape.Count * x.Shape[^1] * sizeof(float));

    public override Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Shape.Count != shape.Count) throw new ModelException($"Shape {x.Shape} cannot become {shape}: they hold different counts.");
        return new MeasuredTensor(this, shape, x.Type);
    }

    /// <summary>In one pass, as the following.</summary>
    public override Tensor RmsNorm(Tensor x, Parameter weight, float epsilon) =>
        Record("RmsNorm", weight.Name, x.Shape, 4.0 * x.Shape.Count, Vector(weight), Bytes(x.Shape));

    public override Tensor Softmax(Tensor x) => Record("Softmax", "", x.Shape, 5.0 * x.Shape.Count, 0, Bytes(x.Shape));

    public override Tensor GatedMultiply(Tensor gate, Tensor up, Activation activation) =>
        Record("GatedMultiply", "", gate.Shape, 2.0 * gate.Shape.Count, 0, Bytes(gate.Shape) + Bytes(up.Shape));

    public override Tensor Glu(Tensor x)
    {
        if (x.Shape[^1] % 2 != 0) return base.Glu(x);
        return Record("Glu", "", x.Shape.WithLast(x.Shape[^1] / 2), x.Shape.Count, 0, Bytes(x.Shape));
    }

    public override Tensor Rotate(Tensor x, Tensor table, int heads)
    {
        double turned = (double)x.Shape.Rows * heads * table.Shape[^1];
        HeadSize(x, heads, table);
        return Record("Rotate", "", x.Shape, 3 * turned, 0, Bytes(x.Shape) + Bytes(table.Shape));
    }

    public override Tensor ShiftByRow(Tensor x)
    {
        var output = x.Shape.WithLast(x.Shape[^1] - x.Shape[^2] + 1);
        return Record("ShiftByRow", "", output, 0, 0, Bytes(output));
    }
}
