namespace Earshot.Cli.Listening;

/// <summary>Where live sound comes from: one channel, read as it arrives.</summary>
internal abstract class LiveSource : IDisposable
{
    /// <summary>What messages call it.</summary>
    public abstract string Name { get; }

    public abstract int SampleRate { get; }

    /// <summary>Whether sound comes at the pace at which it is said, so that waiting sound is lag.</summary>
    public abstract bool IsRealTime { get; }

    /// <summary>Waits for sound and reads what there is of it; 0 at the end.</summary>
    public abstract ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) { }
}
