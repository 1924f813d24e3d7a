using Earshot.Live;

namespace Earshot.Tests.Live;

public class LiveTranscriberTests
{
    static readonly ScriptedSpeech s_speech = ScriptedSpeech.Of(40, (1, 10), (6, 30), (17, 3), (20, 45));

    public static TheoryData<LivePolicy> Policies =>
    [
        new LocalAgreement { Step = TimeSpan.FromSeconds(0.5) }, new LocalAgreement(), new AlignAtt(), new SpeechTurns(),
        new SpeechTurns { LooksEarly = true }, new SlidingWindow(),
    ];

    // Sound comes faster than it was said, which is no lag.
    static LiveOptions Options(LivePolicy policy) => new() { Policy = policy, Paces = [] };

    [Theory, MemberData(nameof(Policies))]
    public async Task Finals_are_what_was_said(LivePolicy policy)
    {
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples, 320);
        Assert.Equal(s_speech.Text, run.Text);
        var words = run.Words.ToList();
        Assert.All(words.Zip(s_speech.Words), pair => Assert.Equal(pair.Second.Start, pair.First.Start.TotalSeconds, 0.1));
        Assert.All(words, word => Assert.True(word.End > word.Start));
        Assert.All(words.Zip(words.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
    }

    [Theory, MemberData(nameof(Policies))]
    public async Task The_size_of_pieces_changes_nothing(LivePolicy policy)
    {
        var first = await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples, 320);
        foreach (int piece in new[] { 15_952, 160_000, 7 * 16_000 })
            Assert.Equal(first.Described, (await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples, piece)).Described);
    }

    [Theory, MemberData(nameof(Policies))]
    public async Task Segments_hold_every_final_word_once(LivePolicy policy)
    {
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples, 1600);
        var segments = run.Events.OfType<LiveSegment>().Select(segment => segment.Segment).ToList();
        Assert.Equal(run.Text, string.Concat(segments.Select(segment => segment.Text)));
        Assert.Equal(Enumerable.Range(0, segments.Count), segments.Select(segment => segment.Id));
        // Four sentences, the last of which is longer than a segment may be.
        Assert.Equal(5, segments.Count);
    }

    [Fact]
    public async Task Words_come_soon_after_they_are_said()
    {
        var policy = new AlignAtt();
        // A step, the threshold, and a window of the detector's.
        var most = policy.Step + policy.Threshold + TimeSpan.FromSeconds(0.1);
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(policy with { LeastSound = TimeSpan.Zero }), s_speech.Samples, 320);
        foreach (var final in run.Finals) Assert.All(final.Words, word => Assert.True(final.Heard - word.End < most));

        // A turn's first words wait until there is enough sound to tell them by.
        var cautious = await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples, 320);
        Assert.Equal(run.Text, cautious.Text);
        var begins = cautious.Events.OfType<LiveSpeechStarted>().Select(started => started.At).ToList();
        foreach (var final in cautious.Finals)
        {
            Assert.All(final.Words, word =>
            {
                var begin = begins.Last(at => at <= word.End);
                var soonest = word.End > begin + policy.LeastSound ? word.End : begin + policy.LeastSound;
                Assert.True(final.Heard - soonest < most, $"{word} final at {final.Heard}, turn from {begin}");
            });
        }
    }

    [Fact]
    public async Task A_partial_goes_on_from_the_finals_and_is_replaced()
    {
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(new LocalAgreement()), s_speech.Samples, 320);
        string settled = "";
        bool any = false;
        foreach (var happened in run.Events)
        {
            if (happened is LiveFinal final) settled += final.Text;
            if (happened is not LivePartial { Words.Count: > 0 } partial) continue;
            any = true;
            var shown = (settled + partial.Text).Replace(" cut", "", StringComparison.Ordinal);
            Assert.StartsWith(shown, s_speech.Text, StringComparison.Ordinal);
        }
        Assert.True(any);
    }

    [Theory, InlineData(8_000), InlineData(44_100), InlineData(48_000)]
    public async Task Any_rate_is_converted_as_it_comes(int rate)
    {
        // Two values a sample would not survive a filter; a tone does.
        var samples = new float[rate * 12];
        foreach (var word in s_speech.Words.Where(word => word.End < 12))
        {
            for (int i = (int)(word.Start * rate); i < word.End * rate; i++) samples[i] = 0.2f * MathF.Sin(i * 2 * MathF.PI * 440 / rate);
        }
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(new AlignAtt()), samples, rate / 50, rate);
        // The last one is cut off by the end.
        Assert.Equal(
            s_speech.Words.Where(word => word.Start < 12).SkipLast(1).Select(word => word.Text),
            run.Words.SkipLast(1).Select(word => word.Text));
    }

    [Theory, MemberData(nameof(Policies))]
    public async Task The_last_word_is_heard_though_nothing_follows_it(LivePolicy policy)
    {
        var speech = ScriptedSpeech.Of(4.04, (1, 10));
        var run = await LiveRun.OfAsync(speech.Parts(), Options(policy), speech.Samples, 320);
        Assert.Equal(speech.Text, run.Text);
        Assert.Equal(LiveStopReason.EndOfInput, Assert.Single(run.Events.OfType<LiveSpeechStopped>()).Reason);
    }

    [Fact]
    public async Task The_first_word_is_heard_though_nothing_precedes_it()
    {
        var speech = ScriptedSpeech.Of(3, (0, 4));
        var run = await LiveRun.OfAsync(speech.Parts(), Options(new AlignAtt()), speech.Samples, 320);
        Assert.Equal(speech.Text, run.Text);
        Assert.Equal(TimeSpan.Zero, run.Events.OfType<LiveSpeechStarted>().First().At);
    }

    [Theory, MemberData(nameof(Policies))]
    public async Task An_end_at_any_place_loses_no_word_that_was_said(LivePolicy policy)
    {
        var random = new Random(15);
        for (int i = 0; i < 40; i++)
        {
            int end = random.Next(16_000, s_speech.Samples.Length);
            var run = await LiveRun.OfAsync(s_speech.Parts(), Options(policy), s_speech.Samples[..end], 4_800);
            int said = s_speech.Words.Count(word => word.End <= (end / 16_000.0) + 1e-3);
            var words = run.Words.Where(word => word.Text != " cut").Select(word => word.Text);
            Assert.Equal(s_speech.Words.Take(said).Select(word => word.Text), words);
        }
    }

    [Fact]
    public async Task Silence_says_nothing()
    {
        var run = await LiveRun.OfAsync(s_speech.Parts(), Options(new AlignAtt()), new float[16_000 * 120], 16_000);
        Assert.DoesNotContain(run.Events, happened => happened is not LiveLanguage);
    }

    [Fact]
    public async Task Times_do_not_drift_over_many_pauses()
    {
        var sentences = Enumerable.Range(0, 60).Select(i => (i * 10.0, 6)).Append((1200.0, 6)).ToArray();
        var speech = ScriptedSpeech.Of(1203, sentences);
        foreach (int piece in new[] { 15_952, 160_000 })
        {
            var run = await LiveRun.OfAsync(speech.Parts(), Options(new SpeechTurns()), speech.Samples, piece);
            var starts = run.Events.OfType<LiveSpeechStarted>().Select(started => started.At.TotalSeconds).ToList();
            Assert.Equal(sentences.Length, starts.Count);
            Assert.All(starts.Zip(sentences), pair => Assert.Equal(pair.Second.Item1, pair.First, 0.05));
            Assert.Equal(speech.Text, run.Text);
        }
    }

    [Fact]
    public async Task A_flush_makes_final_what_was_said_and_the_stream_goes_on()
    {
        await using var live = new LiveTranscriber(s_speech.Parts(), Options(new SpeechTurns()));
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        // In the middle of the second sentence, after its third word.
        await live.WriteAsync(s_speech.Samples.AsMemory(0, (int)(6.95 * 16_000)), cancellationToken: TestContext.Current.CancellationToken);
        await live.FlushAsync(TestContext.Current.CancellationToken);
        // It is known; the reader may not have come to it yet.
        while (run.Last is not LiveSpeechStopped { Reason: LiveStopReason.Flush })
            await Task.Delay(5, TestContext.Current.CancellationToken);
        var before = run.Text;
        await live.WriteAsync(
            s_speech.Samples.AsMemory((int)(6.95 * 16_000)), cancellationToken: TestContext.Current.CancellationToken);
        await live.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        Assert.EndsWith(" w12", before.Replace(" cut", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.EndsWith(s_speech.Words[^1].Text, run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sender_that_stops_without_closing_gets_its_finals()
    {
        var clock = new HandClock();
        await using var live = new LiveTranscriber(s_speech.Parts(), Options(new SpeechTurns()) with { Clock = clock });
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        await live.WriteAsync(s_speech.Samples.AsMemory(0, 4 * 16_000), cancellationToken: TestContext.Current.CancellationToken);
        await clock.WaitForTimerAsync();
        Assert.Empty(run.Finals);
        clock.Advance(TimeSpan.FromSeconds(2.1));
        while (run.Last is not LiveSpeechStopped) await Task.Delay(5, TestContext.Current.CancellationToken);
        Assert.Equal(LiveStopReason.Stalled, run.Events.OfType<LiveSpeechStopped>().Single().Reason);
        Assert.Equal(s_speech.Words.Take(10).Select(word => word.Text), run.Words.Select(word => word.Text));
        await live.WriteAsync(s_speech.Samples.AsMemory(4 * 16_000), cancellationToken: TestContext.Current.CancellationToken);
        await live.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        Assert.Equal(s_speech.Text, run.Text);
    }

    [Fact]
    public async Task Sound_beyond_the_bound_waits_or_is_refused()
    {
        var gate = new ManualResetEventSlim();
        var parts = s_speech.Parts(_ => gate.Wait(TestContext.Current.CancellationToken));
        var options = Options(new AlignAtt()) with { MostWaiting = TimeSpan.FromSeconds(5), Overflow = LiveOverflow.Refuse };
        await using var live = new LiveTranscriber(parts, options);
        var refused = await Assert.ThrowsAsync<OverloadedException>(async () =>
            await live.WriteAsync(s_speech.Samples, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("wait to be heard", refused.Message, StringComparison.Ordinal);
        Assert.True(live.Lag <= TimeSpan.FromSeconds(5));
        gate.Set();

        gate.Reset();
        await using var waiting = new LiveTranscriber(
            s_speech.Parts(_ => gate.Wait(TestContext.Current.CancellationToken)), options with { Overflow = LiveOverflow.Wait });
        var run = new LiveRun();
        var reading = run.ReadAsync(waiting);
        var writing = waiting.WriteAsync(s_speech.Samples, cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.False(writing.IsCompleted);
        gate.Set();
        await writing;
        await waiting.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        Assert.Equal(s_speech.Text, run.Text);
    }

    [Fact]
    public async Task A_failure_reaches_reader_and_writer()
    {
        var parts = s_speech.Parts(_ => throw new ModelException("broken"));
        await using var live = new LiveTranscriber(parts, Options(new AlignAtt()));
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        await live.WriteAsync(s_speech.Samples.AsMemory(0, 48_000), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("broken", (await Assert.ThrowsAsync<ModelException>(() => reading)).Message);
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            while (true) await live.WriteAsync(s_speech.Samples, cancellationToken: TestContext.Current.CancellationToken);
        });
    }

    [Fact]
    public async Task Disposing_ends_a_stream_at_once()
    {
        var live = new LiveTranscriber(s_speech.Parts(), Options(new AlignAtt()));
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        await live.WriteAsync(s_speech.Samples.AsMemory(0, 32_000), cancellationToken: TestContext.Current.CancellationToken);
        await live.DisposeAsync();
        await reading;
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
            await live.WriteAsync(s_speech.Samples, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_stream_that_cannot_keep_up_is_heard_less_often_and_loses_nothing()
    {
        // Sound comes faster than it can be heard.
        var options = Options(new LocalAgreement { Step = TimeSpan.FromSeconds(0.5) })
            with
        { MostWaiting = TimeSpan.FromSeconds(8), Paces = null };
        var run = await LiveRun.OfAsync(s_speech.Parts(_ => Thread.Sleep(3)), options, s_speech.Samples, 1600);
        LivePaceChanged[] changes = [.. run.Events.OfType<LivePaceChanged>()];
        Assert.Equal(s_speech.Text, run.Text);
        Assert.Equal(LivePace.LongerSteps, changes[0].Pace);
        Assert.All(changes.Zip(changes.Skip(1)), pair => Assert.Equal(1, Math.Abs(pair.First.Pace - pair.Second.Pace)));

        // Replaying its paces gives the same finals at the same places.
        var paces = changes.Select(change => ((long)Math.Round(change.Heard.TotalSeconds * 16_000), change.Pace)).ToList();
        var again = await LiveRun.OfAsync(s_speech.Parts(), options with { Paces = paces }, s_speech.Samples, 16_000);
        Assert.Equal(run.Described, again.Described);
    }

    [Fact]
    public async Task At_the_lowest_pace_no_partials_are_shown_and_no_sound_is_lost()
    {
        foreach (var policy in Policies.Select(row => row.Data))
        {
            var run = await LiveRun.OfAsync(
                s_speech.Parts(), Options(policy) with { Paces = [(0, LivePace.NoPartials)] }, s_speech.Samples, 1600);
            Assert.Equal(s_speech.Text, run.Text);
            Assert.Empty(run.Events.OfType<LivePartial>());
        }
    }

    [Fact]
    public async Task A_turn_longer_than_a_window_is_cut_and_loses_nothing()
    {
        var speech = ScriptedSpeech.Of(100, (1, 300));
        foreach (var policy in Policies.Select(row => row.Data))
        {
            var windows = new List<double>();
            var run = await LiveRun.OfAsync(
                speech.Parts(window => windows.Add(window.EndTime - window.StartTime)), Options(policy), speech.Samples, 16_000);
            Assert.True(windows.Max() < 26);
            // Without a pause a whole turn is cut where it is: a word may be cut with it.
            if (policy is SpeechTurns) Assert.InRange(run.Words.Count(), 300 - 4, 300 + 4);
            else Assert.Equal(speech.Text, run.Text);
        }
    }

    [Fact]
    public async Task A_stream_that_ends_anywhere_gives_all_that_was_said()
    {
        var random = new Random(7);
        var policies = Policies.Select(row => row.Data).ToList();
        for (int i = 0; i < 200; i++)
        {
            int end = random.Next(16_000, s_speech.Samples.Length);
            var run = await LiveRun.OfAsync(
                s_speech.Parts(), Options(policies[i % policies.Count]), s_speech.Samples[..end], random.Next(300, 20_000));
            // A word that was cut off may be there or not.
            var said = s_speech.Words.Where(word => word.Start < end / 16_000.0).ToList();
            var whole = string.Concat(said.Where(word => word.End <= end / 16_000.0).Select(word => word.Text));
            Assert.StartsWith(whole, run.Text, StringComparison.Ordinal);
            Assert.InRange(run.Words.Count(), said.Count - 1, said.Count);
        }
    }

    [Trait("Run", "Long"), Fact(Explicit = true)]
    public Task A_day_of_sound_takes_little_memory() => HearAsync(24);

    [Fact]
    public Task An_hour_of_sound_takes_little_memory() => HearAsync(1);

    static async Task HearAsync(int hours)
    {
        var minute = ScriptedSpeech.Of(60, (2, 20), (20, 50), (45, 30));
        var sentences = Enumerable.Range(0, hours * 60)
            .SelectMany(i => new[] { ((i * 60) + 2.0, 20), ((i * 60) + 20.0, 50), ((i * 60) + 45.0, 30) });
        var words = new List<SpokenWord>();
        foreach (var (start, count) in sentences)
        {
            for (int i = 0; i < count; i++) words.Add(new SpokenWord($" w{i}", start + (0.3 * i), start + (0.3 * (i + 1))));
        }
        var script = new ScriptedSpeech(words, 0);
        await using var live = new LiveTranscriber(script.Parts(), Options(new AlignAtt()));
        long heard = 0, most = 0;
        var reading = Task.Run(async () =>
        {
            await foreach (var happened in live.ReadAllAsync())
            {
                if (happened is LiveFinal final) heard += final.Words.Count;
            }
        }, TestContext.Current.CancellationToken);
        long before = GC.GetTotalMemory(true);
        for (int i = 0; i < hours * 60; i++)
        {
            await live.WriteAsync(minute.Samples, cancellationToken: TestContext.Current.CancellationToken);
            if (i % 60 == 59) most = Math.Max(most, GC.GetTotalMemory(true) - before);
        }
        await live.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        Assert.Equal(words.Count, heard);
        // Mostly the sound that may wait: a minute in float32.
        Assert.InRange(most, 0, 32_000_000);
    }
}
