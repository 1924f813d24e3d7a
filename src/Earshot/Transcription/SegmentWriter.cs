using Earshot.Decoding;
using Earshot.Recognition;
using Earshot.Tokenizers;

namespace Earshot.Transcription;

/// <summary>Numbers segments and puts them into their final form, where asked for on another time line.</summary>
sealed class SegmentWriter(Tokenizer tokenizer, bool words, int next = 0)
{
    int _next = next;

    /// <summary>Segments written so far.</summary>
    public int Count => _next;

    /// <summary>Whether a segment says anything.</summary>
    public bool IsEmpty(SegmentDraft segment) =>
        segment.Start == segment.End || string.IsNullOrWhiteSpace(tokenizer.Decode(segment.Tokens));

    /// <param name="timeline">Brings times back to the recording's; null where they are the recording's.</param>
    public Segment Write(SegmentDraft draft, DecodingResult result, double seek, SpeechTimeline? timeline = null)
    {
        var (start, end) = (draft.Start, draft.End);
        // Samples are finer than milliseconds: rounding must not lead beyond the end.
        var last = timeline is null ? TimeSpan.MaxValue : Time(AudioEnd.FloorToMilliseconds(timeline.RecordingEnd));
        var restored = new List<Word>(draft.Words.Count);
        foreach (var word in draft.Words)
        {
            var (wordStart, wordEnd) = timeline?.RestoreWord(word.Start, word.End) ?? (word.Start, word.End);
            restored.Add(new Word(word.Text, Time(wordStart), Earlier(Time(wordEnd), last), word.Probability));
        }
        if (timeline is not null) (start, end) = timeline.RestoreSegment(start, end);
        var (offset, length) = draft.Range.GetOffsetAndLength(result.Tokens.Count);
        return new Segment
        {
            Id = _next++,
            Seek = Time(timeline?.Restore(seek) ?? seek),
            Start = restored.Count > 0 && timeline is not null ? restored[0].Start : Time(start),
            End = restored.Count > 0 && timeline is not null ? restored[^1].End : Earlier(Time(end), last),
            Text = tokenizer.Decode(draft.Tokens),
            Tokens = draft.Tokens,
            TokenLogprobs = [.. result.TokenLogprobs.Skip(offset).Take(length)],
            Words = words ? restored : null,
            Temperature = result.Temperature,
            AvgLogprob = result.AvgLogprob,
            CompressionRatio = result.CompressionRatio,
            NoSpeechProb = result.NoSpeechProb,
            Language = result.Language,
        };
    }

    static TimeSpan Earlier(TimeSpan a, TimeSpan b) => a < b ? a : b;

    static TimeSpan Time(double seconds) => TimeSpan.FromMilliseconds((long)Math.Round(seconds * 1000));
}
