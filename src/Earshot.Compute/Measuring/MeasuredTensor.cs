namespace Earshot.Compute.Measuring;

/// <summary>A tensor of which only the shape is known.</summary>
internal sealed class MeasuredTensor(MeasuringBackend backend, Shape shape, DType type) : Tensor
{
    public override Backend Backend => backend;

    public override Shape Shape => shape;

    public override DType Type => type;
}

/// <summary>A cache of which only the size is known.</summary>
internal sealed class MeasuredCache(PageTable pages, int positionBytes) : KeyValueCache
{
    public override long Bytes => (long)pages.UsedPages * PageTable.PagePositions * positionBytes;

    public override void CopyPage(PageCopy copy) { }
}

/// <summary>A memory of which only the size is known.</summary>
internal sealed class MeasuredMemory(int positions, int width) : CrossAttentionMemory
{
    public int Positions { get; set; } = positions;

    public int Width => width;
}

/// <summary>A tail of which only the size is known.</summary>
internal sealed class MeasuredTail(int frames) : FrameTail
{
    public int Frames => frames;

    public override void Reset(int row) { }
}

/// <summary>A recurrent state of which only the size is known.</summary>
internal sealed class MeasuredRecurrentState(int size) : RecurrentState
{
    public int Size => size;

    public override void Reset() { }
}
