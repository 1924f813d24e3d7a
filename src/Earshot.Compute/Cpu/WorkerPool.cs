using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Cpu;

/// <summary>Work that is done in numbered parts, on whatever thread is free.</summary>
internal interface IParallelWork
{
    void Execute(int part);
}

/// <summary>The threads that compute together, and the instructions they compute with.</summary>
internal sealed class WorkerPool(int threads, KernelSet kernels) : IDisposable
{
    public int Threads => threads;

    public KernelSet Kernels => kernels;

    public void Run<TWork>(in TWork work, int parts) where TWork : struct, IParallelWork
    {
        var copy = work;
        if (parts == 1 || threads == 1)
        {
            for (int i = 0; i < parts; i++) copy.Execute(i);
            return;
        }
        Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => copy.Execute(i));
    }

    public void Dispose() { }
}
