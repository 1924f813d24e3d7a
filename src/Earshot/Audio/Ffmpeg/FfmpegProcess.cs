using System.ComponentModel;
using System.Diagnostics;

namespace Earshot.Audio;

/// <summary>A running <c>ffmpeg</c> that turns one recording into WAV of 32-bit floats on its output; killed when disposed.</summary>
internal sealed class FfmpegProcess : IDisposable
{
    static readonly TimeSpan ExitPatience = TimeSpan.FromSeconds(10);

    readonly Process _process;
    readonly ByteSource _source;
    readonly string? _spool;
    volatile Exception? _feedFailure;
    volatile string? _lastLine;

    FfmpegProcess(Process process, ByteSource source, string? spool) => (_process, _source, _spool) = (process, source, spool);

    /// <summary>The WAV.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    public static FfmpegProcess Start(string program, ByteSource source, AudioContainer container, string? path)
    {
        // MP4 may keep its index at the end, where a pipe cannot seek to.
        var spool = path is null && container.Demuxer == "mov" ? Spool(source) : null;
        var input = path ?? spool;
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in Arguments(container.Demuxer, input is null ? "pipe:0" : $"file:{input}")) start.ArgumentList.Add(argument);
        try
        {
            var process = new Process { StartInfo = start };
            process.Start();
            var running = new FfmpegProcess(process, source, spool);
            running.Attend(feed: input is null);
            return running;
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            if (spool is not null) File.Delete(spool);
            throw new AudioFormatException($"'{source.Name}': ffmpeg at '{program}' cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Waits for the program's end; null where it went well, otherwise why not.</summary>
    public string? WaitForReason()
    {
        if (!_process.WaitForExit(ExitPatience)) return "it did not end after its output did.";
        // Waits for the last of its messages too.
        _process.WaitForExit();
        if (_feedFailure is not null) return _feedFailure.Message;
        if (_process.ExitCode == 0) return null;
        var line = _lastLine ?? $"exit code {_process.ExitCode}";
        return line.EndsWith('.') ? line : line + ".";
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit(ExitPatience);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It ended by itself in this moment.
        }
        _process.Dispose();
        _source.Dispose();
        if (_spool is not null) File.Delete(_spool);
    }

    static string[] Arguments(string demuxer, string input) =>
    [
        "-nostdin", "-hide_banner", "-loglevel", "error",
        "-protocol_whitelist", "file,pipe",
        "-f", demuxer, "-i", input,
        "-map", "0:a:0", "-vn", "-sn", "-dn",
        "-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "pipe:1",
    ];

    void Attend(bool feed)
    {
        _process.ErrorDataReceived += (_, line) =>
        {
            if (!string.IsNullOrWhiteSpace(line.Data)) _lastLine = line.Data.Trim();
        };
        _process.BeginErrorReadLine();
        if (feed)
        {
            _ = Task.Factory.StartNew(Feed, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        else
        {
            _process.StandardInput.Close();
            _source.Dispose();
        }
    }

    void Feed()
    {
        var buffer = new byte[64 * 1024];
        try
        {
            using var input = _process.StandardInput.BaseStream;
            while (ReadSource(buffer) is > 0 and var read)
            {
                input.Write(buffer, 0, read);
                input.Flush();
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The program ended or was killed before it had read everything: its exit code tells.
        }
    }

    /// <summary>A source that fails, in whatever way a stream of the caller's may, ends the program's input; the reason is kept.</summary>
    int ReadSource(byte[] buffer)
    {
        try
        {
            return _source.ReadAtLeast(buffer, 1);
        }
        catch (Exception e)
        {
            _feedFailure = e;
            return 0;
        }
    }

    static string Spool(ByteSource source)
    {
        var path = Path.Combine(Path.GetTempPath(), $"earshot-{Guid.NewGuid():N}.spool");
        var complete = false;
        try
        {
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
            var buffer = new byte[64 * 1024];
            while (source.ReadAtLeast(buffer, 1) is > 0 and var read) file.Write(buffer, 0, read);
            complete = true;
            return path;
        }
        finally
        {
            if (!complete) File.Delete(path);
        }
    }
}
