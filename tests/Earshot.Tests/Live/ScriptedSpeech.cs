using System.Globalization;
using Earshot.Live;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Tests.Live;

/// <summary>A word, and when it is said, in seconds.</summary>
internal sealed record SpokenWord(string Text, double Start, double End);

/// <summary>
/// Speech of a script: sound that is loud where words are said, and a session that hears the words of its window. A word whose end is not
/// heard is heard wrongly, as models do.
/// </summary>
internal sealed class ScriptedSpeech(IReadOnlyList<SpokenWord> words, double seconds)
{
    const int Rate = 16_000;

    public IReadOnlyList<SpokenWord> Words => words;

    public double Seconds => seconds;

    public string Text => string.Concat(words.Select(word => word.Text));

    public float[] Samples { get; } = Sound(words, seconds);

    /// <summary>Sentences of words of 0.3 s, each sentence at its place.</summary>
    public static ScriptedSpeech Of(double seconds, params (double Start, int Words)[] sentences)
    {
        var words = new List<SpokenWord>();
        foreach (var (start, count) in sentences)
        {
            for (int i = 0; i < count; i++)
            {
                var text = string.Create(CultureInfo.InvariantCulture, $" w{words.Count}{(i == count - 1 ? "." : "")}");
                words.Add(new SpokenWord(text, start + (0.3 * i), start + (0.3 * (i + 1))));
            }
        }
        return new ScriptedSpeech(words, seconds);
    }

    public LiveSession Session(Action<LiveWindow>? onHear = null) => new Listener(words, onHear);

    public LiveParts Parts(Action<LiveWindow>? onHear = null) => new(Session(onHear), new EnergySpeechDetector()) { Language = "en" };

    static float[] Sound(IReadOnlyList<SpokenWord> words, double seconds)
    {
        var samples = new float[(int)(seconds * Rate)];
        foreach (var word in words)
        {
            int end = Math.Min(samples.Length, (int)(word.End * Rate));
            for (int i = (int)(word.Start * Rate); i < end; i++) samples[i] = i % 2 == 0 ? 0.1f : -0.1f;
        }
        return samples;
    }

    sealed class Listener(IReadOnlyList<SpokenWord> words, Action<LiveWindow>? onHear) : LiveSession
    {
        public override ValueTask<HeardText> HearAsync(LiveWindow window, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            onHear?.Invoke(window);
            int first = 0, low = words.Count;
            while (first < low)
            {
                int middle = (first + low) / 2;
                if (Middle(words[middle]) >= window.StartTime) low = middle;
                else first = middle + 1;
            }
            var heard = new List<HeardWord>();
            for (int i = first; i < words.Count && words[i].Start < window.EndTime - 0.05; i++)
            {
                var word = words[i];
                bool cut = word.End > window.EndTime + 1e-3;
                heard.Add(new HeardWord(
                    cut ? " cut" : word.Text, [i], word.Start, Math.Min(word.End, window.EndTime),
                    Math.Min(word.End, window.EndTime) - 0.05, cut ? 0.2f : 0.9f));
            }
            // What is settled are the first words of the window.
            var settled = window.Settled.ToArray();
            Assert.Equal(heard.Take(settled.Length).SelectMany(word => word.Tokens), settled);
            return new(new HeardText { Words = [.. heard.Skip(settled.Length)], Language = "en" });
        }

        static double Middle(SpokenWord word) => (word.Start + word.End) / 2;
    }
}

/// <summary>What a stream said.</summary>
internal sealed class LiveRun
{
    public List<LiveEvent> Events { get; } = [];

    /// <summary>The latest event, for whoever waits on another thread.</summary>
    public LiveEvent? Last { get; private set; }

    public IEnumerable<LiveFinal> Finals => Events.OfType<LiveFinal>();

    public string Text => string.Concat(Finals.Select(final => final.Text));

    public IEnumerable<Word> Words => Finals.SelectMany(final => final.Words);

    /// <summary>The events without what computing took.</summary>
    public IReadOnlyList<string> Described => [.. Events.Select(Describe)];

    /// <summary>Pushes samples in pieces and reads all events.</summary>
    public static async Task<LiveRun> OfAsync(
        LiveParts parts, LiveOptions options, float[] samples, int piece, int rate = 16_000, bool completes = true)
    {
        await using var live = new LiveTranscriber(parts, options);
        var run = new LiveRun();
        var reading = run.ReadAsync(live);
        for (int at = 0; at < samples.Length; at += piece)
            await live.WriteAsync(samples.AsMemory(at, Math.Min(piece, samples.Length - at)), rate, TestContext.Current.CancellationToken);
        if (completes) await live.CompleteAsync(TestContext.Current.CancellationToken);
        await reading;
        return run;
    }

    public async Task ReadAsync(LiveTranscriber live)
    {
        await foreach (var happened in live.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            Events.Add(happened);
            Last = happened;
        }
    }

    static string Describe(LiveEvent happened) => FormattableString.Invariant($"{happened.Heard.TotalSeconds:0.000} ") + happened switch
    {
        LiveSpeechStarted started => $"started {started.At.TotalSeconds:0.000}",
        LiveSpeechStopped stopped => $"stopped {stopped.At.TotalSeconds:0.000} {stopped.Reason}",
        LivePartial partial => $"partial{partial.Text}",
        LiveFinal final => $"final{final.Text} {string.Join(' ', final.Words.Select(Times))}",
        LiveSegment segment => $"segment{segment.Segment.Text}",
        LivePaceChanged pace => $"pace {pace.Pace}",
        _ => happened.GetType().Name,
    };

    static string Times(Word word) => FormattableString.Invariant($"{word.Start.TotalSeconds:0.00}-{word.End.TotalSeconds:0.00}");
}
