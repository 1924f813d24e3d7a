using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Decisions on scripted probabilities: windows of 32 ms, s speech, . silence, ~ between the two thresholds.</summary>
public sealed class EndpointerTests
{
    const int Window = 512;

    static readonly EndpointOptions s_options = new() { PrefixPadding = Ms(96), SilenceDuration = Ms(512), QuestionDelay = Ms(192) };

    [Fact]
    public void A_turn_begins_with_its_pre_roll_and_ends_after_the_usual_silence()
    {
        var events = Run(s_options, null, new string('.', 10) + new string('s', 20) + new string('.', 40));
        var started = Assert.IsType<TurnStarted>(events[0]);
        Assert.Equal((10 * Window, 7 * Window, 12 * Window), (started.SpeechStart, started.AudioStart, started.Position));
        var ended = Assert.IsType<TurnEnded>(events[1]);
        Assert.Equal(new SpeechSpan(10 * Window, 30 * Window), ended.Speech);
        Assert.Equal(new SpeechSpan(7 * Window, 46 * Window), ended.Audio);
        Assert.Equal(new EndpointDecision(EndpointReason.Silence) { Silence = Ms(512) }, ended.Why);
        Assert.Equal(2, events.Count);
    }

    [Theory]
    [InlineData("..s.....", 0)] // a click
    [InlineData("..ss....................", 1)]
    [InlineData("..ssss....~~~~ssss....................", 1)] // between the thresholds a pause goes on, and speech ends it
    [InlineData("..ssss~~~~~~~~~~~~~~~~~~~~~~~~~~ssss....................", 1)] // and there speech goes on
    [InlineData("..ssss................ssss....................", 2)]
    public void Hysteresis_is_as_the_detector_s(string script, int turns) =>
        Assert.Equal(turns, Run(s_options, null, script).Count(noticed => noticed is TurnEnded));

    [Fact]
    public void The_next_turn_never_reaches_into_the_one_before()
    {
        var events = Run(s_options with { PrefixPadding = Ms(1000) }, null, "ssss.................ssss....................");
        var ended = events.OfType<TurnEnded>().ToList();
        Assert.Equal(ended[0].Audio.End, events.OfType<TurnStarted>().Last().AudioStart);
        Assert.Equal(0, ended[0].Audio.Start);
    }

    [Fact]
    public void A_pause_is_asked_about_once_up_to_where_it_was_trimmed()
    {
        var endpointer = new Endpointer(s_options, 0.5f);
        var questions = Drain(endpointer, "....ssssssss" + "........." + "ssss" + ".........").OfType<TurnQuestion>().ToList();
        Assert.Equal(2, questions.Count);
        Assert.Equal(new SpeechSpan(1 * Window, 18 * Window), questions[0].Audio);
        Assert.Equal(new SpeechSpan(1 * Window, 31 * Window), questions[1].Audio);
        // The first one's pause is over.
        endpointer.Answer(questions[0], 0.99f);
        Assert.False(endpointer.TryTake(out _));
        endpointer.Answer(questions[1], 0.99f);
        Assert.True(endpointer.TryTake(out var ended));
        Assert.Equal(
            (EndpointReason.Complete, 0.99f), (((TurnEnded)ended).Why.Reason, ((TurnEnded)ended).Why.TurnProbability!.Value));
    }

