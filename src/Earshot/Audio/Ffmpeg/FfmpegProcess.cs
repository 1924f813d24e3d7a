using System.ComponentModel;
using System.Diagnostics;

namespace Earshot.Audio;

/// <summary>A running <c>ffmpeg</c> that turns one recording into WAV of 32-bit floats on its output; killed when disposed.</summary>
internal sealed class FfmpegProcess : IDisposable
{
    static readonly TimeSpan ExitPatience = TimeSpan.FromSeconds(10);

    // Its first messages say why, and there can be one for each packet.
    const int MaxLines = 16;

    readonly Process _process;
    readonly ByteSource _source;
    readonly string? _spool;
    readonly Lock _lock = new();
    readonly List<string> _lines = [];
    volatile Exception? _feedFailure;

    FfmpegProcess(Process process, ByteSource source, string? spool) => (_process, _source, _spool) = (process, source, spool);

    /// <summary>The WAV.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Why the source that the program was fed from could not be read; null where it could.</summary>
    public Exception? FeedFailure => _feedFailure;

    /// <summary>What the program complained of, its first lines.</summary>
    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_lock) return [.. _lines];
        }
    }

    /// <param name="container">What to read it as; null to let the program find out, among the formats that open no other file.</param>
    public static FfmpegProcess Start(string program, ByteSource source, AudioContainer? container, string? path)
    {
        // MP4 may keep its index at the end, where a pipe cannot seek to.
        var spool = path is null && container?.Demuxer == "mov" ? Spool(source) : null;
        var input = path ?? spool;
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in Arguments(container?.Demuxer, input is null ? "pipe:0" : $"file:{input}"))
            start.ArgumentList.Add(argument);
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
        return Complaints is [.., var line] ? AsSentence(line) : $"exit code {_process.ExitCode}.";
    }

    /// <summary>A message of the program's without the part that names an object at an address.</summary>
    public static string AsSentence(string line)
    {
        var text = line.StartsWith('[') && line.IndexOf("] ", StringComparison.Ordinal) is > 0 and var end ? line[(end + 2)..] : line;
        return text.EndsWith('.') ? text : text + ".";
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

    static string[] Arguments(string? demuxer, string input) =>
    [
        "-nostdin", "-hide_banner", "-loglevel", "error",
        "-protocol_whitelist", "file,pipe",
        .. demuxer is null ? (string[])["-format_whitelist", FfmpegFormats.SingleFile] : ["-f", demuxer],
        "-i", input,
        "-map", "0:a:0", "-vn", "-sn", "-dn",
        .. FfmpegFormats.HasTimes(demuxer) ? (string[])["-af", "aresample=async=1:first_pts=0"] : [],
        "-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "pipe:1",
    ];

    void Attend(bool feed)
    {
        _process.ErrorDataReceived += (_, line) =>
        {
            if (string.IsNullOrWhiteSpace(line.Data)) return;
            lock (_lock)
            {
                if (_lines.Count < MaxLines) _lines.Add(line.Data.Trim());
            }
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
