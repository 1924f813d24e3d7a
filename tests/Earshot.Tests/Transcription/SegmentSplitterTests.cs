using Earshot.Recognition;

namespace Earshot.Tests.Transcription;

public class SegmentSplitterTests
{
    const int Begin = 1000;

    [Fact]
    public void Segments_end_where_two_timestamps_meet_and_the_unfinished_one_is_left()
    {
        var split = Split([Begin, 1, 2, Begin + 100, Begin + 110, 3, Begin + 200, Begin + 210, 4, 5], frames: 3000);
        Assert.Equal([(10, 12.0), (12.2, 14)], split.Segments.Select(s => (Math.Round(s.Start, 6), Math.Round(s.End, 6))));
        Assert.Equal([[Begin, 1, 2, Begin + 100], [Begin + 110, 3, Begin + 200]], split.Segments.Select(s => s.Tokens));
        Assert.Equal((400, false), (split.Advance, split.SingleTimestampEnding));
    }

    [Fact]
    public void A_single_timestamp_at_the_end_says_that_silence_follows()
    {
        var split = Split([Begin, 1, Begin + 100, Begin + 110, 3, Begin + 200], frames: 2500);
        Assert.Equal(2, split.Segments.Count);
        Assert.Equal((2500, true), (split.Advance, split.SingleTimestampEnding));
    }

    [Fact]
    public void Without_a_pair_the_window_is_one_segment_up_to_its_last_timestamp()
    {
        var split = Split([Begin + 10, 1, 2, Begin + 300], frames: 3000);
        var segment = Assert.Single(split.Segments);
        Assert.Equal((10, 16, 3000, true), (segment.Start, segment.End, split.Advance, split.SingleTimestampEnding));
    }

    [Theory]
    [InlineData(new int[] { 1, 2 })]
    [InlineData(new int[] { Begin, 1, 2 })]
    public void Without_a_later_timestamp_it_lasts_as_long_as_the_window(int[] tokens)
    {
        var split = Split(tokens, frames: 1234);
        var segment = Assert.Single(split.Segments);
        Assert.Equal((10, 22.34, 1234, false), (segment.Start, Math.Round(segment.End, 6), split.Advance, split.SingleTimestampEnding));
    }

    [Fact]
    public void No_tokens_make_an_empty_segment()
    {
        Assert.Empty(Assert.Single(Split([], frames: 3000).Segments).Tokens);
        Assert.False(Split([Begin], frames: 3000).SingleTimestampEnding);
    }

    static SplitWindow Split(int[] tokens, int frames) => SegmentSplitter.Split(tokens, Begin, 10, frames);
}
