using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

// Composites in one pass, and products of activations.
public sealed unsafe partial class CpuBackend
{
    public override Tensor GatedMultiply(Tensor gate, Tensor up, Activation activation)
    {
        if (gate.Shape != up.Shape) throw new ModelException($"A gate of shape {gate.Shape} does not fit {up.Shape}; expected the same.");
        var y = New(gate.Shape);
        Gates.Run(_device.Workers, new GateCall
        {
            Gate = Cast(gate).Floats,
            GateStride = y.Size,
            Up = Cast(up).Floats,
            UpStride = y.Size,
            Rows = (int)y.Shape.Rows,
            Size = y.Size,
            Activation = activation,
            Y = y.Floats,
        });
        return y;
    }

    public override Tensor Glu(Tensor x)
    {
        if (x.Shape[^1] % 2 != 0) return base.Glu(x);
        int half = x.Shape[^1] / 2;
        var y = New(x.Shape.WithLast(half));
        Gates.Run(_device.Workers, new GateCall
        {
            Gate = Cast(x).Floats + half,
            GateStride = 2 * half,
            Up = Cast(x).Floats,
            UpStride = 2 * half,
            Rows = (int)y.Shape.Rows,
            Size = half,
            Activation = Activation.Sigmoid,
            Y = y.Floats,
        });
        return y;
    }

    public override Tensor RmsNorm(Tensor x, Parameter weight, float epsilon)
    {
        if (weight.Shape.Count != x.Shape[^1])
        {
            throw new ModelException($"{weight.Name}: {weight.Shape} does not fit the last dimension of {x.Shape}.");
        }
        var y = New(x.Shape);
        RowNorms.RmsNorm(_device.Workers, new LayerNormCall
        {
            X = Cast(x).Floats,
            Y = y.Floats,
            Rows = (int)x.Shape.Rows,
            Size = x.Shape[^1],
            Weight = CpuDevice.Vector(weight).Pointer,
            Epsilon = epsilon,
        });
        return y;
    }

    public override Tensor Softmax(Tensor x)
    {
        var y = New(x.Shape);
        RowNorms.Softmax(_device.Workers, RowsOf(x), y.Floats);
        return y;
    }

    public override Tensor Rotate(Tensor x, Tensor table, int heads)
    {
        int size = HeadSize(x, heads, table);
        var y = New(x.Shape);
        Rotation.Run(_device.Workers, new RotationCall
        {
            X = Cast(x).Floats,
            Table = Cast(table).Floats,
            TableOf = Broadcast.Of(x.Shape.WithLast(1), table.Shape.WithLast(1)),
            Rows = (int)x.Shape.Rows,
            Heads = heads,
            Size = size,
            Pairs = table.Shape[^1] / 2,
            Y = y.Floats,
        });
        return y;
    }

    public override Tensor ShiftByRow(Tensor x)
    {
        int rows = x.Shape[^2], distances = x.Shape[^1], keys = distances - rows + 1;
        if (keys < 1) throw new ModelException($"Scores of shape {x.Shape} have fewer distances than {rows} rows need.");
        var y = New(x.Shape.WithLast(keys));
        Movement.ShiftByRow(_device.Workers, Cast(x).Floats, (int)x.Shape.Rows, (rows, distances), y.Floats);
        return y;
    }

    public override Tensor MatMul(Tensor left, Tensor right, bool transposed = false)
    {
        var y = New(Shape.Product(left.Shape, right.Shape, transposed));
        if (y.Shape.Count == 0) return y;
        Shape outer = left.Shape.Outer, rightOuter = right.Shape.Outer;
        // One matrix for all: the rows of all batches are those of one.
        bool one = rightOuter.Count == 1;
        var call = new ProductCall
        {
            Left = Cast(left).Floats,
            Right = Cast(right).Floats,
            Y = y.Floats,
            Batches = one ? 1 : (int)outer.Count,
            RightBatches = rightOuter.Count,
            RightOf = one ? Broadcast.Of(default, default) : Broadcast.Of(outer, rightOuter),
            Rows = one ? (int)left.Shape.Rows : left.Shape[^2],
            Inner = left.Shape[^1],
            Columns = y.Shape[^1],
            Transposed = transposed,
        };
        if (call.Inner == 0)
        {
            y.Values.Clear();
            return y;
        }
        var mark = Mark();
        call.Packed = (float*)_arena.Allocate(ActivationProduct.PanelBytes(call));
        ActivationProduct.Run(_device.Workers, call);
        Free(mark);
        return y;
    }
}
