using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Speakers;

/// <summary>A model's weights on a device, computed with by one caller after another.</summary>
sealed class OpenedModel : IDisposable
{
    readonly ModelWeights _checkpoint;

    OpenedModel(ModelWeights checkpoint, Scope weights, CpuDevice device)
    {
        _checkpoint = checkpoint;
        Weights = weights;
        Backend = new CpuBackend(device);
    }

    public CpuBackend Backend { get; }

    public Scope Weights { get; }

    /// <summary>Opens a folder's weights.</summary>
    /// <param name="prepare">What the model computes with, made of what the folder holds.</param>
    /// <exception cref="CheckpointException">They are missing or damaged, or do not fit the model.</exception>
    public static OpenedModel Open(string folder, CpuDevice device, Func<ITensorStore, ITensorStore> prepare)
    {
        var checkpoint = new ModelFolder(folder).OpenWeights();
        try
        {
            return new OpenedModel(checkpoint, new Scope(prepare(checkpoint)), device);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Computes in its turn, on the device's own thread, and waits for it.</summary>
    public void Run(Action work, CancellationToken cancellationToken) => RunAsync(work, cancellationToken).GetAwaiter().GetResult();

    /// <summary>Computes in its turn, on the device's own thread.</summary>
    public Task RunAsync(Action work, CancellationToken cancellationToken) => Backend.Device.RunAsync(Backend, work, cancellationToken);

    public void Dispose()
    {
        Backend.Device.Unload(Weights);
        Backend.Dispose();
        _checkpoint.Dispose();
    }
}
