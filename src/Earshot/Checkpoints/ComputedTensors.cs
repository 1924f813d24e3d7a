using System.Runtime.InteropServices;
using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>Fills one row of a computed tensor; a vector is one row.</summary>
internal delegate void ComputeRow(int row, Span<float> values);

/// <summary>
/// A checkpoint's tensors together with some that are computed from them whenever they are read, such as a convolution with the
/// normalisation that follows it multiplied in. A computed tensor hides a stored one of its name.
/// </summary>
internal sealed class ComputedTensors(ITensorStore source) : ITensorStore
{
    readonly Dictionary<string, StoredTensor> _computed = new(StringComparer.Ordinal);

    public string Location => source.Location;

    public IReadOnlyCollection<string> Names => [.. source.Names.Union(_computed.Keys)];

    public StoredTensor? Find(string name) => _computed.GetValueOrDefault(name) ?? source.Find(name);

    public StoredTensor? Find(string name, Shape expected) => _computed.GetValueOrDefault(name) ?? source.Find(name, expected);

    /// <summary>Adds a tensor of float32 by a function that computes a row of it, on any thread.</summary>
    public void Add(string name, Shape shape, ComputeRow compute) => _computed.Add(name, new ComputedTensor(name, shape, compute));

    /// <summary>Adds a tensor that is one of the checkpoint's in another shape, element by element as it is stored.</summary>
    public void AddReshaped(StoredTensor stored, Shape shape) => _computed.Add(stored.Name, new ReshapedTensor(stored, shape));

    /// <summary>Adds a convolution of one tap, (rows, columns, 1), as the matrix that it is.</summary>
    /// <exception cref="CheckpointException">It is missing or has another shape.</exception>
    public void AddMatrix(string name, int rows, int columns) =>
        AddReshaped(Require(name, new Shape(rows, columns, 1)), new Shape(rows, columns));

    /// <summary>A tensor of the checkpoint itself, all of it as float32.</summary>
    /// <exception cref="CheckpointException">It is missing, has another shape, or holds integers.</exception>
    public float[] Read(string name, Shape expected) => Require(name, expected).ToFloats();

    /// <summary>A tensor of the checkpoint itself.</summary>
    /// <exception cref="CheckpointException">It is missing or has another shape.</exception>
    public StoredTensor Require(string name, Shape expected)
    {
        var stored = source.Find(name, expected) ?? throw new CheckpointException(
            $"{Location}: tensor '{name}' is missing; expected it with shape {expected}. " +
            "The checkpoint does not fit its config.json, or is incomplete.");
        if (stored.Shape != expected)
        {
            throw new CheckpointException(
                $"{Location}: tensor '{name}' has shape {stored.Shape}, expected {expected}. The checkpoint does not fit its config.json.");
        }
        if (stored.Type is not (DType.F32 or DType.F16 or DType.BF16 or DType.F64))
            throw new CheckpointException($"{Location}: tensor '{name}' holds {stored.Type}; expected a floating-point type.");
        return stored;
    }

    sealed class ReshapedTensor(StoredTensor stored, Shape shape) : StoredTensor(stored.Name, stored.Type, shape)
    {
        public override string? File => stored.File;

        public override long FileOffset => stored.FileOffset;

        public override void Read(long offset, Span<byte> destination) => stored.Read(offset, destination);
    }

    sealed class ComputedTensor(string name, Shape shape, ComputeRow compute) : StoredTensor(name, DType.F32, shape)
    {
        public override void Read(long offset, Span<byte> destination)
        {
            int rowElements = checked((int)(Shape.Rank < 2 ? Shape.Count : Shape.Count / Shape[0])), rowBytes = rowElements * sizeof(float);
            var values = new float[rowElements];
            while (!destination.IsEmpty)
            {
                int row = (int)(offset / rowBytes), skip = (int)(offset - (long)row * rowBytes),
                    count = Math.Min(destination.Length, rowBytes - skip);
                compute(row, values);
                MemoryMarshal.AsBytes<float>(values).Slice(skip, count).CopyTo(destination);
                destination = destination[count..];
                offset += count;
            }
        }
    }
}
