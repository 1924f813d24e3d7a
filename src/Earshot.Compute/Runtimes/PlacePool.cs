namespace Earshot.Compute.Runtimes;

/// <summary>
/// Numbered places, handed out and taken back. Who finds too few waits, first come first served, without a thread; too many who wait are
/// refused.
/// </summary>
internal sealed class PlacePool(int count, int mostWaiting, string what)
{
    readonly Lock _gate = new();
    readonly SortedSet<int> _free = [.. Enumerable.Range(0, count)];
    readonly LinkedList<Waiter> _waiting = new();

    /// <summary>How many wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Takes <paramref name="wanted"/> places, all at once, when they are free.</summary>
    /// <exception cref="ModelException">More than there are at all.</exception>
    /// <exception cref="OverloadedException">Too many wait already.</exception>
    public ValueTask<int[]> TakeAsync(int wanted, CancellationToken cancellationToken)
    {
        if (wanted > count)
        {
            throw new ModelException(
                $"{wanted} {what} were asked for, this model was opened for {count}; open it with more, or ask for fewer.");
        }
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_waiting.Count == 0 && _free.Count >= wanted) return new ValueTask<int[]>(Take(wanted));
            if (_waiting.Count >= mostWaiting)
                throw new OverloadedException(
                    $"{_waiting.Count} wait for {what} already, as many as this model was opened for; " +
                    $"try again later, or open it with a larger {nameof(RuntimeLimits)}.{nameof(RuntimeLimits.Waiting)}.");
            waiter = new Waiter(wanted);
            _waiting.AddLast(waiter);
        }
        return new ValueTask<int[]>(WaitAsync(waiter, cancellationToken));
    }

    public void Return(ReadOnlySpan<int> places)
    {
        List<(Waiter Waiter, int[] Places)> served = [];
        lock (_gate)
        {
            foreach (int place in places) _free.Add(place);
            // In order: a large wish at the front is not passed over by small ones for ever.
            while (_waiting.First is { } first && _free.Count >= first.Value.Wanted)
            {
                _waiting.RemoveFirst();
                served.Add((first.Value, Take(first.Value.Wanted)));
            }
        }
        foreach (var (waiter, taken) in served) waiter.Places.SetResult(taken);
    }

    async Task<int[]> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                var (pool, waiting) = ((PlacePool, Waiter))state!;
                lock (pool._gate)
                {
                    if (!pool._waiting.Remove(waiting)) return; // served meanwhile
                }
                waiting.Places.SetCanceled(token);
            },
            (this, waiter)).ConfigureAwait(false);
        return await waiter.Places.Task.ConfigureAwait(false);
    }

    // With the gate held.
    int[] Take(int wanted)
    {
        var taken = _free.Take(wanted).ToArray();
        _free.ExceptWith(taken);
        return taken;
    }

    sealed record Waiter(int Wanted)
    {
        public TaskCompletionSource<int[]> Places { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
