namespace Earshot.Compute.Runtimes;

/// <summary>
/// What a device computes, and when: one line of work, so that its threads always serve one caller. Long jobs (a window through an encoder,
/// a chunk of a prompt) run in order of arrival on a thread of the scheduler's own; between their layers, and before a job that is younger,
/// the waiting decoding steps run, merged into one batch for each decoder. A step runs on its caller's thread at once where the device is
/// idle and nothing waits. Nobody blocks: callers await.
/// </summary>
internal sealed class DeviceScheduler(TimeProvider? clock = null) : IDisposable
{
    /// <summary>How long a batch is held for generations that have just stepped and so will soon step again.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(1);

    readonly object _gate = new();
    readonly Queue<DeviceJob> _jobs = new();
    readonly List<StepRequest> _steps = [];
    readonly List<StepRequest> _batch = [];
    readonly List<StepRequest> _returning = [];
    readonly TimeProvider _clock = clock ?? TimeProvider.System;
    Thread? _thread;
    long _arrivals;
    bool _busy;
    bool _disposed;

    /// <summary>Steps that wait.</summary>
    public int WaitingSteps
    {
        get
        {
            lock (_gate) return _steps.Count;
        }
    }

    /// <summary>Batches of steps computed so far, and the steps in them.</summary>
    public (long Batches, long Steps) Merged { get; private set; }

