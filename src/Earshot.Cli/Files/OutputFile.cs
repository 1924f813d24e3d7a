using System.Text;

namespace Earshot.Cli.Files;

/// <summary>A file that appears whole or not at all: written beside its place, then renamed.</summary>
internal sealed class OutputFile : IDisposable
{
    static readonly Lock s_lock = new();
    static readonly HashSet<string> s_unfinished = [];

    readonly string? _partialPath;
    readonly StreamWriter _writer;
    bool _closed;

    OutputFile(string path, string? partialPath, StreamWriter writer)
    {
        Path = path;
        _partialPath = partialPath;
        _writer = writer;
    }

    public string Path { get; }

    public TextWriter Writer => _writer;

    /// <summary>Begins a file, making its folder where needed.</summary>
    /// <exception cref="IOException">The folder or the file cannot be made.</exception>
    public static OutputFile Create(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        if (IsDevice(full)) return new OutputFile(path, null, Open(full, FileMode.Append));
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full) ?? ".");
        var partial = $"{full}.{Environment.ProcessId}.partial";
        lock (s_lock) s_unfinished.Add(partial);
        try
        {
            return new OutputFile(path, partial, Open(partial, FileMode.Create));
        }
        catch
        {
            Forget(partial);
            throw;
        }
    }

    /// <summary>Moves the file to its place; with <paramref name="overwrite"/>, over one that is there.</summary>
    public void Complete(bool overwrite)
    {
        _writer.Flush();
        _writer.Dispose();
        if (_partialPath is not null)
        {
            File.Move(_partialPath, System.IO.Path.GetFullPath(Path), overwrite);
            Forget(_partialPath);
        }
        _closed = true;
    }

    public void Dispose()
    {
        if (_closed) return;
        _closed = true;
        try
        {
            _writer.Dispose();
        }
        catch (IOException)
        {
            // What it still held does not fit on the disk: it goes with the file.
        }
        if (_partialPath is null) return;
        Delete(_partialPath);
        Forget(_partialPath);
    }

    /// <summary>
    /// Whether a path is a device or a pipe of the system (/dev/stdout, /dev/fd/63), which is written as it is and never replaced.
    /// </summary>
    public static bool IsDevice(string path)
    {
        var full = System.IO.Path.GetFullPath(path);
        // /dev/shm is a folder of ordinary files.
        return !OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal)
            && !full.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(full);
    }

    /// <summary>
    /// Why a file cannot be made at a path, found out before work is done for it; null where it can. Nothing is left behind.
    /// </summary>
    public static string? WhyNotWritable(string path)
    {
        if (IsDevice(path)) return null;
        var full = System.IO.Path.GetFullPath(path);
        var folder = System.IO.Path.GetDirectoryName(full) ?? full;
        // A folder that is not there yet will be made in the nearest that is.
        var probe = Directory.Exists(folder) ? full : folder;
        while (!Directory.Exists(folder) && System.IO.Path.GetDirectoryName(folder) is { } parent) (probe, folder) = (folder, parent);
        if (File.Exists(probe) && probe != full) return $"'{probe}' is a file; expected a folder.";
        probe = $"{probe}.{Environment.ProcessId}.partial";
        try
        {
            new FileStream(probe, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reason(e, probe);
        }
    }

    /// <summary>Why writing failed, without the name of the file beside, which nobody knows of.</summary>
    public static string Reason(Exception exception, string path)
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path));
        return exception switch
        {
            // Some of the system's folders say that the new file is not there.
            FileNotFoundException => $"the folder '{folder}' takes no new files.",
            UnauthorizedAccessException => $"access to the folder '{folder}' is denied.",
            _ => exception.Message.Split(" : '")[0],
        };
    }

    /// <summary>Removes every file that was begun and not completed, for a process about to end.</summary>
    public static void AbandonAll()
    {
        lock (s_lock)
        {
            foreach (var path in s_unfinished) Delete(path);
            s_unfinished.Clear();
        }
    }

    // Devices are appended to: standard output may be a file with something in it.
    static StreamWriter Open(string path, FileMode mode) =>
        new(new FileStream(path, mode, FileAccess.Write, FileShare.Read), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));

    static void Forget(string partialPath)
    {
        lock (s_lock) s_unfinished.Remove(partialPath);
    }

    static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing more can be done about it here.
        }
    }
}