    [Theory]
    [InlineData(0.99f, "", 200, EndpointReason.Complete)]
    [InlineData(0.7f, "", 384, EndpointReason.Complete)]
    [InlineData(0.5f, "", 512, EndpointReason.Silence)]
    [InlineData(0.4f, "", 1056, EndpointReason.LongSilence)]
    [InlineData(0.01f, "", 3200, EndpointReason.LongSilence)]
    [InlineData(0.7f, "So it is.", 224, EndpointReason.Complete)]
    [InlineData(0.7f, "So it is,", 736, EndpointReason.LongSilence)] // the text outweighs
    [InlineData(0.01f, "So it is.", 3200, EndpointReason.LongSilence)] // and here it does not
    [InlineData(null, "So it is.", 384, EndpointReason.Complete)]
    [InlineData(null, "So it is,", 1856, EndpointReason.LongSilence)]
    [InlineData(null, "So it is", 512, EndpointReason.Silence)]
    public void Evidence_shortens_or_lengthens_the_wait(float? probability, string text, int milliseconds, EndpointReason reason)
    {
        var endpointer = new Endpointer(s_options, probability is null ? null : 0.5f);
        var ended = Drain(endpointer, "ssssssss" + new string('.', 120), probability, text).OfType<TurnEnded>().Single();
        Assert.Equal(reason, ended.Why.Reason);
        Assert.Equal(probability, ended.Why.TurnProbability);
        // Decided in the window in which the wait is over.
        double waited = ended.Why.Silence.TotalMilliseconds;
        Assert.InRange(waited, milliseconds, milliseconds + 32);
    }

    [Fact]
    public void Without_an_answer_the_usual_silence_ends_a_turn()
    {
        var ended = Run(s_options, 0.5f, "ssssssss" + new string('.', 30)).OfType<TurnEnded>().Single();
        Assert.Equal((EndpointReason.Silence, null), (ended.Why.Reason, ended.Why.TurnProbability));
    }

    [Fact]
    public void Text_of_before_speech_went_on_counts_no_more()
    {
        var endpointer = new Endpointer(s_options);
        Drain(endpointer, "ssssssss....");
        endpointer.Hear("Done.");
        var ended = Drain(endpointer, "ssssssss" + new string('.', 20)).OfType<TurnEnded>().Single();
        Assert.Equal((EndpointReason.Silence, TextEnding.Unknown), (ended.Why.Reason, ended.Why.Text));
    }

    [Fact]
    public void A_language_model_s_odds_count_as_they_are()
    {
        var endpointer = new Endpointer(s_options);
        Drain(endpointer, "ssssssss.");
        endpointer.Hear(-2);
        var ended = Drain(endpointer, new string('.', 120)).OfType<TurnEnded>().Single();
        Assert.Equal((EndpointReason.LongSilence, -2.0), (ended.Why.Reason, ended.Why.Evidence));
        Assert.InRange(ended.Why.Silence.TotalSeconds, 3.2, 3.232);
    }

    [Fact]
    public void A_turn_that_is_too_long_is_cut_at_its_longest_late_pause_and_nothing_is_lost()
    {
        var script = new string('s', 40) + "....." + new string('s', 5) + "..." + new string('s', 40) + new string('.', 20);
        var events = Run(s_options with { MaxTurnDuration = Ms(32 * 70) }, null, script);
        var ended = events.OfType<TurnEnded>().ToList();
        Assert.Equal([EndpointReason.TooLong, EndpointReason.Silence], ended.Select(turn => turn.Why.Reason));
        Assert.Equal(new SpeechSpan(0, 40 * Window), ended[0].Speech);
        Assert.Equal((42 * Window) + (Window / 2), ended[0].Audio.End);
        Assert.Equal(new SpeechSpan(45 * Window, 93 * Window), ended[1].Speech);
        Assert.Equal(ended[0].Audio.End, ended[1].Audio.Start);
        // Without a pause, where it stands.
        script = new string('s', 100) + new string('.', 20);
        ended = [.. Run(s_options with { MaxTurnDuration = Ms(32 * 70) }, null, script).OfType<TurnEnded>()];
        Assert.Equal([0, 71 * Window], ended.Select(turn => (int)turn.Audio.Start));
        Assert.Equal(71 * Window, ended[0].Speech.End);
    }

