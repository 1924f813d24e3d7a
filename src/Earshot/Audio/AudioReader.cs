using System.Globalization;

namespace Earshot.Audio;

/// <summary>A recording as a stream of interleaved float samples, full scale ±1, read once from start to end in constant memory.</summary>
public abstract class AudioReader : IDisposable
{
    // A file that is damaged everywhere says so once for all the rest.
    const int MaxWarnings = 10;

    bool _disposed;
    int _warnings;

    protected AudioReader(string name, AudioReadOptions? options = null) => (Name, Options) = (name, options ?? new AudioReadOptions());

    /// <summary>What messages call this recording: its path, or the name given with its stream.</summary>
    public string Name { get; }

    /// <summary>How the recording is read.</summary>
    public AudioReadOptions Options { get; }

    /// <summary>The format in words, such as <c>WAV, 16-bit PCM</c>.</summary>
    public abstract string Format { get; }

    /// <summary>Frames a second, in Hz.</summary>
    public abstract int SampleRate { get; }

    /// <summary>Samples in a frame.</summary>
    public abstract int Channels { get; }

    /// <summary>The number of frames (one sample of each channel), when the format and the stream can tell.</summary>
    public abstract long? TotalFrames { get; }

    /// <summary>
    /// Whether the recording is read at its container's times, so that silence at its start may stand for sound that begins later.
    /// </summary>
    internal virtual bool KeepsContainerTimes => false;

    /// <summary>The recording's length, when the number of frames is known.</summary>
    public TimeSpan? Duration => TotalFrames is { } frames ? TimeSpan.FromSeconds((double)frames / SampleRate) : null;

    /// <summary>
    /// Reads as many whole frames as fit, or as there are now, and returns their number: 0 only at the end.
    /// </summary>
    /// <exception cref="AudioFormatException">The recording cannot be read further, or is damaged and <see cref="AudioReadOptions.Strict"/>
    /// asks for a whole one.</exception>
    public int Read(Span<float> interleaved)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var frames = interleaved.Length / Channels;
        if (frames == 0)
            throw new ArgumentException(
                $"The span holds {interleaved.Length} samples; expected room for at least one frame of {Channels} channels.",
                nameof(interleaved));
        var read = ReadFrames(interleaved[..(frames * Channels)]);
        if (read == 0) TellRest();
        return read;
    }

    /// <summary>Opens a recording by its content, whatever its name ends in; <c>-</c> is standard input.</summary>
    /// <exception cref="AudioFormatException">The file cannot be opened, is no recording, or its header is damaged.</exception>
    public static AudioReader Open(string path, AudioReadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new AudioReadOptions();
        if (path == "-") return AudioFormat.Open(Console.OpenStandardInput(), "standard input", path: null, options);
        var file = OpenFile(path);
        // A named pipe cannot be opened a second time, by another program.
        return AudioFormat.Open(file, path, file.CanSeek ? Path.GetFullPath(path) : null, options);
    }

    /// <summary>Opens a recording from a stream, which the reader then owns; it need not be seekable.</summary>
    /// <param name="name">What messages call the recording.</param>
    /// <exception cref="AudioFormatException">The stream holds no recording, or a damaged one.</exception>
    public static AudioReader Open(Stream stream, string name, AudioReadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        return AudioFormat.Open(stream, name, path: null, options ?? new AudioReadOptions());
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

    /// <summary>Tells of a fault that is read around; where the options ask for a whole recording, refuses instead.</summary>
    /// <param name="message">One line; the recording's name and the place are put before it.</param>
    /// <param name="position">Where it is, from the recording's start.</param>
    /// <exception cref="AudioFormatException">The options are strict, and the fault is damage.</exception>
    protected internal void Warn(AudioWarningKind kind, string message, TimeSpan? position)
    {
        var place = position is { } at ? $" at {Clock(at)}" : "";
        message = $"'{Name}'{place}: {message}";
        if (Options.Strict && kind != AudioWarningKind.ChannelsCancel) throw new AudioFormatException(message);
        if (++_warnings < MaxWarnings) Options.OnWarning?.Invoke(new AudioWarning(kind, Name, message, position));
    }

    /// <summary>A time as messages show it: <c>00:01:02.5</c>.</summary>
    internal static string Clock(TimeSpan time) => time.ToString(@"hh\:mm\:ss\.f", CultureInfo.InvariantCulture);

    internal TimeSpan TimeOf(long frames) => TimeSpan.FromSeconds((double)frames / SampleRate);

    void TellRest()
    {
        var rest = _warnings - (MaxWarnings - 1);
        _warnings = 0;
        if (rest > 0)
        {
            Options.OnWarning?.Invoke(
                new AudioWarning(AudioWarningKind.Damaged, Name, $"'{Name}': {rest} more such {(rest == 1 ? "place" : "places")}.", null));
        }
    }

    static FileStream OpenFile(string path)
    {
        try
        {
            // ByteSource buffers already.
            return new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
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
