using Earshot.Audio;
using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>
/// One stream's sound to its events. All that it does is at places of the sound, counted in windows of the speech detector: neither the
/// pieces nor the clock change what it says, but for the pace.
/// </summary>
sealed class LiveStream : IDisposable
{
    static readonly long s_longestWindow = TurnDetector.Samples(TimeSpan.FromSeconds(25));

    readonly LiveOptions _options;
    readonly ISpeechDetector _detector;
    readonly TurnDetector _turns;
    readonly ILiveDecider _decider;
    readonly LiveHearing _hearing;
    readonly LiveOutput _output;
    readonly PaceControl _pace;
    readonly Func<TimeSpan> _lag;
    readonly SoundBuffer _sound = new();
    readonly List<float> _probabilities = [];
    readonly long _preRoll;
    int _filled;
    // Nothing before it is heard again.
    long _floor;
    long _bufferStart, _nextStep;
    // What an early look left open, for as long as nothing is said after it.
    IReadOnlyList<HeardWord>? _leftOpen;

    /// <param name="lag">Sound that waits to be added.</param>
    /// <param name="emit">Takes the events, in order.</param>
    public LiveStream(LiveParts parts, LiveOptions options, Func<TimeSpan> lag, Func<LiveEvent, CancellationToken, ValueTask> emit)
    {
        (_options, _detector, _lag) = (options, parts.Detector, lag);
        _decider = options.Policy.CreateDecider();
        _turns = new TurnDetector(options.Turns, parts.Detector.WindowSize);
        _pace = new PaceControl(options.MostLag, options.Paces);
        _output = new LiveOutput(emit);
        _hearing = new LiveHearing(parts, options, _output);
        _preRoll = TurnDetector.Samples(options.Turns.PreRoll);
    }

    /// <summary>Whether something was said that is not final yet.</summary>
    public bool IsInTurn => _turns.IsSpeaking || _turns.Candidate is not null;

