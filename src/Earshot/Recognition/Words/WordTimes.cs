namespace Earshot.Recognition;

/// <summary>
/// Makes raw alignments into words of segments: punctuation joins its word, words that are too long at pauses are
/// shortened, and segments begin and end with their words. Follows openai/whisper, <c>add_word_timestamps</c>.
/// </summary>
static class WordTimes
{
    const string SentenceEnds = ".。!！?？";

    /// <summary>Gives the aligned words to the segments whose tokens spell them.</summary>
    public static void Assign(List<WordDraft> words, List<SegmentDraft> segments, WordTimesOptions options)
    {
        double median = MedianDuration(words);
        double longest = 2 * median;
        if (median > 0) ShortenAtSentenceEnds(words, longest);
        MergePunctuation(words, options.PrependPunctuations, options.AppendPunctuations);

        double lastSpeech = options.LastSpeech;
        int next = 0;
        foreach (var segment in segments)
        {
            int textTokens = segment.Tokens.Count(token => token < options.EndOfText);
            for (int saved = 0; next < words.Count && saved < textTokens; next++)
            {
                saved += words[next].TokenCount;
                if (words[next].Text.Length == 0) continue;
                words[next].Start = Math.Round(options.TimeOffset + words[next].Start, 2);
                words[next].End = Math.Round(options.TimeOffset + words[next].End, 2);
                segment.Words.Add(words[next]);
            }
            if (segment.Words.Count == 0) continue;
            ShortenAfterPause(segment.Words, lastSpeech, median);
            MeetSegment(segment, median);
            lastSpeech = segment.End;
        }
    }

    /// <summary>The median of all words that last at all, at most 0.7 s.</summary>
    static double MedianDuration(List<WordDraft> words)
    {
        var durations = words.Select(word => word.Duration).Where(duration => duration != 0).Order().ToArray();
        if (durations.Length == 0) return 0;
        int middle = durations.Length / 2;
        double median = durations.Length % 2 == 1 ? durations[middle] : (durations[middle - 1] + durations[middle]) / 2;
        return Math.Min(0.7, median);
    }

    static void ShortenAtSentenceEnds(List<WordDraft> words, double longest)
    {
        for (int i = 1; i < words.Count; i++)
        {
            if (words[i].Duration <= longest) continue;
            if (IsPartOf(SentenceEnds, words[i].Text)) words[i].End = words[i].Start + longest;
            else if (IsPartOf(SentenceEnds, words[i - 1].Text)) words[i].Start = words[i].End - longest;
        }
    }

    internal static void MergePunctuation(List<WordDraft> words, string prepended, string appended)
    {
        for (int i = words.Count - 2, following = words.Count - 1; i >= 0; i--)
        {
            if (words[i].Text.StartsWith(' ') && IsPartOf(prepended, words[i].Text.Trim()))
                Move(words[i], words[following], words[i].Text + words[following].Text);
            else
                following = i;
        }
        for (int i = 1, previous = 0; i < words.Count; i++)
        {
            if (!words[previous].Text.EndsWith(' ') && IsPartOf(appended, words[i].Text))
                Move(words[i], words[previous], words[previous].Text + words[i].Text);
            else
                previous = i;
        }
    }

    /// <summary>Leaves an empty word behind, which holds its place and is no word.</summary>
    static void Move(WordDraft from, WordDraft to, string text)
    {
        to.Text = text;
        to.TokenCount += from.TokenCount;
        from.Text = "";
        from.TokenCount = 0;
    }

    /// <summary>The first two words after a pause are no longer than twice the median.</summary>
    static void ShortenAfterPause(List<WordDraft> words, double lastSpeech, double median)
    {
        double longest = 2 * median;
        var first = words[0];
        var second = words.Count > 1 ? words[1] : null;
        bool tooLong = first.Duration > longest || second?.End - first.Start > 2 * longest;
        if (first.End - lastSpeech <= 4 * median || !tooLong) return;
        if (second?.Duration > longest)
        {
            double boundary = Math.Max(second.End / 2, second.End - longest);
            first.End = second.Start = boundary;
        }
        first.Start = Math.Max(0, first.End - longest);
    }

    /// <summary>
    /// A segment begins and ends with its words, unless one of these is too long: then the segment's own time is the better one.
    /// </summary>
    static void MeetSegment(SegmentDraft segment, double median)
    {
        var first = segment.Words[0];
        if (segment.Start < first.End && segment.Start - 0.5 > first.Start)
            first.Start = Math.Max(0, Math.Min(first.End - median, segment.Start));
        else
            segment.Start = first.Start;

        var last = segment.Words[^1];
        if (segment.End > last.Start && segment.End + 0.5 < last.End)
            last.End = Math.Max(last.Start + median, segment.End);
        else
            segment.End = last.End;
    }

    static bool IsPartOf(string characters, string text) => characters.Contains(text, StringComparison.Ordinal);
}

/// <summary>Where a window lies, and what joins its words.</summary>
sealed record WordTimesOptions(double TimeOffset, double LastSpeech, int EndOfText, string PrependPunctuations, string AppendPunctuations);
