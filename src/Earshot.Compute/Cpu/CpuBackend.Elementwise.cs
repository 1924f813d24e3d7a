using System.Numerics.Tensors;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

// Each element by itself, or with the one at the same place in another tensor.
public sealed unsafe partial class CpuBackend
{
    public override Tensor Combine(Tensor left, Tensor right, Arithmetic operation) => Combine(left, right, operation, Activation.None);

    public override Tensor Add(Tensor left, Tensor right, Activation activation) => Combine(left, right, Arithmetic.Add, activation);

    public override Tensor Scale(Tensor x, float factor, float addend = 0)
    {
        var y = New(x.Shape);
        Elementwise.Scale(_device.Workers, Cast(x).Values, factor, addend, y.Values);
        return y;
    }

    public override Tensor Activate(Tensor x, Activation activation)
    {
        var y = New(x.Shape);
        Elementwise.Apply(_device.Workers, activation, Cast(x).Values, y.Values);
        return y;
    }

    public override Tensor LeakyRelu(Tensor x, float slope)
    {
        var y = New(x.Shape);
        LeakyRectifier.Run(_device.Workers, Cast(x).Values, slope, y.Values);
        return y;
    }

    public override Tensor Apply(Tensor x, Function function)
    {
        var y = New(x.Shape);
        Elementwise.Apply(_device.Workers, function, Cast(x).Values, y.Values);
        return y;
    }

    public override Tensor Reduce(Tensor x, Reduction reduction, Index dimension)
    {
        int position = x.Shape.Locate(dimension), size = x.Shape[position];
        if (size == 0) throw new ModelException($"Dimension {position} of {x.Shape} is empty: it has no {reduction}.");
        var y = New(x.Shape.With(position, 1));
        long inner = x.Shape.CountOf(position + 1, x.Shape.Rank);
        var frames = new Frames { X = Cast(x).Floats, Batch = (int)x.Shape.CountOf(0, position), Time = size, Size = (int)inner };
        Reductions.Run(_device.Workers, frames, reduction, y.Floats);
        return y;
    }

    public override Tensor Magnitude(Tensor x)
    {
        var input = Cast(x);
        int half = input.Size / 2;
        var y = New(x.Shape.WithLast(half));
        for (int r = 0; r < (int)x.Shape.Rows; r++)
        {
            var row = Row(input, r);
            TensorPrimitives.Hypot(row[..half], row[half..], Row(y, r));
        }
        return y;
    }

    CpuTensor Combine(Tensor left, Tensor right, Arithmetic operation, Activation activation)
    {
        if (!left.Shape.Takes(right.Shape))
        {
            throw new ModelException(
                $"Shapes {left.Shape} and {right.Shape} do not fit ({operation}); expected of the second, counted from the last, " +
                "the same dimensions or ones.");
        }
        var y = New(left.Shape);
        Combination.Run(_device.Workers, new CombineCall
        {
            Left = Cast(left).Floats,
            Right = Cast(right).Floats,
            Broadcast = Broadcast.Of(left.Shape, right.Shape),
            Operation = operation,
            Activation = activation,
            Y = y.Floats,
        });
        return y;
    }
}
