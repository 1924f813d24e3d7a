namespace Earshot.Transcription;

/// <summary>
/// Brings times on the line of speech alone, silence left out, back to the recording's. Follows faster-whisper's
/// <c>SpeechTimestampsMap</c>.
/// </summary>
sealed class SpeechTimeline
{
    const double SampleRate = 16_000;

    // For each stretch: where it ends among speech alone, and how much silence was left out before it.
    readonly List<(long End, long SilenceBefore)> _stretches = [];

    /// <summary>Samples of speech.</summary>
    public long Length => _stretches.Count > 0 ? _stretches[^1].End : 0;

    /// <summary>Where the last stretch ends in the recording, in seconds.</summary>
    public double RecordingEnd => _stretches.Count > 0 ? (_stretches[^1].End + _stretches[^1].SilenceBefore) / SampleRate : 0;

    public void Add(SpeechSpan span) => _stretches.Add((Length + span.Length, span.Start - Length));

    /// <summary>The time in the recording; at the border of two stretches that of the later one.</summary>
    public double Restore(double seconds) => Restore(seconds, IndexAt(seconds));

    /// <summary>
    /// The times of a segment. Timestamps are no finer than 0.02 s: one that misses the border of two stretches by two
    /// steps still means the border, on the side where the segment lies.
    /// </summary>
    public (double Start, double End) RestoreSegment(double start, double end)
    {
        double slack = Math.Clamp((end - start) / 2, 0, 0.04);
        return (Restore(start, IndexAt(start + slack)), Restore(end, IndexAt(end - slack)));
    }

    /// <summary>The times of a word, which lies within one stretch: the one that holds its middle.</summary>
    public (double Start, double End) RestoreWord(double start, double end)
    {
        int index = IndexAt((start + end) / 2);
        return (Restore(start, index), Restore(end, index));
    }

    /// <summary>The time as one of a stretch, which it cannot leave.</summary>
    double Restore(double seconds, int index)
    {
        if (index < 0) return seconds;
        double first = index > 0 ? _stretches[index - 1].End / SampleRate : 0, last = _stretches[index].End / SampleRate;
        return (_stretches[index].SilenceBefore / SampleRate) + Math.Clamp(seconds, first, last);
    }

    int IndexAt(double seconds)
    {
        long sample = (long)Math.Round(seconds * SampleRate);
        int low = 0, high = _stretches.Count - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_stretches[middle].End > sample) high = middle;
            else low = middle + 1;
        }
        return high;
    }
}
