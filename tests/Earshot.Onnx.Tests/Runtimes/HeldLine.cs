using Earshot.Onnx.Runtimes;

namespace Earshot.Onnx.Tests.Runtimes;

/// <summary>A line whose one turn is taken until this ends, so that all others wait.</summary>
sealed class HeldLine : IDisposable
{
    readonly ManualResetEventSlim _hold = new();
    readonly Task _running;

    public HeldLine(RunLine line)
    {
        using var begun = new ManualResetEventSlim();
        _running = line.RunAsync(new Request(begun, _hold), here: false, default).AsTask();
        begun.Wait(TestContext.Current.CancellationToken);
    }

    public Task EndAsync()
    {
        _hold.Set();
        return _running;
    }

    public void Dispose()
    {
        EndAsync().GetAwaiter().GetResult();
        _hold.Dispose();
    }

    sealed class Request(ManualResetEventSlim begun, ManualResetEventSlim hold) : RunRequest
    {
        protected override void Execute(CancellationToken cancellationToken)
        {
            begun.Set();
            hold.Wait(CancellationToken.None);
        }
    }
}
