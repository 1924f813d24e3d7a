namespace Earshot.Compute;

/// <summary>A tensor as a checkpoint holds it: named, typed, on disk or in memory, read in pieces.</summary>
public abstract class StoredTensor
{
    protected StoredTensor(string name, DType type, Shape shape)
    {
        Name = name;
        Type = type;
        Shape = shape;
    }

    /// <summary>The key in the checkpoint, such as <c>model.encoder.layers.0.fc1.weight</c>.</summary>
    public string Name { get; }

    public DType Type { get; }

    public Shape Shape { get; }

    /// <summary>How many bytes the elements take.</summary>
    public long ByteLength => Shape.Count * Type.Size();

    /// <summary>The file that holds the elements, or null where they are in memory only.</summary>
    public virtual string? File => null;

    /// <summary>Where in <see cref="File"/> the elements begin, in bytes.</summary>
    public virtual long FileOffset => 0;

    /// <summary>
    /// Copies bytes of the elements (little-endian, row-major), beginning <paramref name="offset"/> bytes in; safe on several threads at
    /// once.
    /// </summary>
    public abstract void Read(long offset, Span<byte> destination);
}

/// <summary>The tensors of a model by name.</summary>
public interface ITensorStore
{
    /// <summary>Where the tensors come from, for messages: a file or a folder.</summary>
    string Location { get; }

    /// <summary>The names of all tensors.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>The tensor of a name, or null where there is none.</summary>
    StoredTensor? Find(string name);

    /// <summary>
    /// The tensor of a name for a model that expects a shape; a store that makes tensors makes it then, one that has them may have another
    /// shape.
    /// </summary>
    StoredTensor? Find(string name, Shape expected) => Find(name);
}