    /// <summary>Runs a job when its turn comes; between its layers it lets steps pass (<see cref="PassSteps"/>).</summary>
    public void Enqueue(DeviceJob job)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            job.Arrival = _arrivals++;
            _jobs.Enqueue(job);
            Wake();
        }
    }

    /// <summary>Runs a step now, on the caller's thread, if nothing else runs or waits.</summary>
    /// <returns>False where it was put into the queue instead; it is completed when its turn comes.</returns>
    public bool RunOrEnqueue(StepRequest request)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _returning.Remove(request);
            request.Arrival = _arrivals++;
            if (_busy || _jobs.Count > 0 || _steps.Count > 0 || IsExpected())
            {
                _steps.Add(request);
                Wake();
                return false;
            }
            _busy = true;
        }
        try
        {
            request.Decoder.ExecuteAlone(request);
            return true;
        }
        finally
        {
            lock (_gate)
            {
                _busy = false;
                Merged = (Merged.Batches + 1, Merged.Steps + 1);
                Return(request);
                if (_jobs.Count + _steps.Count > 0) Wake();
            }
        }
    }

    /// <summary>
    /// Does something short to the decoders' shared state, between batches: at once where the device is idle, else as soon as it can be.
    /// </summary>
    public void Post(Action action)
    {
        lock (_gate)
        {
            if (!_disposed && (_busy || _jobs.Count > 0 || _steps.Count > 0))
            {
                _jobs.Enqueue(new ActionJob(action) { Arrival = _arrivals++ });
                Wake();
                return;
            }
            _busy = true;
        }
        try
        {
            action();
        }
        finally
        {
            lock (_gate)
            {
                _busy = false;
                if (_jobs.Count + _steps.Count > 0) Wake();
            }
        }
    }

    /// <summary>No step of this generation is waited for any more.</summary>
    public void Forget(StepRequest request)
    {
        lock (_gate) _returning.Remove(request);
    }

    /// <summary>
    /// To be called by a running job between its layers: computes the steps that wait, one batch for each decoder at most.
    /// </summary>
    public void PassSteps()
    {
        lock (_gate)
        {
            if (_steps.Count == 0) return;
            TakeBatch();
        }
        ExecuteBatch();
    }

    public void Dispose()
    {
        List<DeviceJob> jobs;
        List<StepRequest> steps;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            jobs = [.. _jobs];
            steps = [.. _steps];
            _jobs.Clear();
            _steps.Clear();
            Monitor.PulseAll(_gate);
        }
        _thread?.Join();
        var gone = new ObjectDisposedException(nameof(DeviceScheduler), "The model was closed while work for it waited.");
        foreach (var job in jobs)
        {
            // What frees memory is still to be done, on whatever thread.
            if (job is ActionJob action) action.Run(this);
            else job.Fail(gone);
        }
        foreach (var step in steps) step.Complete(gone);
    }

    // With the gate held.
    void Wake()
    {
        if (_thread is null)
        {
            _thread = new Thread(Work) { IsBackground = true, Name = "Earshot device" };
            _thread.Start();
        }
        Monitor.PulseAll(_gate);
    }

    void Work()
    {
        while (true)
        {
            DeviceJob? job = null;
            lock (_gate)
            {
                while (!_disposed && (_busy || !TryChoose(out job)))
                {
                    // Nothing to do, somebody computes inline, or a step is worth waiting for.
                    if (_busy || !TryPatience(out var patience)) Monitor.Wait(_gate);
                    else Monitor.Wait(_gate, patience);
                }
                if (_disposed) return;
                _busy = true;
            }
            if (job is null) ExecuteBatch();
            else job.Run(this);
            lock (_gate) _busy = false;
        }
    }

    // With the gate held: the oldest of what waits, steps held back for those that are about to come.
    bool TryChoose(out DeviceJob? job)
    {
        job = null;
        bool hasSteps = _steps.Count > 0, hasJob = _jobs.Count > 0;
        if (!hasSteps && !hasJob) return false;
        if (hasJob && (!hasSteps || _jobs.Peek().Arrival < _steps[0].Arrival || _jobs.Peek() is ActionJob))
        {
            job = _jobs.Dequeue();
            return true;
        }
        if (!hasJob && IsExpected()) return false;
        TakeBatch();
        return true;
    }

    bool TryPatience(out TimeSpan left)
    {
        left = TimeSpan.Zero;
        if (_steps.Count == 0 || _returning.Count == 0) return false;
        left = s_patience - _clock.GetElapsedTime(_returning[^1].Returned);
        if (left < TimeSpan.FromMicroseconds(50)) left = TimeSpan.FromMicroseconds(50);
        return true;
    }

    // With the gate held: whether a generation stepped so recently that its next step is about to come.
    bool IsExpected()
    {
        while (_returning.Count > 0 && _clock.GetElapsedTime(_returning[0].Returned) >= s_patience) _returning.RemoveAt(0);
        return _returning.Count > 0;
    }

    // With the gate held: the oldest step, and all others of its decoder that fit.
    void TakeBatch()
    {
        _batch.Clear();
        var decoder = _steps[0].Decoder;
        int tokens = 0;
        for (int i = 0; i < _steps.Count;)
        {
            var step = _steps[i];
            if (step.Decoder != decoder || (_batch.Count > 0 && tokens + step.Count > decoder.MostTokens))
            {
                i++;
                continue;
            }
            tokens += step.Count;
            _batch.Add(step);
            _steps.RemoveAt(i);
        }
    }

    void ExecuteBatch()
    {
        Exception? failure = null;
        for (int i = _batch.Count - 1; i >= 0; i--)
        {
            if (!_batch[i].Cancellation.IsCancellationRequested) continue;
            _batch[i].Complete(new OperationCanceledException(_batch[i].Cancellation));
            _batch.RemoveAt(i);
        }
        if (_batch.Count == 0) return;
        try
        {
            _batch[0].Decoder.Execute(_batch);
        }
        catch (Exception exception)
        {
            failure = exception; // each waiting caller throws it on its own thread
        }
        lock (_gate)
        {
            Merged = (Merged.Batches + 1, Merged.Steps + _batch.Count);
            foreach (var step in _batch) Return(step);
        }
        foreach (var step in _batch) step.Complete(failure is null ? null : StepRequest.Failed(failure));
        _batch.Clear();
    }

    // With the gate held; the youngest is the last.
    void Return(StepRequest request)
    {
        if (!request.ComesBack) return;
        request.Returned = _clock.GetTimestamp();
        _returning.Add(request);
    }

    sealed class ActionJob(Action action) : DeviceJob(CancellationToken.None)
    {
        protected override void Execute(DeviceScheduler scheduler) => action();
    }
}

/// <summary>Something that a device computes in its turn, and whose end is awaited.</summary>
internal abstract class DeviceJob(CancellationToken cancellationToken)
{
    readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Arrival { get; set; }

    public Task Done => _done.Task;

    protected CancellationToken Cancellation => cancellationToken;

    public void Run(DeviceScheduler scheduler)
    {
        try
        {
            if (cancellationToken.IsCancellationRequested)
            {
                _done.SetCanceled(cancellationToken);
                return;
            }
            Execute(scheduler);
            _done.SetResult();
        }
        catch (OperationCanceledException canceled)
        {
            _done.SetCanceled(canceled.CancellationToken);
        }
        catch (Exception exception)
        {
            _done.SetException(exception); // thrown where it is awaited
        }
    }

    public void Fail(Exception exception) => _done.TrySetException(exception);

    protected abstract void Execute(DeviceScheduler scheduler);
}
