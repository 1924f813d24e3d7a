namespace Earshot.Onnx.Native;

/// <summary>The options of one run, which a cancelled token makes stop; without token and options there is nothing to make.</summary>
readonly ref struct CancellableRun
{
    readonly OnnxRunOptions? _options;
    readonly bool _owned;
    readonly CancellationToken _cancellationToken;
    readonly CancellationTokenRegistration _registration;

    public CancellableRun(OnnxRunOptions? options, CancellationToken cancellationToken)
    {
        _cancellationToken = cancellationToken;
        _owned = options is null && cancellationToken.CanBeCanceled;
        _options = _owned ? new OnnxRunOptions() : options;
        if (_options is null) return;
        bool added = false;
        _options.Handle.DangerousAddRef(ref added);
        Pointer = _options.Handle.DangerousGetHandle();
        _registration = cancellationToken.UnsafeRegister(static state => ((OnnxRunOptions)state!).Terminate(), _options);
    }

    /// <summary>The native options, or zero for the runtime's defaults.</summary>
    public nint Pointer { get; }

    /// <summary>Throws what the run's status says.</summary>
    /// <exception cref="OperationCanceledException">The run stopped because the token was cancelled.</exception>
    public readonly void Check(nint status, string doing)
    {
        if (status == 0) return;
        var (code, message) = OrtApi.Take(status);
        _cancellationToken.ThrowIfCancellationRequested();
        throw new OnnxRuntimeException($"{doing}: {message}", code);
    }

    public readonly void Dispose()
    {
        if (_options is null) return;
        // Waits for a callback under way, so that no run is stopped by an earlier one's token.
        _registration.Dispose();
        if (!_owned && _cancellationToken.IsCancellationRequested) _options.Resume();
        _options.Handle.DangerousRelease();
        if (_owned) _options.Dispose();
    }
}
