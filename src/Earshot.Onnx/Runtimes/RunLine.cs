using Earshot.Compute.Runtimes;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// Where native calls have their turns, so many at once, in order of arrival. Who finds the line free may run on its own thread, as
/// computing does, which costs nothing; all others are run by threads of the line's own, and wait without a thread. They are started when
/// first needed.
/// </summary>
internal sealed class RunLine(string name, int atOnce, int mostWaiting) : IDisposable
{
    readonly Lock _gate = new();
    readonly LinkedList<RunRequest> _waiting = new();
    readonly Queue<RunRequest> _ready = new(); // have their turn, and wait for one of our threads
    readonly SemaphoreSlim _signal = new(0);
    int _running; // having their turn, on callers' threads and on ours
    int _threads;
    int _busy; // of our threads
    bool _disposed;

    /// <summary>How many wait for their turn.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Runs a request in its turn.</summary>
    /// <param name="here">Whether it may run on this thread where the line is free.</param>
    /// <exception cref="OverloadedException">Too many wait already.</exception>
    public ValueTask RunAsync(RunRequest request, bool here, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled(cancellationToken);
        request.Begin(this, cancellationToken);
        bool free;
        lock (_gate)
        {
            free = TryEnter();
            if (free && !here) Hand(request);
        }
        if (free) return here ? RunHere(request) : request.Task;
        return WaitAsync(request);
    }

    /// <summary>Refuses what waits; what runs ends by itself.</summary>
    public void Dispose()
    {
        RunRequest[] refused;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            refused = [.. _waiting];
            _waiting.Clear();
            if (_threads > 0) _signal.Release(_threads);
        }
        foreach (var request in refused)
        {
            request.Registration.Dispose();
            request.Complete(new ObjectDisposedException(name));
        }
    }

    /// <summary>Ends a request's waiting, where it still waits: its token was cancelled.</summary>
    internal void Withdraw(RunRequest request)
    {
        lock (_gate)
        {
            if (request.Node.List is null) return;
            _waiting.Remove(request.Node);
        }
        request.Complete(new OperationCanceledException(request.Cancellation));
    }

    ValueTask WaitAsync(RunRequest request)
    {
        // Before it stands in line: a token that is cancelled from here on finds it there, or is seen to be cancelled.
        request.Registration = request.Cancellation.UnsafeRegister(static state => ((RunRequest)state!).Withdraw(), request);
        bool cancelled = false, refused = false;
        lock (_gate)
        {
            if (TryEnter()) Hand(request);
            else if (request.Cancellation.IsCancellationRequested) cancelled = true;
            else if (_waiting.Count >= mostWaiting) refused = true;
            else _waiting.AddLast(request.Node);
        }
        if (!cancelled && !refused) return request.Task;
        request.Registration.Dispose();
        if (cancelled) return ValueTask.FromCanceled(request.Cancellation);
        throw new OverloadedException(
            $"{mostWaiting} wait for the {name} already, as many as this model was opened for; "
            + $"try again later, or open it with a larger {nameof(RuntimeLimits)}.{nameof(RuntimeLimits.Waiting)}.");
    }

    // With the gate held, as what follows.
    bool TryEnter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_running == atOnce) return false;
        _running++;
        return true;
    }

    void Hand(RunRequest request)
    {
        _ready.Enqueue(request);
        _signal.Release();
        if (_threads - _busy >= _ready.Count || _threads == atOnce) return;
        _threads++;
        new Thread(Work) { IsBackground = true, Name = $"ONNX {name}" }.Start();
    }

    ValueTask RunHere(RunRequest request)
    {
        var failure = request.Run();
        Leave(ours: false);
        if (failure is null) return default;
        return failure is OperationCanceledException && request.Cancellation.IsCancellationRequested
            ? ValueTask.FromCanceled(request.Cancellation)
            : ValueTask.FromException(failure);
    }

    // The end of a turn; the first that waits has the next one.
    void Leave(bool ours)
    {
        lock (_gate)
        {
            if (ours) _busy--;
            if (_waiting.First is not { } next)
            {
                _running--;
                return;
            }
            _waiting.RemoveFirst();
            Hand(next.Value);
        }
    }

    void Work()
    {
        while (true)
        {
            _signal.Wait();
            RunRequest? request;
            lock (_gate)
            {
                if (!_ready.TryDequeue(out request))
                {
                    if (_disposed) return;
                    continue;
                }
                _busy++;
            }
            request.Registration.Dispose(); // waits for a callback under way, so that no later turn is ended by this one's token
            request.Registration = default;
            var failure = request.Run();
            Leave(ours: true);
            request.Complete(failure);
        }
    }
}
