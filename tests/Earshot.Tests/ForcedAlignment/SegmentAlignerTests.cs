using Earshot.ForcedAlignment;
using Earshot.Tests.Recognition;
using Earshot.Transcription;

namespace Earshot.Tests.ForcedAlignment;

public sealed class SegmentAlignerTests
{
    [Fact]
    public async Task Words_get_the_times_that_the_model_hears_and_never_overlap()
    {
        var script = ScriptedLetters.Random(4, 4000);
        using var runtime = script.Open();
        using var aligner = new Aligner(runtime.Recognizer);
        var segments = new SegmentAligner(aligner, new MemorySamples(script.Samples(200)));
        var random = new Random(1);
        var (said, last) = (script.Words.ToList(), TimeSpan.Zero);
        for (int first = 0, count; first < said.Count; first += count)
        {
            count = Math.Min(said.Count - first, random.Next(3, 9));
            var words = said.GetRange(first, count);
            // Times as bad as attention's: a third of a second off.
            TimeSpan Off(int position) => TimeSpan.FromSeconds(Math.Max(0, (position * 0.02) + ((random.NextDouble() - 0.5) * 0.6)));
            var segment = new Segment
            {
                Start = Off(words[0].Start),
                End = Off(words[^1].End),
                Text = string.Concat(words.Select(word => " " + word.Text)),
                Words = first % 2 == 0 ? null : [.. words.Select(word => new Word(" " + word.Text, default, default, 0.5f))],
            };
            var aligned = await segments.AlignAsync(segment);
            Assert.Equal(segment.Text, string.Concat(aligned.Words!.Select(word => word.Text)));
            Assert.True(aligned.Start >= last);
            last = aligned.End;
            foreach (var (word, place) in aligned.Words!.Zip(words))
            {
                Assert.Equal(place.Start * 0.02, word.Start.TotalSeconds, 0.021);
                Assert.Equal(place.End * 0.02, word.End.TotalSeconds, 0.021);
            }
        }
        Assert.Equal(0, segments.Kept);
    }

    [Fact]
    public async Task What_is_not_heard_or_not_spelled_keeps_its_times()
    {
        var script = new ScriptedLetters().Say("ASK").Say("NOT").Pause(100).Say("WHAT").Pause(80);
        using var runtime = script.Open();
        using var aligner = new Aligner(runtime.Recognizer);
        var segments = new SegmentAligner(aligner, new MemorySamples(script.Samples()));
        Segment At(double start, double end, string text) =>
            new() { Start = TimeSpan.FromSeconds(start), End = TimeSpan.FromSeconds(end), Text = text };
        var first = await segments.AlignAsync(At(0, 0.6, " ask not"));
        var dots = await segments.AlignAsync(At(0.3, 1.2, " . ."));
        var foreign = await segments.AlignAsync(At(1.3, 2, " 日本"));
        var other = await segments.AlignAsync(At(2.2, 3, " zebra quagga"));
        Assert.Equal((first.End, TimeSpan.FromSeconds(1.2)), (dots.Start, dots.End));
        Assert.Equal((1.3, 2.0), (foreign.Start.TotalSeconds, foreign.End.TotalSeconds));
        Assert.Equal((2.2, 3.0), (other.Start.TotalSeconds, other.End.TotalSeconds));
        Assert.Equal((3, ""), (segments.Kept, (await segments.AlignAsync(At(4, 5, ""))).Text));
    }
}
