using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Positions in attention.
public sealed partial class OnnxBackend
{
    /// <summary>In float32 whatever the graph computes in: float16 has no odd numbers above 2048.</summary>
    public override Tensor RotaryTable(Tensor positions, Rotary rotary)
    {
        var (input, path) = (Unwrap(positions), Unwrap(positions).Path);
        var frequencies = _builder.Constant(TensorData.Of(rotary.InverseFrequencies, rotary.Size / 2));
        var numbers = Node(path, "Unsqueeze", [Cast(path, input.Value, OnnxElementType.Float32), Ints(-1)]);
        var angles = Node(path, "Mul", [numbers, frequencies]);
        var table = Node(path, "Concat", [Node(path, "Cos", [angles]), Node(path, "Sin", [angles])], ("axis", -1L));
        if (rotary.Factor != 1) table = Node(path, "Mul", [table, Float(rotary.Factor)]);
        return New(positions.Shape.Append(rotary.Size), path).With(Cast(path, table, ComputeType));
    }

    /// <summary>Both sizes of the matrices may be open: they are read where they are needed.</summary>
    public override Tensor ShiftByRow(Tensor x)
    {
        var (input, path) = (Unwrap(x), Unwrap(x).Path);
        int rank = x.Shape.Rank;
        var rows = SizeOf(path, input.Value, rank - 2);
        long[] outer = new long[rank - 2];
        GraphValue Sizes(params ReadOnlySpan<GraphValue> last) =>
            Node(path, "Concat", outer.Length == 0 ? [.. last] : [Ints(outer), .. last], ("axis", 0L));
        var before = new long[2 * rank];
        before[rank - 1] = 1;
        var padded = Node(path, "Pad", [input.Value, Ints(before)]);
        var skewed = Node(
            path, "Slice", [Node(path, "Reshape", [padded, Sizes(Ints(-1), rows)]), Ints(1), Ints(int.MaxValue), Ints(rank - 2)]);
        var shifted = Node(path, "Reshape", [skewed, Sizes(rows, Ints(-1))]);
        var keys = Node(path, "Add", [Node(path, "Sub", [SizeOf(path, input.Value, rank - 1), rows]), Ints(1)]);
        return New(x.Shape.WithLast(x.Shape[^1] - x.Shape[^2] + 1), path)
            .With(Node(path, "Slice", [shifted, Ints(0), keys, Ints(rank - 1)]));
    }
}
