namespace Earshot.Transcription;

/// <summary>
/// Turns probabilities of speech into stretches of it as they come: hysteresis, shortest speech and silence, longest
/// speech, padding that meets in the middle of short silences. Gives what Silero's <c>get_speech_timestamps</c> gives for
/// the whole recording.
/// </summary>
public sealed class SpeechSegmenter
{
    const int SampleRate = 16_000;

    // Silero's 98 ms: shorter pauses are within words.
    const int ShortestPause = SampleRate * 98 / 1000;

    readonly VadOptions _options;
    readonly int _windowSize;
    readonly long _minSpeech, _minSilence, _pad;
    readonly double _maxSpeech;
    readonly Queue<SpeechSpan> _finished = new();
    long _position;
    bool _speaking;
    long _start;
    // Where a silence began that may be the speech's end.
    long? _silence;
    // The pause to cut at should the speech grow too long; without length while it lasts.
    SpeechSpan? _pause;
    // The start with its padding, once nothing can make the speech too short to count.
    long? _paddedStart;
    // Speech whose end gets its padding once it is known when the next begins; its start has it.
    SpeechSpan? _pending;

    public SpeechSegmenter(VadOptions options, int windowSize = 512)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(windowSize, 1);
        options.Validate();
        _options = options;
        _windowSize = windowSize;
        _minSpeech = Samples(options.MinSpeechDuration);
        _minSilence = Samples(options.MinSilenceDuration);
        _pad = Samples(options.SpeechPad);
        _maxSpeech = options.MaxSpeechDuration is { } longest ? Samples(longest) - windowSize - (2 * _pad) : double.PositiveInfinity;
    }

    /// <summary>
    /// Samples before this belong to no speech that is still to come. Speech that waits for its end comes first; what follows does not
    /// reach back into it.
    /// </summary>
    public long Unneeded => Math.Max(0, _pending?.Start ?? _paddedStart ?? ((_speaking ? _start : _position) - _pad));

    /// <summary>Takes the probability of the next window.</summary>
    public void Add(float probability)
    {
        long now = _position;
        _position += _windowSize;
        if (probability >= _options.Threshold) Speech(now);
        if (_speaking && now - _start > _maxSpeech && !Cut(now)) return;
        if (_speaking && probability < _options.EndThreshold) Silence(now);
        if (!_speaking && _pending is { } pending && now - pending.End >= 2 * _pad) Release(pending.End + _pad);
    }

    /// <summary>The recording has ended.</summary>
    public void Finish(long totalSamples)
    {
        if (_speaking && totalSamples - _start > _minSpeech) End(totalSamples);
        if (_pending is { } pending) Release(Math.Min(totalSamples, pending.End + _pad));
    }

    /// <summary>The next stretch of speech that is complete.</summary>
    public bool TryTake(out SpeechSpan span) => _finished.TryDequeue(out span);

    static long Samples(TimeSpan time) => (long)(time.TotalSeconds * SampleRate);

    void Speech(long now)
    {
        if (!_speaking)
        {
            Begin(now);
            return;
        }
        if (_silence is { } silence) EndPause(new SpeechSpan(silence, now));
        if (_paddedStart is null && now - _start > _minSpeech) _paddedStart = PadStart(_start);
    }

    void Begin(long start)
    {
        _speaking = true;
        _start = start;
        (_silence, _pause, _paddedStart) = (null, null, null);
    }

    void EndPause(SpeechSpan pause)
    {
        _silence = null;
        bool better = _options.CutAtLongestSilence
            ? pause.Length > ShortestPause && pause.Length > (_pause?.Length ?? 0)
            : _pause?.Start == pause.Start;
        if (better) _pause = pause;
    }

    void Silence(long now)
    {
        _silence ??= now;
        if (!_options.CutAtLongestSilence && now - _silence > ShortestPause) _pause = new SpeechSpan(_silence.Value, _silence.Value);
        if (now - _silence < _minSilence) return;
        if (_silence - _start > _minSpeech) End(_silence.Value);
        else Forget();
    }

    /// <summary>Cuts speech that is too long at a pause, and goes on after it; where there was none, right here: then false.</summary>
    bool Cut(long now)
    {
        var pause = _pause;
        End(pause?.Start ?? now);
        if (pause?.Length > 0) Begin(pause.Value.End);
        return pause is not null;
    }

    void End(long end)
    {
        _pending = new SpeechSpan(_paddedStart ?? PadStart(_start), end);
        Forget();
    }

    void Forget()
    {
        _speaking = false;
        (_silence, _pause, _paddedStart) = (null, null, null);
    }

    /// <summary>The start of speech with its padding; the speech before it, if it waits, gets its end.</summary>
    long PadStart(long start)
    {
        if (_pending is not { } pending) return Math.Max(0, start - _pad);
        long silence = start - pending.End;
        long padding = silence < 2 * _pad ? silence / 2 : _pad;
        Release(pending.End + padding);
        return Math.Max(0, start - padding);
    }

    void Release(long end)
    {
        _finished.Enqueue(new SpeechSpan(_pending!.Value.Start, end));
        _pending = null;
    }
}
