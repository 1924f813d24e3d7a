using System.Globalization;
using System.Text;

namespace Earshot.Transcription;

/// <summary>Formats in which each segment stands for itself.</summary>
sealed class LineWriter(TextWriter output, string header, Func<Segment, string> format) : TranscriptWriter(output)
{
    bool _begun;

    public override void Write(Segment segment)
    {
        ArgumentNullException.ThrowIfNull(segment);
        Begin();
        Output.Write(format(segment));
    }

    public override void Complete(TranscriptionInfo info) => Begin();

    public static string Plain(Segment segment) => Labelled(segment) + "\n";

    public static string Tsv(Segment segment, bool byChannel) =>
        $"{Milliseconds(segment.Start)}\t{Milliseconds(segment.End)}\t{OneLine(segment.Text)}{(byChannel ? $"\t{segment.Channel}" : "")}\n";

    public static string Csv(Segment segment, bool byChannel) =>
        $"{Milliseconds(segment.Start)},{Milliseconds(segment.End)},{Quoted(OneLine(segment.Text))}" +
        (byChannel ? $",{segment.Channel}\n" : "\n");

    static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static string Audacity(Segment segment) => string.Create(CultureInfo.InvariantCulture,
        $"{segment.Start.TotalSeconds:F3}\t{segment.End.TotalSeconds:F3}\t{Labelled(segment)}\n");

    public static string Lrc(Segment segment)
    {
        long hundredths = (long)Math.Round(segment.Start.TotalSeconds * 100);
        return string.Create(CultureInfo.InvariantCulture,
            $"[{hundredths / 6000:D2}:{hundredths / 100 % 60:D2}.{hundredths % 100:D2}]{Labelled(segment)}\n");
    }

    /// <summary>A line a word: recording, channel, start, duration, word, confidence.</summary>
    /// <exception cref="ArgumentException">The segment has no word times.</exception>
    public static string Ctm(Segment segment, TranscriptWriterOptions options)
    {
        if (segment.Words is null)
            throw new ArgumentException(
                "CTM lists words with their times, and this transcript has none. Transcribe with word timestamps.", nameof(segment));
        var lines = new StringBuilder();
        var channel = segment.Channel is { } index ? (index + 1).ToString(CultureInfo.InvariantCulture) : options.Channel;
        foreach (var word in segment.Words)
        {
            // The fields stand between spaces, so that a word cannot hold any.
            var text = string.Concat(word.Text.Where(c => !char.IsWhiteSpace(c)));
            if (text.Length == 0) continue;
            // In whole hundredths, rounded down: a last word must not end after the recording.
            double start = Math.Floor(word.Start.TotalMilliseconds / 10) / 100, end = Math.Floor(word.End.TotalMilliseconds / 10) / 100;
            lines.Append(
                CultureInfo.InvariantCulture, $"{options.Recording} {channel} {start:F2} {end - start:F2} {text} {word.Probability:F2}\n");
        }
        return lines.ToString();
    }

    /// <summary>A segment's text, behind its channel where it has one.</summary>
    static string Labelled(Segment segment) =>
        segment.Channel is { } channel ? $"{TranscriptFormats.ChannelName(channel)}: {OneLine(segment.Text)}" : OneLine(segment.Text);

    /// <summary>Text without the spaces around it; a tab or line break within it would be taken for a field's or line's end.</summary>
    static string OneLine(string text) =>
        text.Trim().Replace('\t', ' ').Replace("\r\n", " ", StringComparison.Ordinal).Replace('\n', ' ').Replace('\r', ' ');

    static string Milliseconds(TimeSpan time) => ((long)Math.Round(time.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture);

    void Begin()
    {
        if (!_begun) Output.Write(header);
        _begun = true;
    }
}
