using Earshot.Checkpoints;
using Earshot.Compute;
using Earshot.Compute.Cpu;

namespace Earshot.Speakers;

/// <summary>A model's weights on a device, computed with by one caller after another.</summary>
sealed class OpenedModel : IDisposable
{
    readonly SemaphoreSlim _turns = new(1);
    readonly SafetensorsCheckpoint _checkpoint;

    OpenedModel(SafetensorsCheckpoint checkpoint, Scope weights, CpuDevice device)
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
    public static OpenedModel Open(string folder, CpuDevice device, Func<SafetensorsCheckpoint, ITensorStore> prepare)
    {
        var checkpoint = SafetensorsCheckpoint.Open(folder);
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

    /// <summary>Waits for the caller's turn, which lasts until what is returned is disposed of.</summary>
    public Turn Enter(CancellationToken cancellationToken)
    {
        _turns.Wait(cancellationToken);
        return new Turn(_turns);
    }

    /// <inheritdoc cref="Enter"/>
    public async Task<Turn> EnterAsync(CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(_turns);
    }

    public void Dispose()
    {
        Backend.Device.Unload(Weights);
        Backend.Dispose();
        _checkpoint.Dispose();
        _turns.Dispose();
    }

    public readonly struct Turn(SemaphoreSlim turns) : IDisposable
    {
        public void Dispose() => turns.Release();
    }
}
