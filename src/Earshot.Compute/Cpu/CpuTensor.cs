namespace Earshot.Compute.Cpu;

/// <summary>Numbers in an arena: float32, or int32 for indices. Valid until the backend's temporaries are freed.</summary>
internal sealed unsafe class CpuTensor(CpuBackend backend) : Tensor
{
    Shape _shape;
    DType _type;

    public override Backend Backend => backend;

    public override Shape Shape => _shape;

    public override DType Type => _type;

    public void* Pointer { get; private set; }

    public float* Floats => (float*)Pointer;

    public int* Indices => (int*)Pointer;

    public int Size => _shape[_shape.Rank - 1];

    public Span<float> Values => new(Pointer, checked((int)_shape.Count));

    /// <summary>This object serves again for another tensor, so that a step makes no garbage.</summary>
    public CpuTensor Reset(void* pointer, Shape shape, DType type)
    {
        Pointer = pointer;
        _shape = shape;
        _type = type;
        return this;
    }
}
