using System.Globalization;

namespace Earshot.Transcription;

/// <summary>How a transcript is written down.</summary>
public enum TranscriptFormat
{
    /// <summary>A line of text a segment.</summary>
    Text,

    /// <summary>SubRip subtitles.</summary>
    Srt,

    /// <summary>WebVTT subtitles.</summary>
    Vtt,

    /// <summary>Start and end in milliseconds, and text, between tabs.</summary>
    Tsv,

    /// <summary>
    /// OpenAI's <c>json</c>: the text alone; with <see cref="TranscriptWriterOptions.JsonSegments"/> segments and words too.
    /// </summary>
    Json,

    /// <summary>OpenAI's <c>verbose_json</c>: everything.</summary>
    VerboseJson,

    /// <summary>Lyrics: a time before each line.</summary>
    Lrc,

    /// <summary>NIST's time-marked words; needs word times.</summary>
    Ctm,

    /// <summary>Start and end in milliseconds, and text, between commas.</summary>
    Csv,

    /// <summary>Labels for Audacity.</summary>
    Audacity,
}

/// <summary>Names of formats, as users and files write them.</summary>
public static class TranscriptFormats
{
    static readonly (TranscriptFormat Format, string Name, string Extension)[] s_formats =
    [
        (TranscriptFormat.Text, "txt", "txt"), (TranscriptFormat.Srt, "srt", "srt"), (TranscriptFormat.Vtt, "vtt", "vtt"),
        (TranscriptFormat.Tsv, "tsv", "tsv"), (TranscriptFormat.Json, "json", "json"),
        (TranscriptFormat.VerboseJson, "verbose_json", "json"), (TranscriptFormat.Lrc, "lrc", "lrc"), (TranscriptFormat.Ctm, "ctm", "ctm"),
        (TranscriptFormat.Csv, "csv", "csv"), (TranscriptFormat.Audacity, "aud", "aud.txt"),
    ];

    /// <summary>All names: txt, srt, vtt, tsv, json, verbose_json, lrc, ctm, csv, aud.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_formats.Select(f => f.Name)];

    /// <summary>A format by its name; <c>text</c> is txt.</summary>
    /// <exception cref="ArgumentException">There is no such format; the message lists those there are.</exception>
    public static TranscriptFormat Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (string.Equals(name, "text", StringComparison.OrdinalIgnoreCase)) return TranscriptFormat.Text;
        foreach (var (format, known, _) in s_formats)
        {
            if (string.Equals(name, known, StringComparison.OrdinalIgnoreCase)) return format;
        }
        throw new ArgumentException($"There is no transcript format '{name}'; expected one of {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>What transcripts call a channel, counted from 0.</summary>
    public static string ChannelName(int channel) => string.Create(CultureInfo.InvariantCulture, $"Channel {channel}");

    /// <summary>What a file of the format is called after its dot.</summary>
    public static string Extension(this TranscriptFormat format) => s_formats[(int)format].Extension;
}

/// <summary>How text is laid out in subtitles, and what formats ask for beside the transcript. Line controls need word times.</summary>
public sealed record TranscriptWriterOptions
{
    /// <summary>Most characters a line; null for no limit.</summary>
    public int? MaxLineWidth { get; init; }

    /// <summary>Most lines a cue, where lines are limited in width; null keeps a cue a segment.</summary>
    public int? MaxLineCount { get; init; }

    /// <summary>Most words a cue, where cues are not limited in lines; null for no limit.</summary>
    public int? MaxWordsPerLine { get; init; }

    /// <summary>Whether each word is underlined while it is said.</summary>
    public bool HighlightWords { get; init; }

    /// <summary>What was done: <c>transcribe</c> or <c>translate</c>, for verbose_json.</summary>
    public string Task { get; init; } = "transcribe";

    /// <summary>The recording's name in CTM.</summary>
    public string Recording { get; init; } = "recording";

    /// <summary>The channel in CTM; of segments that tell their channel, that, counted from 1.</summary>
    public string Channel { get; init; } = "1";

    /// <summary>Whether the segments are those of several channels: tables then have a column for the channel.</summary>
    public bool ByChannel { get; init; }

    /// <summary>
    /// Whether json holds segments and, where there are any, words too, as openai/whisper's own command line writes it; else it is
    /// OpenAI's: text alone.
    /// </summary>
    public bool JsonSegments { get; init; }

    /// <summary>What the transcript was computed with, which json with segments and verbose_json then tell; null to leave it out.</summary>
    public Compute.Cpu.ComputeSettings? Computed { get; init; }

    /// <summary>Why this model was chosen, which json with segments and verbose_json then tell; null where nobody chose.</summary>
    public RoutingChoice? Route { get; init; }

    internal void Validate()
    {
        Require(MaxLineWidth, nameof(MaxLineWidth));
        Require(MaxLineCount, nameof(MaxLineCount));
        Require(MaxWordsPerLine, nameof(MaxWordsPerLine));
    }

    static void Require(int? value, string option)
    {
        if (value < 1) throw new ArgumentException($"The writer option {option} is {value}; expected at least 1.", option);
    }
}
