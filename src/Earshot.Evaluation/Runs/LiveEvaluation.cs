using Earshot.Evaluation.Metrics;
using Earshot.Live;
using Earshot.Transcription;

namespace Earshot.Evaluation;

/// <summary>
/// How soon and how steadily one recording was written down live. Times without "Computed" are by the sound alone; with it, the time that
/// computing took is added on a clock that started with the sound and cannot fall behind it.
/// </summary>
public sealed record LiveResult
{
    public required string Text { get; init; }

    public required TimeSpan Duration { get; init; }

    /// <summary>All time spent computing.</summary>
    public required TimeSpan Computing { get; init; }

    /// <summary>Processor time of the whole program meanwhile, on all cores; zero where it was not taken.</summary>
    public TimeSpan Processor { get; init; }

    /// <summary>From the start of each turn's speech to its first word, final or not.</summary>
    public required IReadOnlyList<TimeSpan> FirstWords { get; init; }

    public required IReadOnlyList<TimeSpan> FirstWordsComputed { get; init; }

    /// <summary>From the end of each final word, as the model dates it, to its becoming final.</summary>
    public required IReadOnlyList<TimeSpan> Words { get; init; }

    public required IReadOnlyList<TimeSpan> WordsComputed { get; init; }

    /// <summary>From the place where a turn's end was sure to its last final word: what computing adds to the silence waited for.</summary>
    public required IReadOnlyList<TimeSpan> TurnsComputed { get; init; }

    /// <summary>Words shown and taken back, per word of the text.</summary>
    public required double NormalizedErasure { get; init; }
}

/// <summary>Runs recordings through a live policy faster than real time, and reckons what would have been seen when.</summary>
public static class LiveEvaluation
{
    /// <summary>Hears a recording of one channel at 16 kHz.</summary>
    public static async Task<LiveResult> RunAsync(
        Transcriber transcriber, LiveOptions options, ReadOnlyMemory<float> samples, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        // Sound that comes faster than it was said is no lag.
        await using var live = await LiveTranscriber.StartAsync(transcriber, options with { Paces = [], Stall = null }, cancellationToken)
            .ConfigureAwait(false);
        var clock = new LiveClock();
        var processor = Environment.CpuUsage.TotalTime;
        var reading = Task.Run(async () =>
        {
            await foreach (var happened in live.ReadAllAsync(cancellationToken).ConfigureAwait(false)) clock.Add(happened);
        }, cancellationToken);
        await live.WriteAsync(samples, cancellationToken: cancellationToken).ConfigureAwait(false);
        await live.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await reading.ConfigureAwait(false);
        return clock.Result(TimeSpan.FromSeconds(samples.Length / 16_000.0)) with
        {
            Processor = Environment.CpuUsage.TotalTime - processor,
        };
    }

    /// <summary>Scores events that came of a stream.</summary>
    public static LiveResult Score(IEnumerable<LiveEvent> events, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(events);
        var clock = new LiveClock();
        foreach (var happened in events) clock.Add(happened);
        return clock.Result(duration);
    }

    /// <summary>Two clocks: the sound's, and one that the time of computing is added to.</summary>
    sealed class LiveClock
    {
        readonly List<TimeSpan> _first = [], _firstComputed = [], _words = [], _wordsComputed = [], _turns = [];
        readonly List<TranscriptEvent> _shown = [];
        string _text = "", _turn = "";
        TimeSpan _now, _computing;
        TimeSpan? _begun;

        public void Add(LiveEvent happened)
        {
            _now = (_now > happened.Heard ? _now : happened.Heard) + happened.Computed;
            _computing += happened.Computed;
            switch (happened)
            {
                case LiveSpeechStarted started:
                    _begun = started.At;
                    break;
                case LivePartial partial:
                    if (partial.Words.Count > 0) First(happened.Heard);
                    Show(happened.Heard, _turn + partial.Text, false);
                    break;
                case LiveFinal final:
                    First(happened.Heard);
                    _text += final.Text;
                    _turn += final.Text;
                    _words.AddRange(final.Words.Select(word => happened.Heard - word.End));
                    _wordsComputed.AddRange(final.Words.Select(word => _now - word.End));
                    Show(happened.Heard, _turn, false);
                    break;
                case LiveSpeechStopped:
                    _turns.Add(_now - happened.Heard);
                    Show(happened.Heard, _turn, true);
                    (_turn, _begun) = ("", null);
                    break;
            }
        }

        public LiveResult Result(TimeSpan duration) => new()
        {
            Text = _text.Trim(),
            Duration = duration,
            Computing = _computing,
            FirstWords = _first,
            FirstWordsComputed = _firstComputed,
            Words = _words,
            WordsComputed = _wordsComputed,
            TurnsComputed = _turns,
            NormalizedErasure = StreamingScorer.Score(_shown, TimeSpan.Zero, duration).NormalizedErasure,
        };

        void First(TimeSpan heard)
        {
            if (_begun is not { } begun) return;
            _first.Add(heard - begun);
            _firstComputed.Add(_now - begun);
            _begun = null;
        }

        void Show(TimeSpan heard, string text, bool isFinal) =>
            _shown.Add(new TranscriptEvent { EmittedAt = _now, AudioUntil = heard, Text = text, IsFinal = isFinal });
    }
}
