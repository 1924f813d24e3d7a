namespace Earshot.Audio;

/// <summary>A recording as a stream of interleaved float samples, full scale ±1, read once from start to end in constant memory.</summary>
public abstract class AudioReader : IDisposable
{
    bool _disposed;

    protected AudioReader(string name) => Name = name;

    /// <summary>What messages call this recording: its path, or the name given with its stream.</summary>
    public string Name { get; }

    /// <summary>The format in words, such as <c>WAV, 16-bit PCM</c>.</summary>
    public abstract string Format { get; }

    /// <summary>Frames a second, in Hz.</summary>
    public abstract int SampleRate { get; }

    /// <summary>Samples in a frame.</summary>
    public abstract int Channels { get; }

    /// <summary>The number of frames (one sample of each channel), when the format and the stream can tell.</summary>
    public abstract long? TotalFrames { get; }

    /// <summary>The recording's length, when the number of frames is known.</summary>
    public TimeSpan? Duration => TotalFrames is { } frames ? TimeSpan.FromSeconds((double)frames / SampleRate) : null;

    /// <summary>
    /// Reads as many whole frames as fit, or as there are now, and returns their number: 0 only at the end.
    /// </summary>
    /// <exception cref="AudioFormatException">The recording is damaged from here on.</exception>
    public int Read(Span<float> interleaved)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var frames = interleaved.Length / Channels;
        if (frames == 0)
            throw new ArgumentException($"The span holds {interleaved.Length} samples; expected room for at least one frame of {Channels} channels.", nameof(interleaved));
        return ReadFrames(interleaved[..(frames * Channels)]);
    }

    /// <summary>Opens a recording by its content, whatever its name ends in; <c>-</c> is standard input.</summary>
    /// <exception cref="AudioFormatException">The file cannot be opened, is no recording, or is damaged.</exception>
    public static AudioReader Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path == "-") return AudioFormat.Open(Console.OpenStandardInput(), "standard input", path: null);
        var file = OpenFile(path);
        // A named pipe cannot be opened a second time, by another program.
        return AudioFormat.Open(file, path, file.CanSeek ? Path.GetFullPath(path) : null);
    }

    /// <summary>Opens a recording from a stream, which the reader then owns; it need not be seekable.</summary>
    /// <param name="name">What messages call the recording.</param>
    /// <exception cref="AudioFormatException">The stream holds no recording, or a damaged one.</exception>
    public static AudioReader Open(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        return AudioFormat.Open(stream, name, path: null);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads up to a whole number of frames and returns how many; 0 only at the end.</summary>
    protected abstract int ReadFrames(Span<float> interleaved);

    protected abstract void Dispose(bool disposing);

    static FileStream OpenFile(string path)
    {
        try
        {
            // ByteSource buffers already.
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AudioFormatException(Explain(path, e), e);
        }
    }

    static string Explain(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => $"'{path}': no such file. Check the path.",
        _ when Directory.Exists(path) => $"'{path}': this is a folder; expected an audio file.",
        _ => $"'{path}': cannot be opened: {e.Message}",
    };
}
