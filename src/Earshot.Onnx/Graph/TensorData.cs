using System.Runtime.InteropServices;

namespace Earshot.Onnx.Graph;

/// <summary>Reads bytes of a tensor's elements, beginning <paramref name="offset"/> bytes in; safe on several threads at once.</summary>
public delegate void TensorReader(long offset, Span<byte> destination);

/// <summary>
/// A constant tensor: element type, dimensions, and little-endian row-major elements that are in memory, in a file that is read when asked
/// for, or behind a reader.
/// </summary>
public sealed class TensorData
{
    const int CopyBlock = 1 << 20;

    readonly long[] _shape;
    readonly ReadOnlyMemory<byte>? _memory;
    readonly TensorReader? _reader;

    TensorData(OnnxElementType type, ReadOnlySpan<long> shape, string name)
    {
        Type = type;
        _shape = shape.ToArray();
        Count = CountOf(_shape, name);
        ByteLength = LengthOf(type, Count, name);
    }

    /// <summary>A tensor over bytes in memory, which are not copied.</summary>
    /// <exception cref="OnnxModelException">The bytes are not as many as type and dimensions say.</exception>
    public TensorData(OnnxElementType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> bytes, string name = "")
        : this(type, shape, name)
    {
        if (type.Bits() == 0) throw new OnnxModelException($"The tensor '{name}' is of {type}, whose elements have no fixed size.");
        if (bytes.Length != ByteLength)
            throw new OnnxModelException($"The tensor '{name}' of {this} takes {ByteLength} bytes; got {bytes.Length}.");
        _memory = bytes;
    }

    TensorData(OnnxElementType type, ReadOnlySpan<long> shape, TensorReader reader, string name) : this(type, shape, name) =>
        _reader = reader;

    TensorData(IReadOnlyList<ReadOnlyMemory<byte>> strings, ReadOnlySpan<long> shape, string name)
        : this(OnnxElementType.String, shape, name)
    {
        if (strings.Count != Count) throw new OnnxModelException($"The tensor '{name}' of {this} has {strings.Count} texts.");
        Strings = strings;
    }

    public OnnxElementType Type { get; }

    /// <summary>The dimensions, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    public int Rank => _shape.Length;

    /// <summary>How many elements there are.</summary>
    public long Count { get; }

    /// <summary>How many bytes the elements take.</summary>
    public long ByteLength { get; }

    /// <summary>The file that holds the elements, or null where they are not in a file.</summary>
    public string? File { get; private init; }

    /// <summary>Where in <see cref="File"/> the elements begin.</summary>
    public long FileOffset { get; private init; }

    /// <summary>The texts of a tensor of strings.</summary>
    internal IReadOnlyList<ReadOnlyMemory<byte>>? Strings { get; }

    /// <summary>Whether asking for the elements reads nothing.</summary>
    public bool IsInMemory => _memory is not null;

    /// <summary>The elements as bytes, read now where they are not in memory.</summary>
    /// <exception cref="OnnxModelException">The file cannot be read, or the elements are more than an array holds.</exception>
    public ReadOnlyMemory<byte> Bytes
    {
        get
        {
            if (_memory is { } memory) return memory;
            if (ByteLength > Array.MaxLength)
                throw new OnnxModelException($"A tensor of {this} takes {ByteLength} bytes, more than an array holds; read it in pieces.");
            var bytes = new byte[ByteLength];
            Read(0, bytes);
            return bytes;
        }
    }

    /// <summary>A tensor with a copy of elements: float, Half, double, the integers, or bool.</summary>
    public static TensorData Of<T>(ReadOnlySpan<T> elements, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        var type = OnnxElementTypes.Of<T>();
        if (type == OnnxElementType.Undefined) throw new OnnxModelException($"ONNX has no element type for {typeof(T).Name}.");
        return new TensorData(type, shape, MemoryMarshal.AsBytes(elements).ToArray());
    }

    /// <summary>A tensor without dimensions.</summary>
    public static TensorData Scalar<T>(T value) where T : unmanaged => Of<T>([value]);

    /// <summary>A list of int64, as shapes and axes are given.</summary>
    public static TensorData Ints(params ReadOnlySpan<long> values) => Of(values, values.Length);

