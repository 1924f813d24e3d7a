namespace Earshot.Compute.Measuring;

/// <summary>A tensor of which only the shape is known.</summary>
internal sealed class MeasuredTensor(MeasuringBackend backend, Shape shape, DType type) : Tensor
{
    public override Backend Backend => backend;

    public override Shape Shape => shape;

    public override DType Type => type;
}

/// <summary>A cache of which only the size is known.</summary>
internal sealed class MeasuredCache(int rows, int capacity, int width) : KeyValueCache
{
    public long Bytes => 2L * rows * capacity * width * sizeof(float);

    public override void Reorder(ReadOnlySpan<int> rows, ReadOnlySpan<int> parents, int length) { }
}

/// <summary>A memory of which only the size is known.</summary>
internal sealed class MeasuredMemory(int positions, int width) : AttentionMemory
{
    public int Positions { get; set; } = positions;

    public int Width => width;
}

/// <summary>A recurrent state of which only the size is known.</summary>
internal sealed class MeasuredRecurrentState(int size) : RecurrentState
{
    public int Size => size;

    public override void Reset() { }
}
