namespace Earshot.Evaluation.Metrics;

/// <summary>
/// One output of a streaming recogniser: the whole text of the segment being spoken. A partial is replaced by the next event;
/// a final closes its segment, and the next event begins another.
/// </summary>
public sealed record TranscriptEvent
{
    /// <summary>When it was emitted, on the clock that started with the audio: computation-aware time.</summary>
    public required TimeSpan EmittedAt { get; init; }

    /// <summary>How much audio the recogniser had been given: computation-unaware time.</summary>
    public required TimeSpan AudioUntil { get; init; }

    public required string Text { get; init; }

    public bool IsFinal { get; init; }
}

/// <summary>A word of the final text and when it was first shown for good.</summary>
/// <param name="EmittedAt">The clock's time at the event since which this word and all before it did not change.</param>
/// <param name="AudioUntil">How much audio had been given at that event.</param>
public readonly record struct WordEmission(string Word, TimeSpan EmittedAt, TimeSpan AudioUntil);
