using System.Globalization;
using Earshot.Audio;
using Earshot.Cli.Files;
using Earshot.ForcedAlignment;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>Transcribes recordings one after the other; one that fails does not stop the others.</summary>
internal sealed class TranscriptionRun(Terminal terminal, OutputChoice output, TranscriptionOptions options)
{
    /// <summary>What the transcripts depend on beside the recordings; needed to keep what is finished when a run is stopped.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; set; }

    /// <summary>What finds out when words are said, where that is to be another model than the one that writes.</summary>
    public Aligner? Aligner { get; set; }

    /// <summary>Recordings that failed so far.</summary>
    public int Failures { get; private set; }

    /// <summary>Whether a recording is there, and not transcribed already; says so where not.</summary>
    public bool IsWork(InputFile file)
    {
        if (!file.IsStandardInput && WhyAbsent(file) is { } reason)
        {
            terminal.Fail(reason);
            Failures++;
            return false;
        }
        if (output.Plan.IsStandardOutput || output.Plan.NeedsLanguage) return true;
        var paths = output.Formats.Select(format => output.Plan.PathFor(file, output.ExtensionOf(format), language: null)).ToList();
        foreach (var path in paths)
        {
            if (OutputFile.WhyNotWritable(path) is not { } why) continue;
            terminal.Fail($"cannot write '{path}': {why}");
            Failures++;
            return false;
        }
        if (output.Overwrite || !paths.All(path => File.Exists(path) && !OutputFile.IsDevice(path))) return true;
        terminal.Say(
            $"{file.Label}: skipped, since {string.Join(" and ", paths)} {(paths.Count == 1 ? "is" : "are")} there " +
            "already; --overwrite replaces.");
        return false;
    }

