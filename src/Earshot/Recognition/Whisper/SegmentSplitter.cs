namespace Earshot.Recognition;

/// <summary>A window's tokens cut into segments, and how far to move on.</summary>
/// <param name="Advance">Frames to the next window.</param>
/// <param name="SingleTimestampEnding">Whether the last segment ended and no other began: nothing is said after it.</param>
sealed record SplitWindow(List<SegmentDraft> Segments, int Advance, bool SingleTimestampEnding);

/// <summary>
/// Cuts where two timestamps follow each other. What begins after the last such pair is not finished and decoded again
/// with the next window, which begins there; so no speech is lost or repeated at a window's border. Follows
/// openai/whisper, <c>transcribe</c>.
/// </summary>
static class SegmentSplitter
{
    /// <summary>Frames of 10 ms in one step of timestamps.</summary>
    const int FramesPerTimestamp = 2;

    const double SecondsPerTimestamp = 0.02;

    const double SecondsPerFrame = 0.01;

    /// <param name="timeOffset">Where the window begins, in seconds.</param>
    /// <param name="frames">Frames of the window that hold audio.</param>
    public static SplitWindow Split(int[] tokens, int timestampBegin, double timeOffset, int frames)
    {
        bool singleEnding = tokens is [.., var penultimate, var final] && penultimate < timestampBegin && final >= timestampBegin;
        var segments = new List<SegmentDraft>();
        int last = 0;
        for (int i = 1; i < tokens.Length; i++)
        {
            if (tokens[i] < timestampBegin || tokens[i - 1] < timestampBegin) continue;
            segments.Add(Cut(tokens, last, i, timestampBegin, timeOffset));
            last = i;
        }
        if (segments.Count == 0) return Whole(tokens, timestampBegin, timeOffset, frames) with { SingleTimestampEnding = singleEnding };
        if (singleEnding)
        {
            segments.Add(Cut(tokens, last, tokens.Length, timestampBegin, timeOffset));
            return new SplitWindow(segments, frames, true);
        }
        return new SplitWindow(segments, (tokens[last - 1] - timestampBegin) * FramesPerTimestamp, false);
    }

    static SegmentDraft Cut(int[] tokens, int from, int to, int timestampBegin, double timeOffset) => new()
    {
        Start = timeOffset + ((tokens[from] - timestampBegin) * SecondsPerTimestamp),
        End = timeOffset + ((tokens[to - 1] - timestampBegin) * SecondsPerTimestamp),
        Range = from..to,
        Tokens = tokens[from..to],
    };

    /// <summary>Without a pair the window is one segment, up to its last timestamp if it has one.</summary>
    static SplitWindow Whole(int[] tokens, int timestampBegin, double timeOffset, int frames)
    {
        int last = Array.FindLast(tokens, token => token >= timestampBegin);
        double duration = last > timestampBegin ? (last - timestampBegin) * SecondsPerTimestamp : frames * SecondsPerFrame;
        var segment = new SegmentDraft { Start = timeOffset, End = timeOffset + duration, Range = .., Tokens = tokens };
        return new SplitWindow([segment], frames, false);
    }
}
