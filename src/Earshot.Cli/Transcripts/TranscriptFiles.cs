using Earshot.Cli.Files;
using Earshot.Compute.Cpu;
using Earshot.Decoding;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>The files of a recording's transcript: what they are called, whole or partial, and their writing.</summary>
internal sealed class TranscriptFiles(
    InputFile file, OutputChoice output, TranscriptionOptions options, ComputeSettings? computed = null)
{
    const string Partial = ".partial";

    /// <summary>What the writers of this recording are told.</summary>
    public TranscriptWriterOptions WriterOptions => output.Lines with
    {
        Task = options.Task == SpeechTask.Translate ? "translate" : "transcribe",
        // The fields of CTM stand between spaces.
        Recording = file.Name.Replace(' ', '_'),
        ByChannel = options.EachChannel,
        JsonSegments = true,
        Computed = computed,
    };

    /// <summary>Whether what is finished can be kept beside: not where the transcript goes to standard output or a device.</summary>
    public bool CanKeep => !output.Plan.IsStandardOutput && !OutputFile.IsDevice(PathOf(output.Formats[0], Language));

    /// <summary>The file that going on takes.</summary>
    public string ResumePath => $"{Stem(PathOf(output.Formats[0], Language), output.Formats[0])}{Partial}.resume";

    // Where paths need a language that is still to be detected.
    string Language => options.Language ?? "auto";

    public string PathOf(TranscriptFormat format, string? language) => output.Plan.PathFor(file, output.ExtensionOf(format), language);

    /// <summary>Writes what is finished as NAME.partial.EXT in every format, and gives the names.</summary>
    public IReadOnlyList<string> WritePartial(Transcript transcript)
    {
        var written = new List<string>();
        foreach (var format in output.Formats)
        {
            var path = PartialPathOf(format, transcript.Info.Language);
            Write(path, format, transcript, overwrite: true);
            written.Add(path);
        }
        return written;
    }

    /// <summary>Removes what an earlier, unfinished transcription left: the whole transcript is there now.</summary>
    public void RemovePartial(string? language)
    {
        if (!File.Exists(ResumePath)) return;
        foreach (var path in output.Formats.Select(format => PartialPathOf(format, language)).Append(ResumePath))
        {
            if (File.Exists(path)) File.Delete(path);
        }
    }

    /// <exception cref="IOException">It cannot be written; the message says which file and why.</exception>
    public void Write(string path, TranscriptFormat format, Transcript transcript, bool overwrite)
    {
        try
        {
            using var destination = OutputFile.Create(path);
            var writer = TranscriptWriter.Create(format, destination.Writer, WriterOptions);
            foreach (var segment in transcript.Segments) writer.Write(segment);
            writer.Complete(transcript.Info);
            destination.Complete(overwrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot write '{path}': {OutputFile.Reason(e, path)}", e);
        }
    }

    string PartialPathOf(TranscriptFormat format, string? language)
    {
        var path = PathOf(format, language);
        var stem = Stem(path, format);
        return $"{stem}{Partial}{path[stem.Length..]}";
    }

    /// <summary>A path without its ending, which may have two parts (aud.txt).</summary>
    string Stem(string path, TranscriptFormat format)
    {
        var ending = $".{output.ExtensionOf(format)}";
        if (!path.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) ending = Path.GetExtension(path);
        return path[..^ending.Length];
    }
}
