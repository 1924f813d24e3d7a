using System.Runtime.CompilerServices;

namespace Earshot.Compute;

/// <summary>The dimensions of a tensor, outermost first; at most six, held without allocation.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The most dimensions that a shape can have.</summary>
    public const int MaxRank = 6;

    readonly Dimensions _dimensions;

    /// <exception cref="ModelException">More than six dimensions, or a negative one.</exception>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length > MaxRank) throw new ModelException($"A shape has at most {MaxRank} dimensions; got {dimensions.Length}.");
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (dimensions[i] < 0) throw new ModelException($"Dimension {i} of a shape is {dimensions[i]}; dimensions are not negative.");
            _dimensions[i] = dimensions[i];
        }
        Rank = dimensions.Length;
    }

    /// <summary>How many dimensions there are.</summary>
    public int Rank { get; }

    /// <summary>The dimension at an index; from the end with <c>^</c>.</summary>
    public int this[Index index] => this[index.GetOffset(Rank)];

    /// <summary>The dimension at an index from the front.</summary>
    public int this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Rank, nameof(index));
            return _dimensions[index];
        }
    }

    /// <summary>How many elements the shape holds; 1 for a scalar.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (int i = 0; i < Rank; i++) count = checked(count * _dimensions[i]);
            return count;
        }
    }

    /// <summary>The elements of all dimensions but the last, which is 1 for a scalar: how many rows a matrix view has.</summary>
    public long Rows => Rank == 0 || this[Rank - 1] == 0 ? 1 : Count / this[Rank - 1];

    /// <summary>The same shape with its last dimension replaced.</summary>
    public Shape WithLast(int size)
    {
        Span<int> dimensions = stackalloc int[MaxRank];
        CopyTo(dimensions);
        dimensions[Rank - 1] = size;
        return new Shape(dimensions[..Rank]);
    }

    /// <summary>The same shape with one dimension replaced.</summary>
    public Shape With(int dimension, int size)
    {
        Span<int> dimensions = stackalloc int[MaxRank];
        CopyTo(dimensions);
        dimensions[dimension] = size;
        return new Shape(dimensions[..Rank]);
    }

    /// <summary>The same shape with one dimension more, innermost.</summary>
    public Shape Append(int size)
    {
        Span<int> dimensions = stackalloc int[MaxRank + 1];
        CopyTo(dimensions);
        dimensions[Rank] = size;
        return new Shape(dimensions[..(Rank + 1)]);
    }

    /// <summary>The position of a dimension counted from either end.</summary>
    /// <exception cref="ModelException">There is no such dimension.</exception>
    public int Locate(Index dimension)
    {
        int position = dimension.GetOffset(Rank);
        return (uint)position < (uint)Rank ? position : throw new ModelException($"Shape {this} has no dimension {dimension}.");
    }

    /// <summary>The elements of the dimensions from one on, up to another.</summary>
    public long CountOf(int first, int end)
    {
        long count = 1;
        for (int i = first; i < end; i++) count *= _dimensions[i];
        return count;
    }

    /// <summary>The shape of some positions of a dimension, and where they begin.</summary>
    /// <exception cref="ModelException">The dimension has no such positions.</exception>
    public Shape Sliced(Index dimension, Range range, out int position, out int start)
    {
        position = Locate(dimension);
        int size = _dimensions[position], end = range.End.GetOffset(size);
        start = range.Start.GetOffset(size);
        if (start < 0 || end < start || end > size) throw new ModelException($"Dimension {position} of {this} has no positions {range}.");
        return With(position, end - start);
    }

    /// <summary>The shape of several side by side in a dimension.</summary>
    /// <exception cref="ModelException">Another dimension differs.</exception>
    public static Shape Joined(ReadOnlySpan<Tensor> parts, Index dimension, out int position)
    {
        var first = parts[0].Shape;
        position = first.Locate(dimension);
        int sum = 0;
        foreach (var part in parts)
        {
            if (part.Shape.Rank != first.Rank || part.Shape.With(position, first[position]) != first)
            {
                throw new ModelException($"Shapes {first} and {part.Shape} do not fit side by side in dimension {position}.");
            }
            sum += part.Shape[position];
        }
        return first.With(position, sum);
    }

    /// <summary>The shape with its dimensions in another order.</summary>
    /// <exception cref="ModelException">The order does not name each dimension once.</exception>
    public Shape Transposed(ReadOnlySpan<int> order)
    {
        Span<int> dimensions = stackalloc int[MaxRank];
        int seen = 0;
        for (int i = 0; i < Math.Min(order.Length, Rank); i++)
        {
            if ((uint)order[i] >= (uint)Rank) continue;
            seen |= 1 << order[i];
            dimensions[i] = _dimensions[order[i]];
        }
        if (order.Length != Rank || seen != (1 << Rank) - 1)
        {
            throw new ModelException($"Shape {this} cannot be transposed by ({string.Join(", ", order.ToArray())}).");
        }
        return new Shape(dimensions[..Rank]);
    }

    /// <summary>The shape of the products of matrices, as of <see cref="Backend.MatMul"/>.</summary>
    /// <exception cref="ModelException">The matrices do not fit.</exception>
    public static Shape Product(Shape left, Shape right, bool transposed)
    {
        int inner = transposed ? 1 : 2;
        bool fits = left.Rank >= 2 && right.Rank >= 2 && left[^1] == right[^inner] && left.Outer.Takes(right.Outer);
        return fits
            ? left.WithLast(right[^(3 - inner)])
            : throw new ModelException($"Matrices of shapes {left} and {right}{(transposed ? " (transposed)" : "")} have no product.");
    }

    /// <summary>All dimensions but the last two.</summary>
    public Shape Outer
    {
        get
        {
            Span<int> dimensions = stackalloc int[MaxRank];
            CopyTo(dimensions);
            return new Shape(dimensions[..Math.Max(0, Rank - 2)]);
        }
    }

    /// <summary>Whether each dimension of another shape is the same here or one, outermost ones left out.</summary>
    public bool Takes(Shape other)
    {
        int skipped = Rank - other.Rank;
        for (int i = 0; i < other.Rank; i++)
        {
            if (skipped < 0 || (other._dimensions[i] != 1 && other._dimensions[i] != _dimensions[skipped + i])) return false;
        }
        return true;
    }

    /// <summary>Writes the dimensions, outermost first.</summary>
    public void CopyTo(Span<int> destination)
    {
        for (int i = 0; i < Rank; i++) destination[i] = _dimensions[i];
    }

    public int[] ToArray()
    {
        var dimensions = new int[Rank];
        CopyTo(dimensions);
        return dimensions;
    }

    public bool Equals(Shape other)
    {
        if (Rank != other.Rank) return false;
        for (int i = 0; i < Rank; i++)
        {
            if (_dimensions[i] != other._dimensions[i]) return false;
        }
        return true;
    }

    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (int i = 0; i < Rank; i++) hash.Add(_dimensions[i]);
        return hash.ToHashCode();
    }

    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The dimensions in parentheses, as in <c>(1500, 384)</c>.</summary>
    public override string ToString() => $"({string.Join(", ", ToArray())})";

    [InlineArray(MaxRank)]
    struct Dimensions
    {
        int _first;
    }
}