    /// <summary>A tensor in a file, which is read when it is needed.</summary>
    /// <exception cref="OnnxModelException">The file is absent or ends before the tensor does.</exception>
    public static TensorData FromFile(OnnxElementType type, ReadOnlySpan<long> shape, string file, long offset, string name = "")
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new OnnxModelException($"The tensor '{name}' is in the file '{file}', which does not exist.");
        var data = new TensorData(type, shape, (at, destination) => ReadFile(info.FullName, offset + at, destination), name)
        {
            File = info.FullName,
            FileOffset = offset,
        };
        if (offset < 0 || data.ByteLength > info.Length - offset)
        {
            throw new OnnxModelException(
                $"The tensor '{name}' of {data} takes {data.ByteLength} bytes from byte {offset} of '{file}', which has {info.Length}.");
        }
        return data;
    }

    /// <summary>A tensor behind a reader, such as a stored tensor of a checkpoint.</summary>
    public static TensorData FromReader(OnnxElementType type, ReadOnlySpan<long> shape, TensorReader reader, string name = "") =>
        new(type, shape, reader, name);

    internal static TensorData OfStrings(IReadOnlyList<ReadOnlyMemory<byte>> strings, ReadOnlySpan<long> shape, string name) =>
        new(strings, shape, name);

    /// <summary>Copies bytes of the elements, beginning <paramref name="offset"/> bytes in.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + destination.Length, ByteLength, nameof(destination));
        if (_memory is { } memory) memory.Span.Slice((int)offset, destination.Length).CopyTo(destination);
        else if (_reader is { } reader) reader(offset, destination);
        else throw new OnnxModelException("A tensor of texts has no bytes.");
    }

    /// <summary>A copy of the elements; <typeparamref name="T"/> has the element's size.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (System.Runtime.CompilerServices.Unsafe.SizeOf<T>() * 8 != Type.Bits())
            throw new OnnxModelException($"A tensor of {Type} cannot be read as {typeof(T).Name}.");
        var elements = new T[checked((int)Count)];
        Read(0, MemoryMarshal.AsBytes(elements.AsSpan()));
        return elements;
    }

    /// <summary>The same elements under other dimensions.</summary>
    public TensorData WithShape(params ReadOnlySpan<long> shape)
    {
        var data = _memory is { } memory
            ? new TensorData(Type, shape, memory)
            : new TensorData(Type, shape, _reader ?? throw new OnnxModelException("A tensor of texts keeps its shape."), "")
            {
                File = File,
                FileOffset = FileOffset,
            };
        if (data.Count != Count)
            throw new OnnxModelException($"A tensor of {this} cannot have the shape ({string.Join(", ", shape.ToArray())}).");
        return data;
    }

    /// <summary>Whether type, dimensions and elements are the same.</summary>
    public bool ContentEquals(TensorData other)
    {
        if (Type != other.Type || !_shape.AsSpan().SequenceEqual(other._shape)) return false;
        if (Strings is { } strings) return strings.Zip(other.Strings!).All(pair => pair.First.Span.SequenceEqual(pair.Second.Span));
        return Bytes.Span.SequenceEqual(other.Bytes.Span);
    }

    /// <summary>As in <c>Float32(384, 384)</c>.</summary>
    public override string ToString() => $"{Type}({string.Join(", ", _shape)})";

    internal void CopyTo(Stream destination)
    {
        if (_memory is { } memory)
        {
            destination.Write(memory.Span);
            return;
        }
        var block = new byte[Math.Min(CopyBlock, ByteLength)];
        for (long at = 0; at < ByteLength; at += block.Length)
        {
            var piece = block.AsSpan(0, (int)Math.Min(block.Length, ByteLength - at));
            Read(at, piece);
            destination.Write(piece);
        }
    }

    static void ReadFile(string file, long offset, Span<byte> destination)
    {
        try
        {
            using var handle = System.IO.File.OpenHandle(file);
            while (destination.Length > 0)
            {
                int read = RandomAccess.Read(handle, destination, offset);
                if (read == 0) throw new OnnxModelException($"The file '{file}' ends at byte {offset}, within a tensor.");
                destination = destination[read..];
                offset += read;
            }
        }
        catch (IOException e)
        {
            throw new OnnxModelException($"The tensor file '{file}' cannot be read: {e.Message}", e);
        }
    }

    static long CountOf(ReadOnlySpan<long> shape, string name)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0) throw new OnnxModelException($"The tensor '{name}' has the negative dimension {dimension}.");
            try
            {
                count = checked(count * dimension);
            }
            catch (OverflowException)
            {
                throw new OnnxModelException(
                    $"The tensor '{name}' has more elements than can be counted: ({string.Join(", ", shape.ToArray())}).");
            }
        }
        return count;
    }

    static long LengthOf(OnnxElementType type, long count, string name)
    {
        try
        {
            return type.ByteLength(count);
        }
        catch (OverflowException)
        {
            throw new OnnxModelException($"The tensor '{name}' has more bytes than can be counted: {count} elements of {type}.");
        }
    }
}
