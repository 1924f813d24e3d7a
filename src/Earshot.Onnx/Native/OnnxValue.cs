using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Earshot.Onnx.Native;

/// <summary>
/// A tensor that ONNX Runtime can read and write: over the caller's memory (pinned while the value lives), over native or device memory,
/// or in memory of the runtime's own. Spans over it are valid until it is disposed.
/// </summary>
public sealed unsafe class OnnxValue : IDisposable
{
    readonly OrtHandle _handle;
    readonly long[] _shape;
    readonly bool _onCpu;

    OnnxValue(OrtHandle handle, OnnxElementType type, long[] shape, bool onCpu)
    {
        _handle = handle;
        _shape = shape;
        _onCpu = onCpu;
        ElementType = type;
        Count = CountOf(shape);
    }

    public OnnxElementType ElementType { get; }

    /// <summary>The dimensions, outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>How many elements there are.</summary>
    public long Count { get; }

    /// <summary>How many bytes the elements take.</summary>
    public long ByteLength => ElementType.ByteLength(Count);

    /// <summary>Whether the elements are in memory that the processor can read, so that spans over them can be had.</summary>
    public bool IsOnCpu => _onCpu;

    internal OrtHandle Handle => _handle;

    /// <summary>
    /// A tensor over an array or other managed memory, which is pinned, not copied, and must not be given back while the value lives.
    /// </summary>
    public static OnnxValue FromMemory<T>(Memory<T> memory, params ReadOnlySpan<long> shape) where T : unmanaged =>
        Pinned(memory, TypeOf<T>(), shape);

    /// <summary>A tensor of any fixed-size element type over bytes: bfloat16, or elements of four bits packed two a byte.</summary>
    public static OnnxValue FromBytes(OnnxElementType type, Memory<byte> memory, params ReadOnlySpan<long> shape) =>
        Pinned(memory, type, shape);

    /// <summary>
    /// A tensor over memory that does not move and outlives the value: native memory, or a device's where <paramref name="place"/> says so.
    /// </summary>
    public static OnnxValue FromPointer(
        OnnxElementType type, nint pointer, long byteLength, ReadOnlySpan<long> shape, OnnxMemoryInfo? place = null)
    {
        place ??= OnnxMemoryInfo.Cpu;
        return new(Wrap(type, (void*)pointer, byteLength, shape, place), type, shape.ToArray(), place.Name is "Cpu" or "CudaPinned");
    }

    /// <summary>A tensor in the processor's memory, made by the runtime; its contents are whatever the memory held.</summary>
    public static OnnxValue Allocate(OnnxElementType type, params ReadOnlySpan<long> shape) =>
        AllocateWith(OnnxAllocator.Default, type, shape);

    /// <summary>A tensor in the runtime's memory that holds a copy of <paramref name="elements"/>.</summary>
    public static OnnxValue CopyOf<T>(ReadOnlySpan<T> elements, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        var type = TypeOf<T>();
        RequireLength(type, elements.Length * (long)sizeof(T), shape);
        var value = Allocate(type, shape);
        elements.CopyTo(value.Span<T>());
        return value;
    }

    /// <summary>
    /// The elements, to read and write; <typeparamref name="T"/> has the element's size (bfloat16 may be seen as ushort, bool as byte).
    /// </summary>
    /// <exception cref="OnnxRuntimeException">The elements are of another size, on a device, or too many for a span.</exception>
    public Span<T> Span<T>() where T : unmanaged
    {
        if (sizeof(T) * 8 != ElementType.Bits())
        {
            throw new OnnxRuntimeException(
                $"A tensor of {ElementType} cannot be seen as {typeof(T).Name}, which has {sizeof(T)} bytes.",
                OnnxErrorCode.InvalidArgument);
        }
        return new Span<T>(DataOnCpu(), checked((int)Count));
    }

    /// <summary>The elements as bytes, little-endian, row-major.</summary>
    public Span<byte> Bytes() => new(DataOnCpu(), checked((int)ByteLength));

    /// <summary>A copy of the elements.</summary>
    public T[] ToArray<T>() where T : unmanaged => Span<T>().ToArray();

    /// <summary>Where the elements are: an address of the processor or, where <see cref="IsOnCpu"/> is false, of the device.</summary>
    public nint DangerousPointer()
    {
        using var value = _handle.Lease();
        void* data;
        OrtApi.Check(OrtApi.GetTensorMutableData(value.Pointer, &data), "The tensor's memory could not be had");
        return (nint)data;
    }

    /// <summary>Gives the tensor back, and its memory free to move, once no run uses it any more.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>The type and the dimensions, as in <c>Float32(1, 80, 3000)</c>.</summary>
    public override string ToString() => $"{ElementType}({string.Join(", ", _shape)})";

    internal static OnnxValue AllocateWith(nint allocator, OnnxElementType type, ReadOnlySpan<long> shape)
    {
        CountOf(shape);
        nint pointer;
        fixed (long* dimensions = shape)
        {
            var status = OrtApi.CreateTensor(allocator, dimensions, (nuint)shape.Length, (int)type, &pointer);
            if (status != 0) OrtApi.Check(status, $"A tensor of {type}({string.Join(", ", shape.ToArray())}) could not be made");
        }
        return Adopt(pointer);
    }

