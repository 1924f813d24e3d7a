using System.Runtime.InteropServices;
using Earshot.Cli.Files;
using Earshot.Cli.Transcripts;

namespace Earshot.Cli;

/// <summary>
/// Ctrl-C and SIGTERM: the first asks commands to stop; the second, or two seconds without an answer (a kernel deep in a
/// matrix product) where a command has not asked for more, ends the process after removing files that were being written.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    // What the running command asked for; there is one in a process.
    static TimeSpan s_allowed = s_patience;

    readonly CancellationTokenSource _cancellation = new();
    readonly Terminal _terminal;
    readonly PosixSignalRegistration[] _registrations;
    Timer? _timer;
    int _signals;

    public Interrupts(Terminal terminal)
    {
        _terminal = terminal;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Interrupt(signal, Cli.ExitCode.Cancelled)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Interrupt(signal, Cli.ExitCode.Terminated)),
        ];
    }

    public CancellationToken Token => _cancellation.Token;

    /// <summary>What to exit with after a signal; null before any.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>The first signal waits this long for its command, until what is returned is disposed of.</summary>
    public static IDisposable Allow(TimeSpan patience)
    {
        s_allowed = patience;
        return new Allowance();
    }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _timer?.Dispose();
        _cancellation.Dispose();
    }

    void Interrupt(PosixSignalContext signal, int exitCode)
    {
        signal.Cancel = true;
        ExitCode = exitCode;
        if (Interlocked.Increment(ref _signals) > 1)
        {
            End(exitCode);
            return;
        }
        _timer = new Timer(_ => End(exitCode), null, s_allowed, Timeout.InfiniteTimeSpan);
        _cancellation.Cancel();
    }

    void End(int exitCode)
    {
        var kept = PartialTranscript.SaveAll();
        OutputFile.AbandonAll();
        // Displays hide the cursor while they move.
        if (_terminal.ErrorIsTerminal) _terminal.Error.Write("\r\e[K\e[?25h");
        foreach (var message in kept) _terminal.Say(message);
        _terminal.Fail("cancelled.");
        Environment.Exit(exitCode);
    }

    sealed class Allowance : IDisposable
    {
        public void Dispose() => s_allowed = s_patience;
    }
}
