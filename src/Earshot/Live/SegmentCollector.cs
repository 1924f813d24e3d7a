using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>Gathers final words into segments: up to a sentence's end, a pause, ten seconds, or the end of the turn.</summary>
sealed class SegmentCollector
{
    const double LongestSegment = 10, Pause = 1;

    readonly List<HeardWord> _words = [];
    int _next;

    /// <summary>Adds a word, and gives the segments that end before it and with it.</summary>
    public IEnumerable<Segment> Add(HeardWord word, string? language)
    {
        if (_words.Count > 0 && (word.Start - _words[^1].End >= Pause || word.End - _words[0].Start > LongestSegment))
            yield return Close(language)!;
        _words.Add(word);
        if (EndsSentence(word.Text)) yield return Close(language)!;
    }

    /// <summary>What is left.</summary>
    public Segment? Close(string? language)
    {
        if (_words.Count == 0) return null;
        var segment = new Segment
        {
            Id = _next++,
            Seek = TimeSpan.FromSeconds(_words[0].Start),
            Start = TimeSpan.FromSeconds(_words[0].Start),
            End = TimeSpan.FromSeconds(_words[^1].End),
            Text = string.Concat(_words.Select(word => word.Text)),
            Tokens = [.. _words.SelectMany(word => word.Tokens)],
            Words = [.. _words.Select(ToWord)],
            Language = language,
        };
        _words.Clear();
        return segment;
    }

    public static Word ToWord(HeardWord word) =>
        new(word.Text, TimeSpan.FromSeconds(word.Start), TimeSpan.FromSeconds(word.End), word.Probability);

    static bool EndsSentence(string text) => text.TrimEnd() is [.., '.' or '?' or '!' or '。' or '？' or '！' or '؟'];
}
