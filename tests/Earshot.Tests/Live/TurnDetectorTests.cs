using Earshot.Live;

namespace Earshot.Tests.Live;

public class TurnDetectorTests
{
    const int Window = 512;

    // Windows of 32 ms: speech after two, an early look after three, the end after six.
    static readonly TurnOptions s_options = new()
    {
        MinSpeech = TimeSpan.FromMilliseconds(64),
        EarlyLook = TimeSpan.FromMilliseconds(96),
        Hangover = TimeSpan.FromMilliseconds(192),
    };

    [Fact]
    public void Speech_starts_once_it_is_long_enough_and_stops_after_the_hangover() => Assert.Equal(
        ["3 Started 1", "7 Paused 4", "10 Stopped 4"], Changes(".###......."));

    [Fact]
    public void A_short_sound_is_no_speech() => Assert.Empty(Changes("..#....#...."));

    [Fact]
    public void Between_the_thresholds_speech_goes_on_and_does_not_begin()
    {
        Assert.Empty(Changes("------"));
        Assert.Equal(["2 Started 0", "9 Paused 6", "12 Stopped 6"], Changes("##----......"));
    }

    [Fact]
    public void Speech_after_an_early_look_resumes() => Assert.Equal(
        ["2 Started 0", "6 Paused 3", "7 Resumed 7", "10 Paused 7", "13 Stopped 7"], Changes("###...#......"));

    [Fact]
    public void Another_wait_may_be_set_in_the_pause()
    {
        var turns = new TurnDetector(s_options, Window);
        foreach (char c in "####...") turns.Add(Probability(c));
        turns.Wait = 9 * Window;
        for (int i = 0; i < 5; i++) Assert.Equal(TurnChange.None, turns.Add(0));
        Assert.Equal(TurnChange.Stopped, turns.Add(0));
    }

    [Fact]
    public void A_cut_is_in_the_middle_of_the_longest_pause()
    {
        var turns = new TurnDetector(s_options with { Hangover = TimeSpan.FromSeconds(1), EarlyLook = TimeSpan.FromSeconds(1) }, Window);
        foreach (char c in "####......####....####") turns.Add(Probability(c));
        Assert.Equal(7 * Window, turns.CutPlace(0));
        Assert.Null(turns.CutPlace(5 * Window));
    }

    static float Probability(char c) => c switch { '#' => 0.9f, '-' => 0.4f, _ => 0.1f };

    static List<string> Changes(string text)
    {
        var turns = new TurnDetector(s_options, Window);
        var changes = new List<string>();
        foreach (char c in text)
        {
            var change = turns.Add(Probability(c));
            if (change == TurnChange.None) continue;
            long place = change switch { TurnChange.Started => turns.Start, _ => turns.SpeechEnd };
            changes.Add($"{turns.Position / Window} {change} {place / Window}");
            if (change == TurnChange.Stopped) turns.Stop();
        }
        return changes;
    }
}
