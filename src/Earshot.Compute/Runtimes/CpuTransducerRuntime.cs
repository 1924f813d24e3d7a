using System.Diagnostics;
using Earshot.Compute.Cpu;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Runtimes;

/// <summary>
/// A transducer on the CPU backend. Stretches of several recordings that wait when the device is free are written down together, a step of
/// each at a time (Bataev et al. 2024, arXiv 2406.06220, call it label looping), so that weights are read once for all; each gets what it
/// would get alone. Between steps others' decoding steps pass.
/// </summary>
internal sealed class CpuTransducerRuntime : TransducerRuntime, IDisposable
{
    // More rows at once than a product takes for the price of one gain nothing.
    const int MostRows = 64;

    readonly CpuDevice _device;
    readonly Lock _gate = new();
    readonly List<CpuTransducerRequest> _waiting = [];
    readonly CpuTransducerBatch _batch;
    bool _scheduled;

    public CpuTransducerRuntime(ModelParts parts, Scope root, CpuDevice device) : base(parts)
    {
        (Root, _device) = (root, device);
        // However a recording is cut, and in whatever company: a position's bits are its own.
        Backend = new CpuBackend(device) { RowPrecision = RowPrecision.Step };
        _batch = new CpuTransducerBatch(this);
    }

    public Scope Root { get; }

    public CpuBackend Backend { get; }

    public StageTimer Time { get; } = new();

    public override TransducerStream Begin() => new CpuTransducerStream(this);

    protected override TransducerStream BeginSearch(int beamSize) => new CpuTransducerBeamStream(this, beamSize);

    public void Dispose() => Backend.Dispose();

    /// <summary>The predictor of a recording reads tokens, in its turn.</summary>
    public Task SayAsync(CpuTransducerRow row, ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        _device.RunAsync(Backend, () =>
        {
            long started = Stopwatch.GetTimestamp();
            _batch.Say(row, tokens.Span);
            Time.Add(started);
        }, cancellationToken);

    /// <summary>Searches a stretch of a recording, in its turn.</summary>
    public async Task<TResult> SearchAsync<TResult>(Func<TResult> search, CancellationToken cancellationToken)
    {
        TResult? result = default;
        await _device.RunAsync(Backend, () =>
        {
            long started = Stopwatch.GetTimestamp();
            result = search();
            Time.Add(started);
        }, cancellationToken).ConfigureAwait(false);
        return result!;
    }

    /// <summary>The predictor reads a token of each row; to be called in a turn.</summary>
    public void Read(List<(CpuTransducerRow Row, int Token)> tokens) => _batch.Read(tokens);

    /// <summary>Writes down a stretch of a recording, with those of others that wait.</summary>
    public async Task DecodeAsync(CpuTransducerRequest request)
    {
        bool schedules;
        lock (_gate)
        {
            _waiting.Add(request);
            schedules = !_scheduled;
            _scheduled = true;
        }
        if (schedules) Schedule();
        await request.Done.Task.ConfigureAwait(false);
    }

    // One job takes those that wait when its turn comes.
    void Schedule() => _ = DecodeWaitingAsync();

    // Answers come behind the job: who disposes of the model at once must not meet what it still puts away.
    async Task DecodeWaitingAsync()
    {
        CpuTransducerRequest[] requests = [];
        try
        {
            await _device.RunAsync(Backend, () => Decode(requests = TakeWaiting()), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (requests.Length == 0) requests = TakeWaiting();
            foreach (var request in requests) request.Failure ??= exception;
        }
        foreach (var request in requests) request.Answer();
    }

    CpuTransducerRequest[] TakeWaiting()
    {
        CpuTransducerRequest[] requests;
        bool isMore;
        lock (_gate)
        {
            requests = [.. _waiting.Take(MostRows)];
            _waiting.RemoveRange(0, requests.Length);
            _scheduled = isMore = _waiting.Count > 0;
        }
        if (isMore) Schedule();
        return requests;
    }

    void Decode(CpuTransducerRequest[] requests)
    {
        long started = Stopwatch.GetTimestamp();
        if (requests.Length > 0) _batch.Decode(requests);
        Time.Add(started, requests.Length);
    }
}

/// <summary>A recording that is written down in its turns.</summary>
internal sealed class CpuTransducerStream(CpuTransducerRuntime runtime) : TransducerStream(runtime.Shape)
{
    readonly CpuTransducerRow _row = new(runtime);

    protected override async ValueTask RunSayAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        await runtime.SayAsync(_row, tokens, cancellationToken).ConfigureAwait(false);

    protected override async ValueTask RunDecodeAsync(
        ReadOnlyMemory<float> encoded, int positions, List<TransducerToken> tokens, CancellationToken cancellationToken)
    {
        Greedy.Begin(positions, tokens);
        await runtime.DecodeAsync(new CpuTransducerRequest(_row, Greedy, encoded, cancellationToken)).ConfigureAwait(false);
        Greedy.End();
    }

    protected override void Dispose(bool disposing)
    {
        _row.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>What one recording's predictor remembers, and what the joiner takes of it.</summary>
internal sealed class CpuTransducerRow(CpuTransducerRuntime runtime) : IDisposable
{
    public CpuRecurrentState[] States { get; } = [.. runtime.Shape.CreateStates(runtime.Backend, rows: 1).Cast<CpuRecurrentState>()];

    public float[] Predicted { get; } = new float[runtime.Shape.Width];

    /// <summary>Whether the predictor has read the blank, which comes before all else.</summary>
    public bool IsStarted { get; set; }

    /// <summary>Remembers what another does.</summary>
    public void Take(CpuTransducerRow other)
    {
        foreach (var (own, theirs) in States.Zip(other.States))
        {
            theirs.Hidden.CopyTo(own.Hidden, 0);
            theirs.Cell.CopyTo(own.Cell, 0);
        }
        other.Predicted.CopyTo(Predicted, 0);
        IsStarted = other.IsStarted;
    }

    public void Dispose()
    {
        foreach (var state in States) state.Dispose();
    }
}

/// <summary>A stretch of a recording that is to be written down.</summary>
internal sealed record CpuTransducerRequest(
    CpuTransducerRow Row, TransducerGreedy Greedy, ReadOnlyMemory<float> Encoded, CancellationToken Cancellation)
{
    public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Why it was not written down to its end; null where it was, or was given up.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Tells whoever waits for it.</summary>
    public void Answer()
    {
        if (Failure is not null) Done.TrySetException(Failure);
        else if (!Greedy.IsDone) Done.TrySetCanceled(Cancellation);
        else Done.TrySetResult();
    }
}