    /// <summary>Takes over a value that the runtime made; reads its type, shape and place.</summary>
    internal static OnnxValue Adopt(nint pointer)
    {
        var handle = new OrtHandle(OrtKind.Value, pointer);
        try
        {
            var (type, shape) = Describe(pointer);
            return new OnnxValue(handle, type, shape, IsCpuMemory(pointer));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    static OnnxValue Pinned<T>(Memory<T> memory, OnnxElementType type, ReadOnlySpan<long> shape) where T : unmanaged
    {
        long length = memory.Length * (long)sizeof(T);
        RequireLength(type, length, shape);
        var pin = memory.Pin();
        try
        {
            return new OnnxValue(Wrap(type, pin.Pointer, length, shape, OnnxMemoryInfo.Cpu, pin), type, shape.ToArray(), onCpu: true);
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    static OrtHandle Wrap(
        OnnxElementType type, void* data, long byteLength, ReadOnlySpan<long> shape, OnnxMemoryInfo place, MemoryHandle pin = default)
    {
        RequireLength(type, byteLength, shape);
        // An empty tensor still needs an address.
        byte nothing;
        if (data is null && byteLength == 0) data = &nothing;
        using var info = place.Handle.Lease();
        nint pointer;
        fixed (long* dimensions = shape)
        {
            var status = OrtApi.CreateTensorWithData(
                info.Pointer, data, (nuint)byteLength, dimensions, (nuint)shape.Length, (int)type, &pointer);
            if (status != 0)
                OrtApi.Check(status, $"A tensor of {type}({string.Join(", ", shape.ToArray())}) could not be made over {byteLength} bytes");
        }
        return new OrtHandle(OrtKind.Value, pointer, pin: pin);
    }

    static (OnnxElementType Type, long[] Shape) Describe(nint value)
    {
        int kind;
        OrtApi.Check(OrtApi.GetValueType(value, &kind), "The value's kind could not be read");
        if (kind != OnnxTypeReader.Tensor)
        {
            throw new OnnxRuntimeException(
                $"The value is a {OnnxTypeReader.KindName(kind)}; only tensors are supported.", OnnxErrorCode.NotImplemented);
        }
        nint info;
        OrtApi.Check(OrtApi.GetTensorTypeAndShape(value, &info), "The tensor's shape could not be read");
        try
        {
            return (OnnxTypeReader.ElementType(info), OnnxTypeReader.Dimensions(info));
        }
        finally
        {
            OrtApi.Release(OrtKind.TensorTypeAndShapeInfo, info);
        }
    }

    static bool IsCpuMemory(nint value)
    {
        const int PinnedForCpu = -1;
        nint info;
        OrtApi.Check(OrtApi.GetTensorMemoryInfo(value, &info), "The tensor's place could not be read");
        int device, memoryType;
        OrtApi.MemoryInfoGetDeviceType(info, &device);
        OrtApi.Check(OrtApi.MemoryInfoGetMemType(info, &memoryType), "The tensor's place could not be read");
        return device == 0 || memoryType == PinnedForCpu;
    }

    void* DataOnCpu()
    {
        if (!_onCpu)
        {
            throw new OnnxRuntimeException(
                "The tensor is in a device's memory; bind the output to OnnxMemoryInfo.Cpu to read it.", OnnxErrorCode.InvalidArgument);
        }
        return (void*)DangerousPointer();
    }

    static OnnxElementType TypeOf<T>() where T : unmanaged
    {
        var type = OnnxElementTypes.Of<T>();
        if (type == OnnxElementType.Undefined) ThrowNoType(typeof(T));
        return type;
    }

    static void RequireLength(OnnxElementType type, long byteLength, ReadOnlySpan<long> shape)
    {
        if (type.Bits() == 0)
        {
            throw new OnnxRuntimeException(
                $"Elements of {type} have no fixed size; tensors of them are not supported.", OnnxErrorCode.NotImplemented);
        }
        long expected = type.ByteLength(CountOf(shape));
        if (byteLength != expected)
        {
            throw new OnnxRuntimeException(
                $"A tensor of {type}({string.Join(", ", shape.ToArray())}) takes {expected} bytes; got {byteLength}.",
                OnnxErrorCode.InvalidArgument);
        }
    }

    static long CountOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0)
            {
                throw new OnnxRuntimeException(
                    $"A tensor's dimensions are not negative; got ({string.Join(", ", shape.ToArray())}).", OnnxErrorCode.InvalidArgument);
            }
            count = checked(count * dimension);
        }
        return count;
    }

    [DoesNotReturn]
    static void ThrowNoType(Type type) => throw new OnnxRuntimeException(
        $"ONNX has no element type for {type.Name}; use FromBytes with the type that the bytes hold.", OnnxErrorCode.InvalidArgument);
}
