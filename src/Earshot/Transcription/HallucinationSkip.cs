using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Words that look made up (unlikely, too short, too long) beside silence: the silence is skipped and they are dropped.
/// Follows openai/whisper's <c>hallucination_silence_threshold</c>.
/// </summary>
sealed class HallucinationSkip(double threshold)
{
    const string Punctuation = "\"'“¿([{-\"'.。,，!！?？:：”)]}、";
    const double FramesPerSecond = 100;

    /// <summary>How much a word looks made up.</summary>
    internal static double Score(WordDraft word)
    {
        double score = word.Probability < 0.15 ? 1 : 0;
        if (word.Duration < 0.133) score += (0.133 - word.Duration) * 15;
        if (word.Duration > 2) score += word.Duration - 2;
        return score;
    }

    /// <summary>Whether the first eight words of a segment look made up together.</summary>
    internal static bool IsAnomalous(SegmentDraft? segment)
    {
        if (segment is null || segment.Words.Count == 0) return false;
        var words = segment.Words.Where(word => !Punctuation.Contains(word.Text, StringComparison.Ordinal)).Take(8).ToArray();
        double score = words.Sum(Score);
        return score >= 3 || score + 0.01 >= words.Length;
    }

    /// <summary>
    /// Where to go on when the first words look made up and silence precedes them: at the end of that silence; null to keep
    /// the window.
    /// </summary>
    public long? SkipLeadingSilence(IReadOnlyList<SegmentDraft> segments, WindowPlace window)
    {
        var first = segments.FirstOrDefault(segment => segment.Words.Count > 0);
        if (first is null || !IsAnomalous(first)) return null;
        double gap = first.Start - window.StartTime;
        return gap > threshold ? window.Seek + (long)Math.Round(gap * FramesPerSecond) : null;
    }

    /// <summary>
    /// Drops segments from the first on that looks made up and has silence, or more of its kind, on both sides. Returns
    /// where to go on then; null where nothing was dropped.
    /// </summary>
    /// <param name="contentFrames">The recording's length, as far as it is known.</param>
    public long? DropSurroundedBySilence(List<SegmentDraft> segments, WindowPlace window, double lastSpeech, long? contentFrames)
    {
        for (int i = 0; i < segments.Count; i++)
        {
            var segment = segments[i];
            if (segment.Words.Count == 0) continue;
            if (IsAnomalous(segment) && HasSilenceAround(segments, i, window, lastSpeech))
            {
                segments.RemoveRange(i, segments.Count - i);
                if (contentFrames is { } content && (content / FramesPerSecond) - segment.End < threshold) return content;
                return (long)Math.Round(Math.Max(window.StartTime + 1, segment.Start) * FramesPerSecond);
            }
            lastSpeech = segment.End;
        }
        return null;
    }

    bool HasSilenceAround(List<SegmentDraft> segments, int index, WindowPlace window, double lastSpeech)
    {
        var segment = segments[index];
        var following = segments.Skip(index + 1).FirstOrDefault(next => next.Words.Count > 0);
        double nextStart = following?.Words[0].Start ?? window.EndTime;
        bool before = segment.Start - lastSpeech > threshold || segment.Start < threshold || segment.Start - window.StartTime < 2;
        bool after = nextStart - segment.End > threshold || IsAnomalous(following) || window.FullEndTime - segment.End < 2;
        return before && after;
    }
}

/// <summary>Where a window lies in the recording, in frames of 10 ms.</summary>
/// <param name="Seek">Where it begins.</param>
/// <param name="Frames">How much of it is audio.</param>
/// <param name="FullFrames">How long a full window is.</param>
readonly record struct WindowPlace(long Seek, int Frames, int FullFrames)
{
    public double StartTime => Seek / 100.0;

    public double EndTime => (Seek + Frames) / 100.0;

    public double FullEndTime => (Seek + FullFrames) / 100.0;
}
