using Earshot.Decoding;
using Earshot.Transcription;
using FsCheck;
using FsCheck.Fluent;

namespace Earshot.Tests.Transcription;

public class SpeechSegmenterTests
{
    const int Window = 512;

    static readonly VadOptions s_plain = new() { SpeechPad = TimeSpan.Zero, MinSilenceDuration = Milliseconds(96) };

    [Fact]
    public void Speech_begins_at_the_threshold_and_ends_with_a_long_enough_silence()
    {
        // 96 ms are three windows: the third quiet one after the first ends it.
        var spans = Segment(s_plain, "..####-#....##");
        Assert.Equal([new(2 * Window, 8 * Window), new(12 * Window, 14 * Window)], spans);
    }

    [Fact]
    public void Between_the_thresholds_speech_goes_on() => Assert.Equal([new(0, 10 * Window)], Segment(s_plain, "##--------"));

    [Fact]
    public void Short_sounds_are_no_speech()
    {
        var options = s_plain with { MinSpeechDuration = Milliseconds(100) };
        Assert.Equal([new(12 * Window, 17 * Window)], Segment(options, "##..........#####......"));
    }

    [Fact]
    public void Padding_is_shared_where_silence_is_short()
    {
        var options = s_plain with { SpeechPad = Milliseconds(96) }; // 1,536 samples, three windows
        Assert.Equal([new(0, 4 * Window), new(4 * Window, 10 * Window), new(10 * Window, 13 * Window)], Segment(options, "##....##....#"));
        Assert.Equal([new(0, 5 * Window), new(9 * Window, 14 * Window)], Segment(options, "##..........##"));
    }

    [Fact]
    public void Long_speech_is_cut_at_its_longest_pause()
    {
        var options = s_plain with { MaxSpeechDuration = Milliseconds(32 * 31), MinSilenceDuration = TimeSpan.FromSeconds(2) };
        var text = "########......########.....######################";
        // It is too long 31 windows after its start: the pause of six is longer than that of five, and both are forgotten then.
        Assert.Equal([new(0, 8 * Window), new(14 * Window, 45 * Window), new(46 * Window, 49 * Window)], Segment(options, text));
        Assert.Equal([new(0, 22 * Window), new(27 * Window, 49 * Window)], Segment(options with { CutAtLongestSilence = false }, text));
    }

    [Fact]
    public void Long_speech_without_a_pause_is_cut_at_the_limit()
    {
        var options = s_plain with { MaxSpeechDuration = Milliseconds(320) };
        var spans = Segment(options, new string('#', 40));
        Assert.Equal(new SpeechSpan(0, 10 * Window), spans[0]);
        // The window at which it is cut begins nothing.
        Assert.Equal(11 * Window, spans[1].Start);
    }

    [Fact]
    public void Streams_give_what_the_whole_recording_gives() => Prop.ForAll(ArbMap.Default.GeneratorFor<ulong>().ToArbitrary(), seed =>
    {
        var random = new SeededRandom(seed);
        var options = new VadOptions
        {
            MinSpeechDuration = Milliseconds(random.NextDouble() < 0.5 ? 0 : 250),
            MinSilenceDuration = Milliseconds(random.NextDouble() < 0.5 ? 100 : 2000),
            SpeechPad = Milliseconds(random.NextDouble() < 0.5 ? 30 : 400),
            MaxSpeechDuration = random.NextDouble() < 0.5 ? null : TimeSpan.FromSeconds(4),
            CutAtLongestSilence = random.NextDouble() < 0.5,
        };
        var probabilities = new float[600];
        double level = 0.5;
        for (int i = 0; i < probabilities.Length; i++)
        {
            if (random.NextDouble() < 0.1) level = random.NextDouble();
            probabilities[i] = (float)Math.Clamp(level + ((random.NextDouble() - 0.5) * 0.4), 0, 1);
        }
        long total = (600 * Window) - (long)(random.NextDouble() * Window);
        Assert.Equal(WholeRecordingSegmenter.Run(probabilities, options, total), Segment(options, probabilities, total));
    }).QuickCheckThrowOnFailure();

    static List<SpeechSpan> Segment(VadOptions options, string pattern) =>
        Segment(options, [.. pattern.Select(c => c switch { '#' => 0.9f, '-' => 0.4f, _ => 0.1f })], pattern.Length * Window);

    static List<SpeechSpan> Segment(VadOptions options, float[] probabilities, long total)
    {
        var segmenter = new SpeechSegmenter(options);
        var spans = new List<SpeechSpan>();
        foreach (float probability in probabilities)
        {
            long unneeded = segmenter.Unneeded;
            segmenter.Add(probability);
            Assert.True(segmenter.Unneeded >= unneeded, $"{segmenter.Unneeded} {unneeded}");
            while (segmenter.TryTake(out var span))
            {
                // Nothing is asked for that may have been forgotten.
                Assert.True(span.Start >= unneeded, $"{span} {unneeded}");
                spans.Add(span);
            }
        }
        segmenter.Finish(total);
        while (segmenter.TryTake(out var span)) spans.Add(span);
        return spans;
    }

    static TimeSpan Milliseconds(double milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
