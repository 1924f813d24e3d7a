using Earshot.Cli.Files;
using Earshot.Transcription;

namespace Earshot.Cli.Transcripts;

/// <summary>What is written, and where.</summary>
internal sealed record OutputChoice(IReadOnlyList<TranscriptFormat> Formats, bool Overwrite, TranscriptWriterOptions Lines)
{
    public OutputPlan Plan { get; init; } = OutputPlan.StandardOutput;

    /// <summary>Whether to go on with what an earlier run finished.</summary>
    public bool Resume { get; init; }

    /// <summary>Whether times stand before the lines on standard output: on a terminal, unless a format was asked for.</summary>
    public bool ShowsTimes { get; init; }

    /// <summary>Whether a format tells what it was computed with, which takes a look at all of a model's matrices.</summary>
    public bool TellsComputed => Formats.Contains(TranscriptFormat.Json) || Formats.Contains(TranscriptFormat.VerboseJson);

    /// <summary>Whether the times of words are needed for what is written.</summary>
    public bool NeedsWords => Formats.Contains(TranscriptFormat.Ctm) || Lines.HighlightWords
        || (Lines.MaxLineWidth ?? Lines.MaxLineCount ?? Lines.MaxWordsPerLine) is not null;

    /// <summary>What files of a format are called after the dot; where both kinds of JSON are written, verbose_json gives way.</summary>
    public string ExtensionOf(TranscriptFormat format) =>
        format == TranscriptFormat.VerboseJson && Formats.Contains(TranscriptFormat.Json) ? "verbose.json" : format.Extension();
}