    public async Task TranscribeAsync(InputFile file, Transcriber transcriber, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await RunAsync(file, transcriber, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (Failure.IsOfOneFile(e))
        {
            terminal.Fail(e is AudioFormatException || e.InnerException is not null ? e.Message : $"'{file.Label}': {e.Message}", e);
            Failures++;
        }
    }

    async Task RunAsync(InputFile file, Transcriber transcriber, CancellationToken cancellationToken)
    {
        using var status = new StatusLine(terminal);
        var reading =
            options with { Audio = options.Audio with { OnWarning = warning => status.Above(() => terminal.Warn(warning.Message)) } };
        using var recording = await Task.Run(() => OpenedRecording.Open(file, terminal, reading), cancellationToken).ConfigureAwait(false);
        var files = new TranscriptFiles(file, output, options, output.TellsComputed ? transcriber.Settings : null);
        var resumed = Resumed(file, files, recording);
        using var progress = new TranscriptProgress(status, file.Label, recording.Duration, resumed?.Processed ?? TimeSpan.Zero);
        var shared = new ChannelProgress(recording.Tracks.Count, progress);
        // Heard once more, and what there is to tell of it was told.
        using var again = Aligner is null ? null : await Task.Run(() => OpenedRecording.Open(file, terminal, options), cancellationToken);
        var aligners = again?.Tracks.Select(track => new SegmentAligner(Aligner!, new RecordedSamples(track.Samples))).ToArray();
        Track[] tracks = [.. recording.Tracks.Select((track, i) =>
            new Track(
                track.Channel, new CheckedSamples(new RecordedSamples(track.Samples), resumed?.Tracks[i].Samples), shared.Of(i),
                resumed?.Tracks[i])
            {
                Aligner = aligners?[i],
            })];
        using var partial = Settings is { } settings && files.CanKeep
            ? new PartialTranscript(
                files, tracks, () => progress.Info,
                states => new ResumeFile { TotalSamples = recording.TotalSamples, Settings = settings, Tracks = states })
            : null;
        var streamed = output.Plan.IsStandardOutput && !output.ShowsTimes
            ? TranscriptWriter.Create(output.Formats[0], terminal.Out, files.WriterOptions)
            : null;
        try
        {
            var segments = await HearAsync(tracks, transcriber, segment => status.Above(() => Show(segment, streamed)), cancellationToken)
                .ConfigureAwait(false);
            var elapsed = progress.Elapsed;
            progress.Dispose();
            streamed?.Complete(progress.Info);
            WarnOfClips(file, progress.Info.Duration);
            if (aligners?.Sum(aligner => aligner.Kept) is > 0 and var kept)
            {
                terminal.Warn(
                    $"{file.Label}: {kept} of {segments.Count} segments kept their times, since the aligning model does not hear them.");
            }
            var written = output.Plan.IsStandardOutput
                ? []
                : WriteFiles(files, new Transcript { Segments = segments, Info = progress.Info });
            var speed = string.Create(
                CultureInfo.InvariantCulture,
                $"{Units.Time(progress.Info.Duration)} in {Units.Time(elapsed)}, {progress.Speed:0.0}× real time");
            if (written.Count > 0) terminal.Say($"{file.Label} → {string.Join(", ", written)}  ({speed})");
            else terminal.Detail($"{file.Label}: {speed}{(progress.Info.Language is { } language ? $", language {language}" : "")}.");
        }
        catch (OperationCanceledException) when (partial?.Save() is { } kept)
        {
            status.Above(() => terminal.Say(kept));
            throw;
        }
    }

    /// <summary>What an earlier run finished, where it is to be gone on with.</summary>
    /// <exception cref="IOException">It is of another recording, or was made with other settings.</exception>
    ResumeFile? Resumed(InputFile file, TranscriptFiles files, OpenedRecording recording)
    {
        if (Settings is null || !files.CanKeep) return null;
        if (!output.Resume)
        {
            if (File.Exists(files.ResumePath))
                terminal.Say($"{file.Label}: begun anew; an earlier run left {files.ResumePath}, from which --resume would go on.");
            return null;
        }
        if (ResumeFile.Load(files.ResumePath) is not { } resume) return null;
        string? difference = resume.TotalSamples != recording.TotalSamples || resume.Tracks.Count != recording.Tracks.Count
            ? "the recording is another one, of another length"
            : resume.DifferenceFrom(Settings);
        if (difference is not null)
            throw new IOException(
                $"cannot go on with {files.ResumePath}: {difference}. " +
                "Give the recording and the options of then, or leave --resume out to begin anew.");
        terminal.Say($"{file.Label}: going on after {Units.Time(resume.Processed)}.");
        return resume;
    }

    async Task<List<Segment>> HearAsync(
        IReadOnlyList<Track> tracks, Transcriber transcriber, Action<Segment> show, CancellationToken cancellationToken)
    {
        var segments = new List<Segment>();
        var mixed = options with { EachChannel = false };
        try
        {
            var channels = tracks.Select(track => track.SegmentsAsync(transcriber, mixed, cancellationToken)).ToList();
            await foreach (var segment in ChannelMerge.InTime(channels, cancellationToken).ConfigureAwait(false))
            {
                segments.Add(segment);
                show(segment);
            }
            return segments;
        }
        catch (ArgumentException e)
        {
            throw UsageException.For(e);
        }
    }

    void WarnOfClips(InputFile file, TimeSpan duration)
    {
        foreach (var clip in options.ClipRanges.Where(clip => clip.Start >= duration))
            terminal.Warn(
                $"'{file.Label}' is {Units.Time(duration)} long: the clip from {Units.Time(clip.Start)} on lies after its end, " +
                "and nothing is transcribed for it.");
    }

    /// <summary>Prints a segment as it is found: as the result where that goes to standard output, else as talk on a terminal.</summary>
    void Show(Segment segment, TranscriptWriter? streamed)
    {
        if (streamed is not null)
        {
            streamed.Write(segment);
            terminal.Out.Flush();
        }
        else if (output.ShowsTimes)
        {
            terminal.Out.WriteLine(WithTimes(segment, terminal.OutIsTerminal));
        }
        else if (terminal.ErrorIsTerminal)
        {
            terminal.Say(WithTimes(segment, terminal.ErrorIsTerminal));
        }
    }

    string WithTimes(Segment segment, bool onTerminal) =>
        $"{terminal.Paint($"[{Clock(segment.Start)} → {Clock(segment.End)}]", "2", onTerminal)} " +
        $"{(segment.Channel is { } channel ? $"{TranscriptFormats.ChannelName(channel)}: " : "")}{segment.Text.Trim()}";

    static string Clock(TimeSpan time) => $"{Units.Clock(time)}.{time.Milliseconds / 100}";

    List<string> WriteFiles(TranscriptFiles files, Transcript transcript)
    {
        var written = new List<string>();
        foreach (var format in output.Formats)
        {
            var path = files.PathOf(format, transcript.Info.Language);
            if (!output.Overwrite && File.Exists(path) && !OutputFile.IsDevice(path))
            {
                terminal.Say($"{path} is there already and was kept; --overwrite replaces it.");
                continue;
            }
            files.Write(path, format, transcript, output.Overwrite);
            written.Add(path);
        }
        if (files.CanKeep) files.RemovePartial(transcript.Info.Language);
        return written;
    }

    static string? WhyAbsent(InputFile file)
    {
        if (File.Exists(file.Path)) return null;
        if (Directory.Exists(file.Path))
            return $"'{file.Path}': this is a folder; give files, or a pattern such as '{Path.Join(file.Path, "*.wav")}'.";
        return Glob.IsPattern(file.Path)
            ? $"'{file.Path}': no file matches this pattern."
            : $"'{file.Path}': no such file. Check the path.";
    }
}
