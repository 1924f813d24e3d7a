using System.Runtime.InteropServices;

namespace Earshot.Onnx.Native;

/// <summary>A place where tensors live: the processor's memory, a graphics card's, or page-locked memory that the card can reach.</summary>
public sealed unsafe class OnnxMemoryInfo : IDisposable
{
    const int DeviceAllocator = 0;
    const int MemoryDefault = 0;
    const int MemoryCpuOutput = -1;

    static OnnxMemoryInfo? s_cpu;

    internal OnnxMemoryInfo(string name, int device, int memoryType)
    {
        _ = OnnxEnvironment.Current;
        nint pointer;
        fixed (byte* text = NativeText.Utf8(name))
        {
            OrtApi.Check(
                OrtApi.CreateMemoryInfo(text, DeviceAllocator, device, memoryType, &pointer), $"No memory '{name}' of device {device}");
        }
        Handle = new OrtHandle(OrtKind.MemoryInfo, pointer);
        Name = name;
        Device = device;
    }

    /// <summary>The processor's memory; lives as long as the process.</summary>
    public static OnnxMemoryInfo Cpu => s_cpu ??= new OnnxMemoryInfo("Cpu", 0, MemoryDefault);

    /// <summary>ONNX Runtime's name of the place: <c>Cpu</c>, <c>Cuda</c>, <c>CudaPinned</c>.</summary>
    public string Name { get; }

    /// <summary>The device's number, from 0.</summary>
    public int Device { get; }

    internal OrtHandle Handle { get; }

    /// <summary>A CUDA device's own memory.</summary>
    public static OnnxMemoryInfo Cuda(int device = 0) => new("Cuda", device, MemoryDefault);

    /// <summary>Page-locked memory of the processor that copies to and from a CUDA device fastest.</summary>
    public static OnnxMemoryInfo CudaPinned(int device = 0) => new("CudaPinned", device, MemoryCpuOutput);

    /// <summary>A place by ONNX Runtime's name, for the memory of other providers.</summary>
    public static OnnxMemoryInfo Named(string name, int device = 0) => new(name, device, MemoryDefault);

    public void Dispose()
    {
        if (!ReferenceEquals(this, s_cpu)) Handle.Dispose();
    }

    public override string ToString() => $"{Name}:{Device}";
}

/// <summary>Makes tensors in one place's memory; from <see cref="OnnxSession.CreateAllocator"/>, whose session it keeps alive.</summary>
public sealed unsafe class OnnxAllocator : IDisposable
{
    readonly OrtHandle _handle;

    internal OnnxAllocator(OrtHandle handle) => _handle = handle;

    /// <summary>Makes a tensor whose contents are whatever the memory held.</summary>
    public OnnxValue Allocate(OnnxElementType type, params ReadOnlySpan<long> shape)
    {
        using var allocator = _handle.Lease();
        return OnnxValue.AllocateWith(allocator.Pointer, type, shape);
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>The processor's default allocator, which belongs to the runtime.</summary>
    internal static nint Default
    {
        get
        {
            _ = OnnxEnvironment.Current;
            nint pointer;
            OrtApi.Check(OrtApi.GetDefaultAllocator(&pointer), "The default allocator could not be had");
            return pointer;
        }
    }

    /// <summary>Reads a text that the runtime made with the default allocator, and gives it back.</summary>
    internal static string TakeText(byte* text)
    {
        var result = Marshal.PtrToStringUTF8((nint)text) ?? "";
        OrtApi.Check(OrtApi.AllocatorFree(Default, text), "A text could not be given back");
        return result;
    }
}
