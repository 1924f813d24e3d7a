namespace Earshot.Audio;

/// <summary>
/// Whatever has no reader of its own, decoded by the <c>ffmpeg</c> program where it is on the PATH, at the recording's own rate
/// and channels, and at the container's times: sound that starts late, or stops for a while, has silence there. The program is told
/// which demuxers it may use and may open nothing but the one file or its input.
/// </summary>
public sealed class FfmpegReader : AudioReader
{
    readonly FfmpegProcess _process;
    readonly WavReader _wav;
    readonly string _container;
    long _frames;
    bool _ended;

    FfmpegReader(FfmpegProcess process, WavReader wav, AudioContainer? container, AudioReadOptions options) : base(wav.Name, options)
    {
        (_process, _wav, _container) = (process, wav, container?.Name ?? "audio");
        KeepsContainerTimes = FfmpegFormats.HasTimes(container?.Demuxer);
    }

    /// <summary>Whether the <c>ffmpeg</c> program is on the PATH.</summary>
    public static bool IsAvailable => FindProgram() is not null;

    internal override bool KeepsContainerTimes { get; }

    public override string Format => $"{_container}, through ffmpeg";

    public override int SampleRate => _wav.SampleRate;

    public override int Channels => _wav.Channels;

    /// <summary>Always null: only decoding to the end tells.</summary>
    public override long? TotalFrames => null;

    /// <summary>Starts the program on a file, where <paramref name="path"/> is given, or on the source's bytes; owns the source.</summary>
    /// <param name="container">What to read it as; null to let the program find out.</param>
    internal static FfmpegReader Open(ByteSource source, AudioContainer? container, string? path, AudioReadOptions options) =>
        Open(source, container, path, FindProgram(), options);

    internal static FfmpegReader Open(ByteSource source, AudioContainer? container, string? path, string? program, AudioReadOptions options)
    {
        var kind = container?.Name ?? "file";
        if (program is null)
            throw new AudioFormatException(
                $"'{source.Name}': this is {kind}, which needs the ffmpeg program; none is on the PATH. " +
                "Install ffmpeg, or convert the file to WAV or FLAC.");
        var process = FfmpegProcess.Start(program, source, container, path);
        try
        {
            // The program writes WAV, whose header tells the rate and the channels before the end is known.
            return new FfmpegReader(process, new WavReader(process.Output, source.Name), container, options);
        }
        catch (AudioFormatException e)
        {
            var reason = process.WaitForReason();
            process.Dispose();
            if (process.Complaints.Any(line => line.Contains("matches no streams", StringComparison.Ordinal)))
                throw new AudioFormatException($"'{source.Name}': this {kind} has no sound track. Check that it is the right file.", e);
            throw new AudioFormatException(
                $"'{source.Name}': ffmpeg cannot decode this {kind}: {reason ?? e.Message} Check that the file plays and has sound.", e);
        }
    }

    /// <summary>The program's full path: the first of the PATH's folders that has it, never the current folder.</summary>
    internal static string? FindProgram() => FindProgram(Environment.GetEnvironmentVariable("PATH"));

    internal static string? FindProgram(string? searchPath)
    {
        var file = OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg";
        return (searchPath ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathFullyQualified)
            .Select(folder => Path.Combine(folder, file))
            .FirstOrDefault(File.Exists);
    }

    protected override int ReadFrames(Span<float> interleaved)
    {
        if (_ended) return 0;
        var frames = _wav.Read(interleaved);
        _frames += frames;
        if (frames > 0) return frames;
        _ended = true;
        var reason = _process.WaitForReason();
        if (reason is not null && (_frames == 0 || _process.FeedFailure is not null))
            throw new AudioFormatException(
                $"'{Name}': ffmpeg stopped while decoding this {_container}: {reason} Check that the file plays to its end.",
                _process.FeedFailure);
        if (reason is not null)
            Warn(
                AudioWarningKind.Truncated,
                $"ffmpeg stopped while decoding this {_container}: {reason} Check that the file plays to its end.", TimeOf(_frames));
        else if (_process.Complaints is [var first, ..])
            Warn(
                AudioWarningKind.Damaged,
                $"ffmpeg found damage in this {_container}: {FfmpegProcess.AsSentence(first)} The rest is read.", position: null);
        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        _process.Dispose();
        _wav.Dispose();
    }
}