    [Fact]
    public void What_is_under_way_ends_where_the_stream_does()
    {
        var endpointer = new Endpointer(s_options);
        Drain(endpointer, "....ssssssss..");
        endpointer.Flush((14 * Window) + 100);
        Assert.True(endpointer.TryTake(out var noticed));
        var ended = (TurnEnded)noticed;
        Assert.Equal((EndpointReason.Flushed, 12 * Window, (14 * Window) + 100), (ended.Why.Reason, ended.Speech.End, ended.Audio.End));
        endpointer.Flush();
        Assert.False(endpointer.TryTake(out _));
        // And sound may go on.
        Assert.Equal(1, Drain(endpointer, "ssss" + new string('.', 20)).Count(later => later is TurnEnded));
    }

    [Fact]
    public void Random_streams_keep_order_and_cover_all_speech()
    {
        var random = new Random(5);
        for (int round = 0; round < 300; round++)
        {
            var options = s_options with { MaxTurnDuration = round % 3 == 0 ? Ms(1500) : null, PrefixPadding = Ms(random.Next(600)) };
            var endpointer = new Endpointer(options, round % 2 == 0 ? 0.5f : null);
            var heard = new List<EndpointEvent>();
            for (int stretch = 0; stretch < 12; stretch++)
            {
                var script = new string(".s~"[random.Next(3)], random.Next(1, 40));
                heard.AddRange(Drain(endpointer, script, random.Next(3) == 0 ? null : random.NextSingle()));
                if (random.Next(8) == 0) endpointer.Flush();
            }
            endpointer.Flush();
            heard.AddRange(Drain(endpointer, ""));
            CheckOrder(heard);
        }
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        Assert.Contains("Threshold", Fails(new EndpointOptions { Threshold = 0 }), StringComparison.Ordinal);
        Assert.Contains("SilenceDuration", Fails(new EndpointOptions { SilenceDuration = Ms(100) }), StringComparison.Ordinal);
        Assert.Contains("IncompleteSilence", Fails(new EndpointOptions { IncompleteSilenceDuration = Ms(300) }), StringComparison.Ordinal);
        Assert.Contains("Certainty", Fails(new EndpointOptions { Certainty = double.NaN }), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(8), EndpointOptions.ForEagerness("low").IncompleteSilenceDuration);
        Assert.Contains(
            "eagerness 'x'", Assert.Throws<ArgumentException>(() => EndpointOptions.ForEagerness("x")).Message, StringComparison.Ordinal);

        static string Fails(EndpointOptions options) => Assert.Throws<ArgumentException>(() => new Endpointer(options)).Message;
    }

    static void CheckOrder(List<EndpointEvent> events)
    {
        long before = 0;
        TurnStarted? open = null;
        foreach (var noticed in events)
        {
            if (noticed is TurnStarted started)
            {
                Assert.Null(open);
                Assert.InRange(started.AudioStart, before, started.SpeechStart);
                open = started;
            }
            else if (noticed is TurnEnded ended)
            {
                Assert.NotNull(open);
                Assert.Equal((open.SpeechStart, open.AudioStart), (ended.Speech.Start, ended.Audio.Start));
                Assert.InRange(ended.Speech.End, ended.Speech.Start, ended.Audio.End);
                (before, open) = (ended.Audio.End, null);
            }
        }
        Assert.Null(open);
    }

    static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    static List<EndpointEvent> Run(EndpointOptions options, float? threshold, string script) =>
        Drain(new Endpointer(options, threshold), script);

    /// <summary>Feeds a script, answers questions where there is an answer, and tells the text with the first silence.</summary>
    static List<EndpointEvent> Drain(Endpointer endpointer, string script, float? answer = null, string? text = null)
    {
        var events = new List<EndpointEvent>();
        Take();
        foreach (char window in script)
        {
            endpointer.Add(window switch { 's' => 0.9f, '~' => 0.42f, _ => 0.05f });
            if (text is not null && window == '.') endpointer.Hear(text, "en");
            Take();
        }
        return events;

        void Take()
        {
            while (endpointer.TryTake(out var noticed))
            {
                events.Add(noticed);
                if (noticed is TurnQuestion question && answer is { } probability) endpointer.Answer(question, probability);
            }
        }
    }
}
