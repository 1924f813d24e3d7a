namespace Earshot.Compute;

// Positions in attention: rotary embedding, and scores by distance.
public abstract partial class Backend
{
    /// <summary>
    /// Cosines, then sines, of each position's angles: positions (…) of int32 → (…, rotary size). Made once a step, it serves for the
    /// queries and keys of all layers.
    /// </summary>
    public virtual Tensor RotaryTable(Tensor positions, Rotary rotary)
    {
        // A matrix at least: one position's is a row.
        var column = positions.Shape.Rank == 0 ? new Shape(1, 1) : positions.Shape.Append(1);
        var angles = MatMul(Reshape(Numbers(positions), column), Constant(rotary.InverseFrequencies, new Shape(1, rotary.Size / 2)));
        var table = Concat([Apply(angles, Function.Cos), Apply(angles, Function.Sin)]);
        return rotary.Factor == 1 ? table : Scale(table, rotary.Factor);
    }

    /// <summary>
    /// Turns the heads of x (…, heads × size) by a <see cref="RotaryTable"/> (…, 2n): (x₁, x₂) → (x₁·cos − x₂·sin, x₂·cos + x₁·sin), x₁ the
    /// first n elements of a head and x₂ the next n. The table's outer dimensions are those of x, or ones, or left out.
    /// </summary>
    public virtual Tensor Rotate(Tensor x, Tensor table, int heads)
    {
        int pairs = table.Shape[^1] / 2, size = HeadSize(x, heads, table);
        var split = Reshape(x, x.Shape.WithLast(heads).Append(size));
        Tensor first = Slice(split, ^1, ..pairs), second = Slice(split, ^1, pairs..(2 * pairs));
        Tensor cos = PerHead(Slice(table, ^1, ..pairs)), sin = PerHead(Slice(table, ^1, pairs..));
        Tensor turnedFirst = Subtract(Multiply(first, cos), Multiply(second, sin));
        Tensor turnedSecond = Add(Multiply(second, cos), Multiply(first, sin));
        var turned = 2 * pairs == size
            ? Concat([turnedFirst, turnedSecond])
            : Concat([turnedFirst, turnedSecond, Slice(split, ^1, (2 * pairs)..)]);
        return Reshape(turned, x.Shape);
    }

    /// <summary>
    /// Scores by distance as scores by key: result[…, i, j] = x[…, i, rows − 1 − i + j], x (…, rows, rows + keys − 1), whose columns are
    /// distances i − j from the largest on, as Transformer-XL (arXiv:1901.02860) shifts them.
    /// </summary>
    public virtual Tensor ShiftByRow(Tensor x)
    {
        int rank = x.Shape.Rank, rows = x.Shape[^2], distances = x.Shape[^1], keys = distances - rows + 1;
        // With one more column, rows read with that length less one begin one element further left each.
        var padded = Concat([Scale(Slice(x, ^1, ..1), 0), x]);
        var skewed = Reshape(padded, x.Shape.With(rank - 2, distances + 1).WithLast(rows));
        return Slice(Reshape(Slice(skewed, ^2, 1..), x.Shape), ^1, ..keys);
    }

    /// <summary>The size of a head that a table turns.</summary>
    /// <exception cref="ModelException">The table, or the heads, do not fit.</exception>
    protected static int HeadSize(Tensor x, int heads, Tensor table)
    {
        int size = x.Shape[^1] / heads;
        bool fits = size * heads == x.Shape[^1] && table.Shape[^1] <= size && x.Shape.Takes(table.Shape.WithLast(1));
        return fits ? size : throw new ModelException($"A rotary table of shape {table.Shape} does not turn {heads} heads of {x.Shape}.");
    }

    Tensor PerHead(Tensor table) => Reshape(table, table.Shape.WithLast(1).Append(table.Shape[^1]));
}
