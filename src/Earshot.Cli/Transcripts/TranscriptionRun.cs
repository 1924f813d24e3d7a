using System.Globalization;
using Earshot.Audio;
using Earshot.Cli.Files;
using Earshot.Decoding;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>Transcribes recordings one after the other; one that fails does not stop the others.</summary>
internal sealed class TranscriptionRun(Terminal terminal, OutputChoice output, TranscriptionOptions options)
{
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
        if (output.Plan.IsStandardOutput || output.Plan.NeedsLanguage || output.Overwrite) return true;
        var paths = output.Formats.Select(format => output.Plan.PathFor(file, output.ExtensionOf(format), language: null)).ToList();
        if (!paths.All(path => File.Exists(path) && !OutputFile.IsDevice(path))) return true;
        terminal.Say($"{file.Label}: skipped, since {string.Join(" and ", paths)} {(paths.Count == 1 ? "is" : "are")} there already; --overwrite replaces.");
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
        using var samples = file.Open(terminal, options.Audio with { OnWarning = warning => status.Above(() => terminal.Warn(warning.Message)) });
        using var progress = new TranscriptProgress(status, file.Label, samples.Duration);
        var streamed = output.Plan.IsStandardOutput && !output.ShowsTimes ? TranscriptWriter.Create(output.Formats[0], terminal.Out, WriterOptions(file)) : null;
        var segments = await HearAsync(samples, transcriber, segment => status.Above(() => Show(segment, streamed)), progress, cancellationToken).ConfigureAwait(false);
        var elapsed = progress.Elapsed;
        progress.Dispose();
        streamed?.Complete(progress.Info);
        var written = output.Plan.IsStandardOutput ? [] : WriteFiles(file, new Transcript { Segments = segments, Info = progress.Info });
        var speed = string.Create(CultureInfo.InvariantCulture, $"{Units.Time(progress.Info.Duration)} in {Units.Time(elapsed)}, {progress.Processed / elapsed:0.0}× real time");
        if (written.Count > 0) terminal.Say($"{file.Label} → {string.Join(", ", written)}  ({speed})");
        else terminal.Detail($"{file.Label}: {speed}, language {progress.Info.Language}.");
    }

    async Task<List<Segment>> HearAsync(SampleStream samples, Transcriber transcriber, Action<Segment> show, IProgress<TranscriptionProgress> progress, CancellationToken cancellationToken)
    {
        var segments = new List<Segment>();
        try
        {
            await foreach (var segment in transcriber.TranscribeAsync(new RecordedSamples(samples), options, progress, cancellationToken).ConfigureAwait(false))
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
        $"{terminal.Paint($"[{Clock(segment.Start)} → {Clock(segment.End)}]", "2", onTerminal)} {segment.Text.Trim()}";

    static string Clock(TimeSpan time) => $"{Units.Clock(time)}.{time.Milliseconds / 100}";

    TranscriptWriterOptions WriterOptions(InputFile file) => output.Lines with
    {
        Task = options.Task == SpeechTask.Translate ? "translate" : "transcribe",
        // The fields of CTM stand between spaces.
        Recording = file.Name.Replace(' ', '_'),
    };

    List<string> WriteFiles(InputFile file, Transcript transcript)
    {
        var written = new List<string>();
        foreach (var format in output.Formats)
        {
            var path = output.Plan.PathFor(file, output.ExtensionOf(format), transcript.Info.Language);
            if (!output.Overwrite && File.Exists(path) && !OutputFile.IsDevice(path))
            {
                terminal.Say($"{path} is there already and was kept; --overwrite replaces it.");
                continue;
            }
            WriteFile(path, format, transcript, WriterOptions(file));
            written.Add(path);
        }
        return written;
    }

    /// <exception cref="IOException">It cannot be written; the message says which file and why.</exception>
    void WriteFile(string path, TranscriptFormat format, Transcript transcript, TranscriptWriterOptions writerOptions)
    {
        try
        {
            using var destination = OutputFile.Create(path);
            var writer = TranscriptWriter.Create(format, destination.Writer, writerOptions);
            foreach (var segment in transcript.Segments) writer.Write(segment);
            writer.Complete(transcript.Info);
            destination.Complete(output.Overwrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The system's message ends with the name of the file beside, which nobody knows of.
            throw new IOException($"cannot write '{path}': {e.Message.Split(" : '")[0]}", e);
        }
    }

    static string? WhyAbsent(InputFile file)
    {
        if (File.Exists(file.Path)) return null;
        if (Directory.Exists(file.Path)) return $"'{file.Path}': this is a folder; give files, or a pattern such as '{Path.Join(file.Path, "*.wav")}'.";
        return Glob.IsPattern(file.Path) ? $"'{file.Path}': no file matches this pattern." : $"'{file.Path}': no such file. Check the path.";
    }
}
