using Earshot.Compute.Cpu;

namespace Earshot.Compute.Runtimes;

/// <summary>Work on a backend, between whose layers steps of others pass and a cancellation is noticed.</summary>
internal sealed class BackendJob(CpuBackend backend, Action work, CancellationToken cancellationToken) : DeviceJob(cancellationToken)
{
    protected override void Execute(DeviceScheduler scheduler)
    {
        backend.BetweenLayers = () =>
        {
            Cancellation.ThrowIfCancellationRequested();
            scheduler.PassSteps();
        };
        try
        {
            work();
        }
        finally
        {
            backend.BetweenLayers = null;
            backend.FreeTemporaries();
        }
    }
}
