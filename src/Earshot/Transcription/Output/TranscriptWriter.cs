using System.Globalization;

namespace Earshot.Transcription;

/// <summary>Writes segments as they come; a format that needs all of them first (JSON) writes at the end.</summary>
public abstract class TranscriptWriter
{
    protected TranscriptWriter(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        Output = output;
    }

    protected TextWriter Output { get; }

    /// <summary>A writer of a format; the output stays its owner's.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static TranscriptWriter Create(TranscriptFormat format, TextWriter output, TranscriptWriterOptions? options = null)
    {
        options ??= new TranscriptWriterOptions();
        options.Validate();
        return format switch
        {
            TranscriptFormat.Text => new LineWriter(output, "", segment => LineWriter.Plain(segment)),
            TranscriptFormat.Srt => new SrtWriter(output, options),
            TranscriptFormat.Vtt => new VttWriter(output, options),
            TranscriptFormat.Tsv => new LineWriter(
                output, $"start\tend\ttext{(options.ByChannel ? "\tchannel" : "")}\n",
                segment => LineWriter.Tsv(segment, options.ByChannel)),
            TranscriptFormat.Csv => new LineWriter(
                output, $"start,end,text{(options.ByChannel ? ",channel" : "")}\n", segment => LineWriter.Csv(segment, options.ByChannel)),
            TranscriptFormat.Lrc => new LineWriter(output, "", LineWriter.Lrc),
            TranscriptFormat.Audacity => new LineWriter(output, "", LineWriter.Audacity),
            TranscriptFormat.Ctm => new LineWriter(output, "", segment => LineWriter.Ctm(segment, options)),
            TranscriptFormat.Json => new JsonTranscriptWriter(output, options, verbose: false),
            TranscriptFormat.VerboseJson => new JsonTranscriptWriter(output, options, verbose: true),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such transcript format."),
        };
    }

    /// <summary>A whole transcript as text of a format.</summary>
    public static string ToText(Transcript transcript, TranscriptFormat format, TranscriptWriterOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(transcript);
        using var output = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var writer = Create(format, output, options);
        foreach (var segment in transcript.Segments) writer.Write(segment);
        writer.Complete(transcript.Info);
        return output.ToString();
    }

    /// <summary>Writes a whole transcript to a file: beside it first, so that none is ever half written.</summary>
    public static async Task WriteFileAsync(
        string path, Transcript transcript, TranscriptFormat format, TranscriptWriterOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var text = ToText(transcript, format, options);
        var beside = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            await File.WriteAllTextAsync(beside, text, cancellationToken).ConfigureAwait(false);
            File.Move(beside, path, overwrite: true);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    /// <summary>Takes the next segment.</summary>
    public abstract void Write(Segment segment);

    /// <summary>Nothing more comes.</summary>
    public abstract void Complete(TranscriptionInfo info);
}
