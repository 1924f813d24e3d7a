namespace Earshot.Recognition;

/// <summary>A segment in the making: seconds, which word times and silence rules still move.</summary>
public sealed class SegmentDraft
{
    public required double Start { get; set; }

    public required double End { get; set; }

    /// <summary>Where its tokens lie among the window's.</summary>
    public required Range Range { get; init; }

    /// <summary>Text and timestamp tokens.</summary>
    public required int[] Tokens { get; init; }

    public List<WordDraft> Words { get; } = [];

    /// <summary>The start of the first word of some segments, or of the first segment.</summary>
    public static double? StartOf(IReadOnlyList<SegmentDraft> segments) =>
        segments.SelectMany(s => s.Words).FirstOrDefault()?.Start ?? (segments.Count > 0 ? segments[0].Start : null);

    /// <summary>The end of the last word of some segments, or of the last segment.</summary>
    public static double? EndOf(IReadOnlyList<SegmentDraft> segments) =>
        segments.SelectMany(s => s.Words).LastOrDefault()?.End ?? (segments.Count > 0 ? segments[^1].End : null);
}

/// <summary>A word in the making.</summary>
public sealed class WordDraft
{
    public required string Text { get; set; }

    public required int TokenCount { get; set; }

    public required double Start { get; set; }

    public required double End { get; set; }

    public required float Probability { get; init; }

    public double Duration => End - Start;
}
