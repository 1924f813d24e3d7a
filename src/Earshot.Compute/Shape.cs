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
