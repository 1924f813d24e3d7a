using System.Threading.Tasks.Sources;

namespace Earshot.Onnx.Runtimes;

/// <summary>
/// A piece of native work that has its turn on a <see cref="RunLine"/>. One may be used again when its task is done, so that a step makes
/// no garbage.
/// </summary>
internal abstract class RunRequest : IValueTaskSource
{
    ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = true };

    RunLine? _line;

    protected RunRequest() => Node = new LinkedListNode<RunRequest>(this);

    /// <summary>Its place among those that wait.</summary>
    internal LinkedListNode<RunRequest> Node { get; }

    internal CancellationToken Cancellation { get; set; }

    internal CancellationTokenRegistration Registration { get; set; }

    /// <summary>The task of the coming turn.</summary>
    internal ValueTask Task => new(this, _source.Version);

    /// <summary>Does the work; it may block, on native code alone.</summary>
    protected abstract void Execute(CancellationToken cancellationToken);

    internal void Begin(RunLine line, CancellationToken cancellationToken)
    {
        _source.Reset();
        _line = line;
        Cancellation = cancellationToken;
    }

    internal void Withdraw() => _line!.Withdraw(this);

    /// <summary>Does the work and returns what went wrong, or null.</summary>
    internal Exception? Run()
    {
        try
        {
            Cancellation.ThrowIfCancellationRequested();
            Execute(Cancellation);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    internal void Complete(Exception? failure)
    {
        if (failure is null) _source.SetResult(true);
        else _source.SetException(failure);
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
