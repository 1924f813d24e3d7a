namespace Earshot.Recognition;

/// <summary>
/// Windows of many streams are encoded one at a time, that with the earliest deadline first; of equal ones the first to come. Decoding
/// steps are not held up by it.
/// </summary>
sealed class EncodingTurns
{
    readonly Lock _gate = new();
    readonly PriorityQueue<TaskCompletionSource, (long Deadline, long Arrival)> _waiting = new();
    long _arrivals;
    bool _taken;

    /// <summary>Windows that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Waits for the turn, which ends when what is returned is disposed of.</summary>
    public async ValueTask<Turn> TakeAsync(long deadline, CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (!_taken)
            {
                _taken = true;
                return new Turn(this);
            }
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter, (deadline, _arrivals++));
        }
        // Whoever is cancelled while it waits is passed over when its turn comes.
        await using (cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter)
            .ConfigureAwait(false))
        {
            await waiter.Task.ConfigureAwait(false);
        }
        return new Turn(this);
    }

    void Release()
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out var next, out _))
            {
                if (next.TrySetResult()) return;
            }
            _taken = false;
        }
    }

    /// <summary>The right to encode.</summary>
    public readonly struct Turn(EncodingTurns owner) : IDisposable
    {
        public void Dispose() => owner.Release();
    }
}
