namespace Earshot.Transcription;

/// <summary>
/// Hears a stream and tells where its turns begin and end: a <see cref="Endpointer"/> with a speech detector and, if there is one, an
/// end-of-turn detector that is asked once a pause and waited for, so that events depend on the sound and the texts alone, whatever the
/// pieces it comes in. One a stream; one call at a time.
/// </summary>
/// <param name="speech">Tells speech from silence in this stream; disposed of with this.</param>
/// <param name="turns">
/// Tells a speaker who has finished; null to go by silence and text. Shared between streams, and not disposed of.
/// </param>
public sealed class TurnDetector(ISpeechDetector speech, EndpointOptions options, IEndOfTurnDetector? turns = null) : IDisposable
{
    readonly Endpointer _endpointer = new(options, turns?.Threshold, speech.WindowSize);
    readonly List<float> _probabilities = [];
    // The latest sound, from sample _start on, as far back as a question can reach.
    float[] _recent = [];
    long _start;
    int _count, _window;

    /// <summary>Samples pushed.</summary>
    public long Position => _start + _count;

    /// <summary>Whether a turn is under way.</summary>
    public bool InTurn => _endpointer.InTurn;

    /// <summary>Samples before this belong to no turn that is still to be told of.</summary>
    public long Unneeded => _endpointer.Unneeded;

    /// <summary>What is written of the turn so far: see <see cref="Endpointer.Hear(string, string)"/>.</summary>
    public void Hear(string text, string? language = null) => _endpointer.Hear(text, language);

    /// <inheritdoc cref="Endpointer.Hear(double)"/>
    public void Hear(double logOdds) => _endpointer.Hear(logOdds);

    /// <summary>
    /// Takes any number of samples, one channel at 16 kHz, and adds what is noticed. After a cancellation some of them are lost: begin
    /// anew.
    /// </summary>
    public async ValueTask PushAsync(
        ReadOnlyMemory<float> samples, ICollection<EndpointEvent> events, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(events);
        while (samples.Length > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // Window by window: the answer to a question is to count before the next.
            int count = Math.Min(samples.Length, speech.WindowSize - _window);
            Keep(samples.Span[..count]);
            speech.Process(samples.Span[..count], _probabilities);
            _window = (_window + count) % speech.WindowSize;
            samples = samples[count..];
            await TakeAsync(events, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the turn that is under way, as sound stays away or its owner asks; more may come.</summary>
    public void Flush(ICollection<EndpointEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        _endpointer.Flush(Position);
        while (_endpointer.TryTake(out var noticed)) Tell(noticed, events);
    }

    /// <summary>The stream has ended.</summary>
    public async ValueTask FinishAsync(ICollection<EndpointEvent> events, CancellationToken cancellationToken = default)
    {
        speech.Finish(_probabilities);
        await TakeAsync(events, cancellationToken).ConfigureAwait(false);
        Flush(events);
    }

    public void Dispose() => speech.Dispose();

    async ValueTask TakeAsync(ICollection<EndpointEvent> events, CancellationToken cancellationToken)
    {
        foreach (float probability in _probabilities) _endpointer.Add(probability);
        _probabilities.Clear();
        while (_endpointer.TryTake(out var noticed))
        {
            Tell(noticed, events);
            if (noticed is not TurnQuestion question) continue;
            float answer = await turns!.ProbabilityAsync(SoundOf(question.Audio), cancellationToken).ConfigureAwait(false);
            _endpointer.Answer(question, answer);
        }
    }

    static void Tell(EndpointEvent noticed, ICollection<EndpointEvent> events)
    {
        if (noticed is not TurnQuestion) events.Add(noticed);
    }

    ReadOnlyMemory<float> SoundOf(SpeechSpan audio)
    {
        long from = Math.Max(Math.Max(audio.Start, audio.End - turns!.WindowSamples), _start);
        int end = (int)(Math.Min(audio.End, Position) - _start);
        return _recent.AsMemory((int)(from - _start), end - (int)(from - _start));
    }

    void Keep(ReadOnlySpan<float> samples)
    {
        if (turns is null)
        {
            _start += samples.Length;
            return;
        }
        // Twice as long as it must be, so that it is moved seldom. A question is asked within a window of the end that it is about.
        int reach = turns.WindowSamples + (2 * speech.WindowSize);
        if (_recent.Length == 0) _recent = new float[2 * reach];
        if (_count + samples.Length > _recent.Length)
        {
            int gone = _count - reach;
            _recent.AsSpan(gone, reach).CopyTo(_recent);
            (_start, _count) = (_start + gone, reach);
        }
        samples.CopyTo(_recent.AsSpan(_count));
        _count += samples.Length;
    }
}
