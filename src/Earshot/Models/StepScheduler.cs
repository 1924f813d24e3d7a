namespace Earshot.Models;

/// <summary>A decoder's part of a step: tokens for its rows, and which of them want logits.</summary>
internal sealed class StepRequest
{
    /// <summary>(row, position, token, whether its logits are wanted), in order.</summary>
    public List<(int Row, int Position, int Token, bool Logits)> Tokens { get; } = [];

    public int Slot { get; set; }

    /// <summary>Where logits go, a row of the vocabulary for each token that wants them; grown, never shrunk.</summary>
    public float[] Logits { get; set; } = [];

    public int LogitRows { get; private set; }

    internal Exception? Failure { get; set; }

    internal StepProgress Progress { get; set; }

    public void Clear(int slot)
    {
        Tokens.Clear();
        Slot = slot;
        LogitRows = 0;
    }

    public void Add(int row, int position, int token, bool logits)
    {
        Tokens.Add((row, position, token, logits));
        if (logits) LogitRows++;
    }
}

internal enum StepProgress { Idle, Waiting, Running, Done }

/// <summary>
/// Merges the steps of decoders that run at the same time into one batch, so that the weights are read once for all.
/// Decoders join and leave between steps. Whoever completes a batch computes it for the others; a step waits for others at
/// most <paramref name="longestWait"/>, and not at all when its decoder is alone. First come, first served.
/// </summary>
internal sealed class StepScheduler(Action<List<StepRequest>> execute, int mostTokens, TimeSpan longestWait, TimeProvider? clock = null)
{
    readonly Lock _executing = new();
    readonly object _gate = new();
    readonly List<StepRequest> _waiting = [];
    readonly List<StepRequest> _batch = [];
    readonly TimeProvider _clock = clock ?? TimeProvider.System;
    int _decoders;
    bool _running;

    /// <summary>Counts a decoder in: batches are held for it, briefly, until it leaves.</summary>
    public void Join()
    {
        lock (_gate) _decoders++;
    }

    public void Leave()
    {
        lock (_gate)
        {
            _decoders--;
            Monitor.PulseAll(_gate); // a batch that waited for this one may be complete now
        }
    }

    /// <summary>Runs something alone on the shared state, between batches.</summary>
    public void Alone(Action action)
    {
        lock (_executing) action();
    }

    /// <summary>Returns when the step has been computed.</summary>
    public void Run(StepRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long arrived = _clock.GetTimestamp();
        lock (_gate)
        {
            request.Failure = null;
            request.Progress = StepProgress.Waiting;
            _waiting.Add(request);
            while (request.Progress != StepProgress.Done)
            {
                if (request.Progress == StepProgress.Waiting && cancellationToken.IsCancellationRequested)
                {
                    _waiting.Remove(request);
                    request.Progress = StepProgress.Idle;
                    cancellationToken.ThrowIfCancellationRequested();
                }
                var left = longestWait - _clock.GetElapsedTime(arrived);
                if (!_running && (_waiting.Count >= _decoders || left <= TimeSpan.Zero)) Lead();
                if (request.Progress != StepProgress.Done) Monitor.Wait(_gate, left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1));
            }
        }
        if (request.Failure is { } failure) throw new ModelException($"A decoding step failed: {failure.Message}", failure);
    }

    // Called with the gate held; lets it go while computing.
    void Lead()
    {
        int tokens = 0;
        _batch.Clear();
        foreach (var request in _waiting)
        {
            if (_batch.Count > 0 && tokens + request.Tokens.Count > mostTokens) break;
            tokens += request.Tokens.Count;
            request.Progress = StepProgress.Running;
            _batch.Add(request);
        }
        _waiting.RemoveRange(0, _batch.Count);
        _running = true;
        Monitor.Exit(_gate);
        Exception? failure = null;
        try
        {
            lock (_executing) execute(_batch);
        }
        catch (Exception exception)
        {
            failure = exception; // each waiting decoder throws it on its own thread
        }
        finally
        {
            Monitor.Enter(_gate);
        }
        _running = false;
        foreach (var request in _batch)
        {
            request.Failure = failure;
            request.Progress = StepProgress.Done;
        }
        Monitor.PulseAll(_gate);
    }
}
