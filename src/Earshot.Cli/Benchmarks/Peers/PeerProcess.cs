using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Earshot.Cli.Benchmarks.Peers;

/// <summary>
/// Another engine's program. What it writes is taken up to a limit, it is waited for up to a time, and it ends with all that it started
/// when this is disposed of.
/// </summary>
internal sealed class PeerProcess : IDisposable
{
    const int MostCharacters = 8 << 20, MostLine = 1 << 20;
    static readonly TimeSpan s_exitPatience = TimeSpan.FromSeconds(10);

    readonly Process _process;
    readonly TimeSpan _timeout;
    readonly Task<string> _complaints;

    PeerProcess(Process process, TimeSpan timeout)
    {
        _process = process;
        _timeout = timeout;
        _complaints = ReadAsync(process.StandardError);
    }

    /// <exception cref="PeerException">It cannot be started.</exception>
    public static PeerProcess Start(string program, IEnumerable<string> arguments, TimeSpan timeout)
    {
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var process = new Process { StartInfo = start };
        try
        {
            process.Start();
            return new PeerProcess(process, timeout);
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            process.Dispose();
            throw new PeerException("its program cannot be started", e.Message);
        }
    }

    /// <summary>Waits for its end, and gives what it wrote.</summary>
    /// <exception cref="PeerException">It did not end in time, or went wrong.</exception>
    public async Task<(string Output, string Complaints)> FinishAsync(CancellationToken cancellationToken)
    {
        _process.StandardInput.Close();
        var output = ReadAsync(_process.StandardOutput);
        await WithinAsync(_process.WaitForExitAsync, "end", cancellationToken).ConfigureAwait(false);
        // A program that it left behind may hold its pipes open.
        var (written, said) = (
            await WithinAsync(stop => output.WaitAsync(stop), "close its output", cancellationToken).ConfigureAwait(false),
            await WithinAsync(stop => _complaints.WaitAsync(stop), "close its output", cancellationToken).ConfigureAwait(false));
        if (_process.ExitCode != 0)
            throw Ended(said);
        return (written, said);
    }

    /// <summary>Sends a line.</summary>
    /// <exception cref="PeerException">It has ended.</exception>
    public async Task WriteLineAsync(string line, CancellationToken cancellationToken)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(line.AsMemory(), cancellationToken).ConfigureAwait(false);
            await _process.StandardInput.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            throw await EndedAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The next line that it writes.</summary>
    /// <exception cref="PeerException">It wrote none in time, or has ended.</exception>
    public async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        var letter = new char[1];
        return await WithinAsync(async stop =>
        {
            while (await _process.StandardOutput.ReadAsync(letter, stop).ConfigureAwait(false) > 0)
            {
                if (letter[0] == '\n') return line.ToString();
                if (line.Length == MostLine) throw new PeerException("it answered with an endless line");
                line.Append(letter[0]);
            }
            throw await EndedAsync().ConfigureAwait(false);
        }, "answer", cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit(s_exitPatience);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended by itself in this moment.
        }
        _process.Dispose();
    }

    async Task<PeerException> EndedAsync()
    {
        using var patience = new CancellationTokenSource(s_exitPatience);
        try
        {
            await _process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            return Ended(await _complaints.WaitAsync(patience.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            return new PeerException("it closed its output without ending");
        }
    }

    PeerException Ended(string said) =>
        new(string.Create(CultureInfo.InvariantCulture, $"it ended with exit code {_process.ExitCode}"), LastLine(said));

    async Task WithinAsync(Func<CancellationToken, Task> wait, string what, CancellationToken cancellationToken) =>
        await WithinAsync(async stop =>
        {
            await wait(stop).ConfigureAwait(false);
            return true;
        }, what, cancellationToken).ConfigureAwait(false);

    async Task<T> WithinAsync<T>(Func<CancellationToken, Task<T>> wait, string what, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stop.CancelAfter(_timeout);
        try
        {
            return await wait(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PeerException(string.Create(CultureInfo.InvariantCulture, $"it did not {what} within {_timeout.TotalSeconds:0.#} s"));
        }
    }

    // What is beyond the limit is read and dropped, so that the program is not held up.
    static async Task<string> ReadAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        try
        {
            int count;
            while ((count = await reader.ReadAsync(buffer).ConfigureAwait(false)) > 0)
                text.Append(buffer, 0, Math.Min(count, MostCharacters - text.Length));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // It was killed; what it had said is enough.
        }
        return text.ToString();
    }

    static string? LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
}
