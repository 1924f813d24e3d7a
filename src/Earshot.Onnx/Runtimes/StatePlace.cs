using Earshot.Onnx.Native;

namespace Earshot.Onnx.Runtimes;

/// <summary>Where what a session carries from run to run is kept: the memory of what it runs on.</summary>
sealed class StatePlace : IDisposable
{
    public StatePlace(OnnxSession session)
    {
        Info = session.Providers.Used[0] switch
        {
            CudaProvider cuda => OnnxMemoryInfo.Cuda(cuda.Device),
            TensorRtProvider tensorRt => OnnxMemoryInfo.Cuda(tensorRt.Device),
            _ => OnnxMemoryInfo.Cpu,
        };
        if (IsOnCpu) return;
        try
        {
            Allocator = session.CreateAllocator(Info);
        }
        catch
        {
            Info.Dispose();
            throw;
        }
    }

    public OnnxMemoryInfo Info { get; }

    /// <summary>Makes values there; null where it is the processor's memory.</summary>
    public OnnxAllocator? Allocator { get; }

    public bool IsOnCpu => ReferenceEquals(Info, OnnxMemoryInfo.Cpu);

    public void Dispose()
    {
        Allocator?.Dispose();
        Info.Dispose(); // the processor's stays
    }
}