    /// <summary>Adds samples at 16 kHz, any number.</summary>
    public async ValueTask AddAsync(ReadOnlyMemory<float> samples, CancellationToken cancellationToken)
    {
        int size = _detector.WindowSize;
        while (!samples.IsEmpty)
        {
            int count = Math.Min(samples.Length, size - _filled);
            _sound.Append(samples.Span[..count]);
            _detector.Process(samples.Span[..count], _probabilities);
            samples = samples[count..];
            _filled = (_filled + count) % size;
            if (_probabilities.Count > 0) await TakeAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes final what was said so far.</summary>
    public ValueTask FlushAsync(LiveStopReason reason, CancellationToken cancellationToken) => EndNowAsync(reason, cancellationToken);

    /// <summary>The stream has ended.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        _detector.Finish(_probabilities);
        await TakeAsync(cancellationToken).ConfigureAwait(false);
        await EndNowAsync(LiveStopReason.EndOfInput, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _hearing.Dispose();
        _detector.Dispose();
    }

    async ValueTask TakeAsync(CancellationToken cancellationToken)
    {
        foreach (float probability in _probabilities) await TakeAsync(probability, cancellationToken).ConfigureAwait(false);
        _probabilities.Clear();
    }

    async ValueTask TakeAsync(float probability, CancellationToken cancellationToken)
    {
        var change = _turns.Add(probability);
        _output.Heard = Time(Position);
        switch (change)
        {
            case TurnChange.Started:
                await BeginTurnAsync(cancellationToken).ConfigureAwait(false);
                break;
            case TurnChange.Paused:
                await LookEarlyAsync(cancellationToken).ConfigureAwait(false);
                break;
            case TurnChange.Resumed:
                _leftOpen = null;
                break;
            case TurnChange.Stopped:
                await EndTurnAsync(StopReason, Position, cancellationToken).ConfigureAwait(false);
                break;
        }
        if (!_turns.IsSpeaking) _sound.Forget(Math.Max(_floor, (_turns.Candidate ?? Position) - _preRoll));
        else if (_decider.Step is null) await CutLongTurnAsync(cancellationToken).ConfigureAwait(false);
        else if (Position >= _nextStep && !_turns.IsPaused) await StepAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How far the sound was heard; the last window may be filled up with silence.</summary>
    long Position => Math.Min(_turns.Position, _sound.End);

    LiveStopReason StopReason => _turns.Wait.CompareTo(TurnDetector.Samples(_options.Turns.Hangover)) switch
    {
        0 => LiveStopReason.Silence,
        < 0 => LiveStopReason.EndOfTurn,
        _ => LiveStopReason.LongSilence,
    };

    async ValueTask BeginTurnAsync(CancellationToken cancellationToken)
    {
        _decider.Reset();
        _hearing.BeginTurn();
        _leftOpen = null;
        _bufferStart = Math.Max(Math.Max(_floor, _sound.Start), _turns.Start - _preRoll);
        _nextStep = _turns.Start + (_decider.Step ?? 0);
        await _output.EmitAsync(new LiveSpeechStarted(Time(Math.Max(_floor, _turns.Start))), cancellationToken).ConfigureAwait(false);
    }

    async ValueTask StepAsync(CancellationToken cancellationToken)
    {
        await LookAtPaceAsync(cancellationToken).ConfigureAwait(false);
        // Full without anything that could be cut off: what was heard is final, so that no sound is lost.
        bool isFull = _decider.GoesOn && Position - _bufferStart >= s_longestWindow;
        var decision = await HearAsync(Position, isFull, cancellationToken).ConfigureAwait(false);
        await _output.SettleAsync(decision, _pace.ShowsPartials, _hearing.Language, cancellationToken).ConfigureAwait(false);
        if (isFull) MoveOn();
        else Trim();
        _nextStep = Math.Min(Position + (_decider.Step!.Value * _pace.StepFactor), _bufferStart + s_longestWindow);
    }

    void MoveOn()
    {
        _hearing.EndTurn();
        _decider.Reset();
        _bufferStart = Position;
    }

    // The turn may be over: what was said is known then by the time that this is sure.
    async ValueTask LookEarlyAsync(CancellationToken cancellationToken)
    {
        await LookAtPaceAsync(cancellationToken).ConfigureAwait(false);
        if (_decider.LooksEarly)
        {
            var decision = await HearAsync(Position, false, cancellationToken).ConfigureAwait(false);
            await _output.SettleAsync(decision, _pace.ShowsPartials, _hearing.Language, cancellationToken).ConfigureAwait(false);
            _leftOpen = decision.Partial;
        }
        if (_options.EndOfTurn is not { } endOfTurn) return;
        var turn = new TurnSoFar
        {
            Samples = _sound.Slice(Math.Max(_bufferStart, Position - (8 * SampleStream.SampleRate)), Position),
            Text = _hearing.SettledText + string.Concat((_leftOpen ?? []).Select(word => word.Text)),
            Language = _hearing.Language,
            Silence = Time(Position - _turns.SpeechEnd),
        };
        if (await endOfTurn.WaitAsync(turn, cancellationToken).ConfigureAwait(false) is { } wait) _turns.Wait = TurnDetector.Samples(wait);
    }

    async ValueTask EndTurnAsync(LiveStopReason reason, long end, CancellationToken cancellationToken)
    {
        long speechEnd = Math.Clamp(_turns.SpeechEnd, _bufferStart, Position);
        var decision = _leftOpen is { } open
            ? new Decision(open, [])
            : await HearAsync(end, true, cancellationToken).ConfigureAwait(false);
        if (_leftOpen is not null) _hearing.Settle(decision.Final, _decider.GoesOn);
        await _output.SettleAsync(decision, false, _hearing.Language, cancellationToken).ConfigureAwait(false);
        await _output.EndTurnAsync(new LiveSpeechStopped(Time(speechEnd), reason), _hearing.Language, cancellationToken)
            .ConfigureAwait(false);
        _hearing.EndTurn();
        _turns.Stop();
        _leftOpen = null;
        _floor = reason is LiveStopReason.Silence or LiveStopReason.EndOfTurn or LiveStopReason.LongSilence ? speechEnd : end;
    }

    async ValueTask EndNowAsync(LiveStopReason reason, CancellationToken cancellationToken)
    {
        _output.Heard = Time(_sound.End);
        if (_turns.Promote()) await BeginTurnAsync(cancellationToken).ConfigureAwait(false);
        if (!_turns.IsSpeaking) return;
        // Samples that fill no window of the detector's yet are sound too.
        await EndTurnAsync(reason, _sound.End, cancellationToken).ConfigureAwait(false);
    }

    // Where whole turns are heard, one has to fit a window.
    async ValueTask CutLongTurnAsync(CancellationToken cancellationToken)
    {
        if (Position - _bufferStart < TurnDetector.Samples(_options.Turns.Longest)) return;
        long cut = _turns.CutPlace(_bufferStart + SampleStream.SampleRate) ?? Position;
        await LookAtPaceAsync(cancellationToken).ConfigureAwait(false);
        var decision = await HearAsync(cut, true, cancellationToken).ConfigureAwait(false);
        await _output.SettleAsync(decision, false, _hearing.Language, cancellationToken).ConfigureAwait(false);
        await _output.EndTurnAsync(
            new LiveSpeechStopped(Time(cut), LiveStopReason.LongestTurn), _hearing.Language, cancellationToken).ConfigureAwait(false);
        _hearing.EndTurn();
        _hearing.BeginTurn();
        (_bufferStart, _floor, _leftOpen) = (cut, cut, null);
        _turns.GoOnFrom(cut);
        _sound.Forget(cut);
        await _output.EmitAsync(new LiveSpeechStarted(Time(cut)), cancellationToken).ConfigureAwait(false);
    }

    ValueTask<Decision> HearAsync(long end, bool isLast, CancellationToken cancellationToken)
    {
        long start = _bufferStart;
        double patience = (_decider.Step is { } step ? Seconds(step) : 0.5) - _lag().TotalSeconds;
        var sound = new HeardSound
        {
            Samples = _sound.Slice(start, end),
            Before = _sound.Slice(start - _hearing.SamplesBefore, start),
            Start = Seconds(start),
            End = Seconds(end),
            TurnSeconds = Seconds(end - Math.Max(_turns.Start, _floor)),
            BeamSize = _pace.IsGreedy ? 1 : _decider.BeamSize,
            Deadline = _options.Clock.GetTimestamp() + (long)(patience * _options.Clock.TimestampFrequency),
            IsLast = isLast,
        };
        return _hearing.HearAsync(_decider, sound, cancellationToken);
    }

    async ValueTask LookAtPaceAsync(CancellationToken cancellationToken)
    {
        var lag = _lag();
        if (!_pace.Look(Position, lag)) return;
        LiveMetrics.PaceChanged(_pace.Pace);
        await _output.EmitAsync(new LivePaceChanged(_pace.Pace, lag), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What is settled is not heard again once there is enough behind it.</summary>
    void Trim()
    {
        if (!_decider.GoesOn) _bufferStart = Math.Max(_bufferStart, Position - _decider.Overlap);
        else if (Position - _bufferStart > _decider.MostBuffer) _bufferStart = _hearing.CutSettled(_bufferStart, _decider.MostBuffer);
        _sound.Forget(_bufferStart - _hearing.SamplesBefore);
    }

    static double Seconds(long samples) => (double)samples / SampleStream.SampleRate;

    static TimeSpan Time(long samples) => TimeSpan.FromSeconds(Seconds(samples));
}
