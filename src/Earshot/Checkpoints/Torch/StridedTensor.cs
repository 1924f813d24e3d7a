using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// A tensor whose elements do not lie in row-major order, such as a transposed one: gathered as they are read, from a copy of the part of
/// its storage that it spans, which is kept only as long as memory is not short.
/// </summary>
sealed class StridedTensor(string name, DType type, Shape shape, long[] strides, FileExtent span) : StoredTensor(name, type, shape)
{
    readonly WeakReference<byte[]> _copy = new([]);

    public override void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteLength - destination.Length);
        if (destination.IsEmpty) return;
        var elements = Copy();
        int size = Type.Size();
        Span<byte> element = stackalloc byte[sizeof(long)];
        while (!destination.IsEmpty)
        {
            int skip = (int)(offset % size), count = Math.Min(size - skip, destination.Length);
            elements.AsSpan(checked((int)(PlaceOf(offset / size) * size)), size).CopyTo(element);
            element.Slice(skip, count).CopyTo(destination);
            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>Where in the span the element of a place in row-major order is.</summary>
    long PlaceOf(long index)
    {
        long place = 0;
        for (int i = Shape.Rank - 1; i >= 0; i--)
        {
            place += index % Shape[i] * strides[i];
            index /= Shape[i];
        }
        return place;
    }

    byte[] Copy()
    {
        if (_copy.TryGetTarget(out var copy) && copy.Length == span.Length) return copy;
        copy = new byte[span.Length];
        span.File.Read(span.Start, copy);
        _copy.SetTarget(copy);
        return copy;
    }
}
