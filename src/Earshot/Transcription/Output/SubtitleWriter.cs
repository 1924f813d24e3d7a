using System.Globalization;

namespace Earshot.Transcription;

/// <summary>Cues with their times, each underlined word a cue of its own where asked for.</summary>
abstract class SubtitleWriter(TextWriter output, TranscriptWriterOptions options) : TranscriptWriter(output)
{
    readonly CueBuilder _cues = new(options);

    public override void Write(Segment segment)
    {
        ArgumentNullException.ThrowIfNull(segment);
        foreach (var cue in _cues.Add(segment)) WriteParts(cue);
    }

    public override void Complete(TranscriptionInfo info)
    {
        if (_cues.Finish() is { } cue) WriteParts(cue);
    }

    protected abstract void WriteCue(TimeSpan start, TimeSpan end, string text);

    protected static string Time(TimeSpan time, bool hours, char decimalMark)
    {
        long milliseconds = Math.Max(0, (long)Math.Round(time.TotalMilliseconds));
        var (h, m, s) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds / 1000 % 60);
        var prefix = hours || h > 0 ? string.Create(CultureInfo.InvariantCulture, $"{h:D2}:") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}{m:D2}:{s:D2}{decimalMark}{milliseconds % 1000:D3}");
    }

    /// <summary>What stands before a cue's text to tell its channel.</summary>
    protected virtual string Voice(int channel) => $"{TranscriptFormats.ChannelName(channel)}: ";

    /// <summary>Text as the format writes it, where it has markup of its own.</summary>
    protected virtual string Escape(string text) => text;

    void WriteParts(List<CuePart> cue)
    {
        CuePart[] parts = [.. cue.Select(part => part with { Text = Escape(part.Text) })];
        var voice = cue[0].Channel is { } channel ? Voice(channel) : "";
        var text = voice + string.Concat(parts.Select(part => part.Text));
        if (!options.HighlightWords)
        {
            WriteCue(parts[0].Start, parts[^1].End, text);
            return;
        }
        var last = parts[0].Start;
        for (int i = 0; i < parts.Length; i++)
        {
            // Between two words nothing is underlined.
            if (last != parts[i].Start) WriteCue(last, parts[i].Start, text);
            WriteCue(
                parts[i].Start, parts[i].End, voice + string.Concat(parts.Select((part, j) => j == i ? Underlined(part.Text) : part.Text)));
            last = parts[i].End;
        }
    }

    static string Underlined(string text)
    {
        var word = text.TrimStart();
        return $"{text[..^word.Length]}<u>{word}</u>";
    }
}

/// <summary>SubRip: numbered cues, hours always, a comma before the milliseconds.</summary>
sealed class SrtWriter(TextWriter output, TranscriptWriterOptions options) : SubtitleWriter(output, options)
{
    int _number;

    protected override void WriteCue(TimeSpan start, TimeSpan end, string text) =>
        Output.Write(
            string.Create(CultureInfo.InvariantCulture, $"{++_number}\n{Time(start, true, ',')} --> {Time(end, true, ',')}\n{text}\n\n"));
}

/// <summary>WebVTT: hours only where there are any.</summary>
sealed class VttWriter(TextWriter output, TranscriptWriterOptions options) : SubtitleWriter(output, options)
{
    bool _begun;

    public override void Complete(TranscriptionInfo info)
    {
        base.Complete(info);
        Begin();
    }

    protected override void WriteCue(TimeSpan start, TimeSpan end, string text)
    {
        Begin();
        Output.Write($"{Time(start, false, '.')} --> {Time(end, false, '.')}\n{text}\n\n");
    }

    protected override string Voice(int channel) => $"<v {TranscriptFormats.ChannelName(channel)}>";

    protected override string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    void Begin()
    {
        if (!_begun) Output.Write("WEBVTT\n\n");
        _begun = true;
    }
}
