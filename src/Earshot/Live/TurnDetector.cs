using Earshot.Audio;

namespace Earshot.Live;

/// <summary>What a window of sound changes.</summary>
enum TurnChange
{
    None,
    Started,

    /// <summary>The silence has lasted long enough for an early look.</summary>
    Paused,

    /// <summary>Speech goes on after such a silence.</summary>
    Resumed,
    Stopped,
}

/// <summary>
/// Turns probabilities of speech into turns as they come: hysteresis, shortest speech, hangover. Counts in samples.
/// </summary>
sealed class TurnDetector(TurnOptions options, int windowSize)
{
    // Shorter dips are within words.
    static readonly long s_shortestPause = Samples(TimeSpan.FromMilliseconds(98));

    readonly long _minSpeech = Samples(options.MinSpeech), _earlyLook = Samples(options.EarlyLook), _hangover = Samples(options.Hangover);
    long? _candidate;
    long? _silence;
    bool _looked;
    (long Start, long End) _longestPause;

    /// <summary>Samples seen.</summary>
    public long Position { get; private set; }

    public bool IsSpeaking { get; private set; }

    /// <summary>Whether there was a silence long enough for an early look, and nothing after it.</summary>
    public bool IsPaused => IsSpeaking && _looked;

    /// <summary>Where the speech begins.</summary>
    public long Start { get; private set; }

    /// <summary>Where the speech ends, as far as it is known.</summary>
    public long SpeechEnd => _silence ?? Position;

    /// <summary>Where speech may have begun, that is not long enough yet.</summary>
    public long? Candidate => _candidate;

    /// <summary>The silence that ends this pause.</summary>
    public long Wait { get; set; }

    public TurnChange Add(float probability)
    {
        long now = Position;
        Position += windowSize;
        return IsSpeaking ? WhileSpeaking(now, probability) : WhileSilent(now, probability);
    }

    /// <summary>Ends the speech here and now, whatever follows.</summary>
    public void Stop()
    {
        IsSpeaking = false;
        (_candidate, _silence, _looked) = (null, null, false);
    }

    /// <summary>Takes what may be speech for speech; false where there is none.</summary>
    public bool Promote()
    {
        if (IsSpeaking || _candidate is not { } start) return false;
        Begin(start);
        return true;
    }

    /// <summary>The middle of the longest pause, from a place on; null where there was none.</summary>
    public long? CutPlace(long from) =>
        _longestPause.End - _longestPause.Start >= s_shortestPause && _longestPause.Start >= from
            ? (_longestPause.Start + _longestPause.End) / 2
            : null;

    /// <summary>Speech was cut: what follows the cut is the turn now.</summary>
    public void GoOnFrom(long cut)
    {
        Start = cut;
        _longestPause = default;
    }

    public static long Samples(TimeSpan time) => (long)(time.TotalSeconds * SampleStream.SampleRate);

    TurnChange WhileSilent(long now, float probability)
    {
        if (probability < (_candidate is null ? options.Threshold : options.EndThreshold))
        {
            _candidate = null;
            return TurnChange.None;
        }
        _candidate ??= now;
        if (Position - _candidate < _minSpeech) return TurnChange.None;
        Begin(_candidate.Value);
        return TurnChange.Started;
    }

    void Begin(long start)
    {
        IsSpeaking = true;
        Start = start;
        (_candidate, _silence, _looked, _longestPause) = (null, null, false, default);
    }

    TurnChange WhileSpeaking(long now, float probability)
    {
        if (probability >= options.Threshold) return Speech(now);
        if (_silence is null && probability >= options.EndThreshold) return TurnChange.None;
        _silence ??= now;
        long lasted = Position - _silence.Value;
        if (!_looked && lasted >= Math.Min(_earlyLook, _hangover))
        {
            _looked = true;
            Wait = _hangover;
            return TurnChange.Paused;
        }
        return _looked && lasted >= Wait ? TurnChange.Stopped : TurnChange.None;
    }

    TurnChange Speech(long now)
    {
        if (_silence is { } silence && now - silence > _longestPause.End - _longestPause.Start) _longestPause = (silence, now);
        bool resumed = _looked;
        (_silence, _looked) = (null, false);
        return resumed ? TurnChange.Resumed : TurnChange.None;
    }
}
