using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Keeps segments and words within the audio there is. The model's last timestamps may lie in the silence that fills its window up, and
/// rules for words may lengthen the last one beyond the end.
/// </summary>
static class AudioEnd
{
    const double LeastLength = 0.02;

    /// <summary>Moves what ends too late; order and a length above zero are kept, where needed at the cost of what lies before.</summary>
    /// <param name="segments">The segments of a window, in order.</param>
    /// <param name="start">Where the window begins, in seconds.</param>
    /// <param name="end">Where the audio ends.</param>
    public static void Clamp(IReadOnlyList<SegmentDraft> segments, double start, double end)
    {
        // Times are written in milliseconds: rounding must not bring back what was cut off.
        end = FloorToMilliseconds(end);
        int items = segments.Sum(segment => Math.Max(1, segment.Words.Count));
        double least = Math.Min(LeastLength, Math.Max(0, end - start) / Math.Max(1, items));
        for (int i = segments.Count - 1; i >= 0; i--)
        {
            var segment = segments[i];
            if (segment.End <= end && segment.Words.TrueForAll(word => word.End <= end)) return;
            double limit = end;
            for (int w = segment.Words.Count - 1; w >= 0 && segment.Words[w].End > limit; w--)
            {
                var word = segment.Words[w];
                (word.Start, word.End) = Within(word.Start, word.End, limit, least);
                limit = word.Start;
            }
            (segment.Start, segment.End) = Within(segment.Start, segment.End, end, least);
            if (segment.Words.Count > 0) segment.Start = Math.Min(segment.Start, segment.Words[0].Start);
            end = Math.Min(end, segment.Start);
        }
    }

    public static double FloorToMilliseconds(double seconds) => Math.Floor((seconds * 1000) + 1e-6) / 1000;

    static (double Start, double End) Within(double start, double end, double limit, double least)
    {
        end = Math.Min(end, limit);
        return (Math.Min(start, end - least), end);
    }
}
