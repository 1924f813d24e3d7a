namespace Earshot.Transcription;

/// <summary>
/// Decides where turns begin and end, from the probabilities of a <see cref="ISpeechDetector"/>, an end-of-turn detector's answers and the
/// text so far. All times are positions in the sound: what is decided depends on what is heard and told, and when in the sound it is told,
/// never on a clock or on the pieces in which sound comes. <see cref="TurnDetector"/> does the hearing and the asking.
/// </summary>
public sealed class Endpointer
{
    const int SampleRate = 16_000;

    readonly EndpointOptions _options;
    readonly float? _turnThreshold;
    readonly int _windowSize;
    readonly Queue<EndpointEvent> _events = new();
    readonly long _padding, _minSpeech, _questionDelay;
    readonly double _maxTurn;
    long _position, _speechStart, _audioStart, _lastEnd;
    Phase _phase;
    // Where a silence began that may be the turn's end; and the longest one before it.
    long? _pause;
    SpeechSpan _longestPause;
    bool _asked;
    float? _answer;
    TextEnding _text;
    double _textEvidence;

    /// <param name="turnThreshold">
    /// The threshold of the end-of-turn detector that questions are put to, where the options name none; null where there is no detector,
    /// so that nothing is asked.
    /// </param>
    /// <param name="windowSize">Samples that one probability stands for.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Endpointer(EndpointOptions options, float? turnThreshold = null, int windowSize = 512)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(windowSize, 1);
        options.Validate();
        _options = options;
        _turnThreshold = turnThreshold is null ? null : options.TurnThreshold ?? turnThreshold;
        _windowSize = windowSize;
        _padding = Samples(options.PrefixPadding);
        _minSpeech = Samples(options.MinSpeechDuration);
        _questionDelay = Samples(options.QuestionDelay);
        _maxTurn = options.MaxTurnDuration is { } longest ? Samples(longest) : double.PositiveInfinity;
    }

    enum Phase { Silent, Beginning, Speaking }

    /// <summary>Samples heard.</summary>
    public long Position => _position;

    /// <summary>Whether a turn is under way, pauses within it included.</summary>
    public bool InTurn => _phase == Phase.Speaking;

    /// <summary>Samples before this belong to no turn that is still to be told of, and to no question.</summary>
    public long Unneeded =>
        _phase == Phase.Speaking ? _audioStart : Math.Max(_lastEnd, (_phase == Phase.Beginning ? _speechStart : _position) - _padding);

    /// <summary>Takes the probability of speech in the next window.</summary>
    public void Add(float probability)
    {
        long start = _position;
        _position += _windowSize;
        if (probability >= _options.Threshold) Speech(start);
        else if (probability < _options.EndThreshold) Silence(start);
        if (_phase == Phase.Beginning && _position - _speechStart >= _minSpeech) Begin();
        if (_phase != Phase.Speaking) return;
        if (_position - _audioStart > _maxTurn) Cut();
        else if (_pause is { } pause) Decide(pause);
    }

    /// <summary>The next thing that was noticed.</summary>
    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out EndpointEvent? noticed) => _events.TryDequeue(out noticed);

    /// <summary>
    /// The answer to a question. It counts from the position at which it is given: who waits for it before going on gets the same result
    /// for the same sound. Of a pause that is over it is void.
    /// </summary>
    public void Answer(TurnQuestion question, float probability)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (!_asked || _pause is not { } pause || question.Audio != Asked(pause)) return;
        _answer = probability;
        Decide(pause);
    }

    /// <summary>What is written of the turn so far, which is to hold all of it but the pause.</summary>
    public void Hear(string text, string? language = null)
    {
        _text = TextEndings.Of(text, language);
        _textEvidence = _options.EvidenceOf(_text);
    }

    /// <summary>The same from a language model: the log-odds that the text ends here.</summary>
    public void Hear(double logOdds) => (_text, _textEvidence) = (TextEnding.Unknown, logOdds);

    /// <summary>
    /// Ends the turn that is under way, because the stream has ended or sound stays away; sound may go on after it.
    /// </summary>
    /// <param name="position">Where the sound ends, in or after the last window; null for that window's end.</param>
    public void Flush(long? position = null)
    {
        long end = position ?? _position;
        if (_phase == Phase.Beginning) Begin();
        if (_phase == Phase.Speaking) End(end, Math.Min(_pause ?? end, end), EndpointReason.Flushed);
        _phase = Phase.Silent;
    }

    static long Samples(TimeSpan time) => (long)(time.TotalSeconds * SampleRate);

    static TimeSpan Time(long samples) => TimeSpan.FromTicks(samples * TimeSpan.TicksPerSecond / SampleRate);

    void Speech(long start)
    {
        if (_phase == Phase.Silent) (_phase, _speechStart) = (Phase.Beginning, start);
        if (_pause is not { } pause) return;
        if (start - pause >= _longestPause.Length || _longestPause.Start < Middle) _longestPause = new SpeechSpan(pause, start);
        ForgetPause();
        // What was written said nothing of what is said now.
        (_text, _textEvidence) = (TextEnding.Unknown, 0);
    }

    void Silence(long start)
    {
        if (_phase == Phase.Beginning) _phase = Phase.Silent;
        else if (_phase == Phase.Speaking) _pause ??= start;
    }

    void Begin()
    {
        _phase = Phase.Speaking;
        _audioStart = Math.Max(_lastEnd, _speechStart - _padding);
        _longestPause = default;
        (_text, _textEvidence) = (TextEnding.Unknown, 0);
        ForgetPause();
        _events.Enqueue(new TurnStarted(_position, _speechStart, _audioStart));
    }

    void Decide(long pause)
    {
        long silence = _position - pause;
        if (_turnThreshold is not null && !_asked && silence >= _questionDelay)
        {
            _asked = true;
            _events.Enqueue(new TurnQuestion(_position, Asked(pause)));
            // What is asked in a window decides in it, as soon as it is answered.
            return;
        }
        if (silence < Samples(_options.WaitFor(Evidence))) return;
        var reason = Evidence switch { > 0 => EndpointReason.Complete, < 0 => EndpointReason.LongSilence, _ => EndpointReason.Silence };
        End(_position, pause, reason);
    }

    double Evidence => _textEvidence + (_answer is { } answer ? EndpointOptions.EvidenceOf(answer, _turnThreshold!.Value) : 0);

    long Middle => _audioStart + ((_position - _audioStart) / 2);

    SpeechSpan Asked(long pause) => new(_audioStart, pause + _questionDelay);

    void Cut()
    {
        if (_pause is null && _longestPause.Length > 0 && _longestPause.Start >= Middle)
        {
            var pause = _longestPause;
            End(pause.Start + (pause.Length / 2), pause.Start, EndpointReason.TooLong);
            _speechStart = pause.End;
            Begin();
        }
        else
        {
            bool speaking = _pause is null;
            End(_position, _pause ?? _position, EndpointReason.TooLong);
            if (speaking) (_phase, _speechStart) = (Phase.Beginning, _position);
        }
    }

    void End(long audioEnd, long speechEnd, EndpointReason reason)
    {
        var why = new EndpointDecision(reason)
        {
            Silence = Time(audioEnd - speechEnd),
            TurnProbability = _answer,
            Text = _text,
            Evidence = reason is EndpointReason.TooLong ? 0 : Evidence,
        };
        _events.Enqueue(new TurnEnded(_position, new(_speechStart, speechEnd), new(_audioStart, audioEnd), why));
        _lastEnd = audioEnd;
        _phase = Phase.Silent;
        ForgetPause();
    }

    void ForgetPause() => (_pause, _asked, _answer) = (null, false, null);
}
