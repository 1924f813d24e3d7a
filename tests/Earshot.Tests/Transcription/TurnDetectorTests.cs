using Earshot.Audio;
using Earshot.Checkpoints;
using Earshot.Compute.Cpu;
using Earshot.Models;
using Earshot.Transcription;

namespace Earshot.Tests.Transcription;

/// <summary>Turns of real recordings, by the detectors in the box and by scripted ones.</summary>
public sealed class TurnDetectorTests
{
    [Fact]
    public async Task Turns_of_a_real_recording_do_not_depend_on_the_pieces_it_comes_in()
    {
        var samples = Samples("jfk.wav");
        using var turns = EndOfTurnDetector.OpenBundled();
        var whole = await EventsAsync(samples, turns, samples.Length);
        Assert.Equal(whole, await EventsAsync(samples, turns, 320));
        var last = Assert.IsType<TurnEnded>(whole[^1]);
        Assert.InRange(last.Speech.End, 10 * 16_000, 11 * 16_000);
        // The long pauses of the speech are asked about.
        Assert.All(whole.OfType<TurnEnded>().SkipLast(1), ended => Assert.NotNull(ended.Why.TurnProbability));
    }

    [Fact]
    public async Task A_pause_that_sounds_finished_ends_a_turn_sooner_than_one_that_does_not()
    {
        // A whole German sentence and the same one cut in the middle: cases of the reference.
        var samples = Samples("kerstin-de_rhasspy-0893.flac");
        using var turns = EndOfTurnDetector.OpenBundled();
        float[] silence = new float[4 * 16_000];
        var finished = (await EventsAsync([.. samples[..55_853], .. silence], turns, 512)).OfType<TurnEnded>().Single();
        var cut = (await EventsAsync([.. samples[..27_200], .. silence], turns, 512)).OfType<TurnEnded>().Single();
        Assert.Equal(EndpointReason.Complete, finished.Why.Reason);
        Assert.InRange(finished.Why.Silence.TotalSeconds, 0.2, 0.3);
        Assert.Equal(EndpointReason.LongSilence, cut.Why.Reason);
        Assert.InRange(cut.Why.Silence.TotalSeconds, 3.1, 3.3);
    }

    [Fact]
    public async Task Questions_are_about_the_last_of_the_turn_however_long_it_is()
    {
        var asked = new Asked();
        using var detector = new TurnDetector(new Scripted(), new EndpointOptions(), asked);
        var events = new List<EndpointEvent>();
        // Speech where samples are not zero; their values count up, so that a question shows what it is about.
        var speech = Enumerable.Range(1, 40_000).Select(i => (float)i).ToArray();
        for (int i = 0; i < speech.Length; i += 997)
            await detector.PushAsync(speech.AsMemory(i, Math.Min(997, speech.Length - i)), events, TestContext.Current.CancellationToken);
        await detector.PushAsync(new float[20_000], events, TestContext.Current.CancellationToken);
        var question = Assert.Single(asked.Questions);
        Assert.Equal(asked.WindowSamples, question.Length);
        // Speech ends in window 78, whose samples are not all zero; the pause begins with the next: 40,448.
        int zeros = 40_448 + 3200 - 40_000;
        Assert.All(question[^zeros..], sample => Assert.Equal(0, sample));
        Assert.Equal(40_000, question[^(zeros + 1)]);
        Assert.Equal(EndpointReason.Complete, Assert.IsType<TurnEnded>(events[^1]).Why.Reason);
    }

    [Fact]
    public async Task Nothing_but_silence_asks_nothing()
    {
        var asked = new Asked();
        using var detector = new TurnDetector(new Scripted(), new EndpointOptions(), asked);
        var events = new List<EndpointEvent>();
        for (int i = 0; i < 100; i++) await detector.PushAsync(new float[16_000], events, TestContext.Current.CancellationToken);
        await detector.FinishAsync(events, TestContext.Current.CancellationToken);
        Assert.Empty(events);
        Assert.Empty(asked.Questions);
        Assert.Equal(1_600_000, detector.Position);
    }

    [Fact]
    public async Task A_last_word_without_silence_behind_it_has_its_turn()
    {
        using var detector = new TurnDetector(new Scripted(), new EndpointOptions());
        var events = new List<EndpointEvent>();
        float[] sound = [.. new float[8000], .. Enumerable.Repeat(0.5f, 1000)];
        await detector.PushAsync(sound, events, TestContext.Current.CancellationToken);
        await detector.FinishAsync(events, TestContext.Current.CancellationToken);
        var ended = Assert.IsType<TurnEnded>(events[^1]);
        Assert.Equal((EndpointReason.Flushed, 9000), (ended.Why.Reason, (int)ended.Audio.End));
    }

    static async Task<List<EndpointEvent>> EventsAsync(float[] samples, EndOfTurnDetector turns, int piece)
    {
        using var file = SafetensorsFile.Open(TestModels.SileroVad);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        var events = new List<EndpointEvent>();
        using (var detector = new TurnDetector(new SileroSpeechDetector(new SileroVad(file, device)), new EndpointOptions(), turns))
        {
            for (int i = 0; i < samples.Length; i += piece)
                await detector.PushAsync(samples.AsMemory(i, Math.Min(piece, samples.Length - i)), events);
            await detector.FinishAsync(events);
        }
        return events;
    }

    static float[] Samples(string file)
    {
        using var stream = SampleStream.Open(TestRecordings.Path(file), new AudioReadOptions());
        var (samples, block) = (new List<float>(), new float[16_000]);
        for (int read; (read = stream.Read(block)) > 0;) samples.AddRange(block.AsSpan(0, read));
        return [.. samples];
    }

    /// <summary>Speech is what is not zero.</summary>
    sealed class Scripted : ISpeechDetector
    {
        int _count;
        bool _speech;

        public int WindowSize => 512;

        public void Process(ReadOnlySpan<float> samples, ICollection<float> probabilities)
        {
            foreach (float sample in samples)
            {
                _speech |= sample != 0;
                if (++_count == WindowSize) Complete(probabilities);
            }
        }

        public void Finish(ICollection<float> probabilities)
        {
            if (_count > 0) Complete(probabilities);
        }

        public void Dispose() { }

        void Complete(ICollection<float> probabilities)
        {
            probabilities.Add(_speech ? 1 : 0);
            (_count, _speech) = (0, false);
        }
    }

    sealed class Asked : IEndOfTurnDetector
    {
        public List<float[]> Questions { get; } = [];

        public int WindowSamples => 20_000;

        public float Threshold => 0.5f;

        public ValueTask<float> ProbabilityAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default)
        {
            Questions.Add(samples.ToArray());
            return new(0.99f);
        }
    }
}
