namespace Earshot.Models;

/// <summary>Numbered places, handed out and taken back; who finds too few waits.</summary>
internal sealed class IndexPool(int count, string what)
{
    readonly object _gate = new();
    readonly SortedSet<int> _free = [.. Enumerable.Range(0, count)];

    /// <summary>Takes <paramref name="wanted"/> places, all at once, waiting until they are free.</summary>
    /// <exception cref="ModelException">More than there are at all.</exception>
    public int[] Take(int wanted, CancellationToken cancellationToken)
    {
        if (wanted > count) throw new ModelException($"{wanted} {what} were asked for, this model was opened for {count}; open it with more, or ask for fewer.");
        using var registration = cancellationToken.Register(Wake);
        lock (_gate)
        {
            while (_free.Count < wanted)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Monitor.Wait(_gate);
            }
            cancellationToken.ThrowIfCancellationRequested();
            var taken = _free.Take(wanted).ToArray();
            _free.ExceptWith(taken);
            return taken;
        }
    }

    public void Return(IEnumerable<int> indices)
    {
        lock (_gate)
        {
            _free.UnionWith(indices);
            Monitor.PulseAll(_gate);
        }
    }

    void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }
}
