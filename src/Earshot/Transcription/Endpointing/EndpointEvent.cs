namespace Earshot.Transcription;

/// <summary>What was noticed about the turns of a stream, in samples at 16 kHz from its start.</summary>
/// <param name="Position">The samples heard when it was noticed.</param>
public abstract record EndpointEvent(long Position);

/// <summary>A turn has begun.</summary>
/// <param name="SpeechStart">Where the speech begins.</param>
/// <param name="AudioStart">Where the sound begins that belongs to it, pre-roll included; never within the turn before.</param>
public sealed record TurnStarted(long Position, long SpeechStart, long AudioStart) : EndpointEvent(Position);

/// <summary>
/// A pause is long enough to ask whether the turn is over. The answer goes to <see cref="Endpointer.Answer"/>; speech that goes on makes it
/// void.
/// </summary>
/// <param name="Audio">The sound to ask about: the whole turn, trimmed within the pause.</param>
public sealed record TurnQuestion(long Position, SpeechSpan Audio) : EndpointEvent(Position);

/// <summary>A turn is over.</summary>
/// <param name="Speech">From its first speech to its last.</param>
/// <param name="Audio">The sound that belongs to it, with the pre-roll and the silence that was waited for.</param>
/// <param name="Why">What decided.</param>
public sealed record TurnEnded(long Position, SpeechSpan Speech, SpeechSpan Audio, EndpointDecision Why) : EndpointEvent(Position);

/// <summary>Why a turn is over.</summary>
public enum EndpointReason
{
    /// <summary>Silence of the usual length; nothing told more.</summary>
    Silence,

    /// <summary>A shorter silence: what was said sounds or reads finished.</summary>
    Complete,

    /// <summary>A longer silence, though what was said sounds or reads unfinished.</summary>
    LongSilence,

    /// <summary>The turn became too long.</summary>
    TooLong,

    /// <summary>The stream has ended, or its owner asked for an end.</summary>
    Flushed,
}

/// <summary>What a turn's end was decided by.</summary>
public sealed record EndpointDecision(EndpointReason Reason)
{
    /// <summary>The silence after the last speech.</summary>
    public TimeSpan Silence { get; init; }

    /// <summary>What the end-of-turn detector answered; null where it was not asked or had not answered.</summary>
    public float? TurnProbability { get; init; }

    /// <summary>How the text ends, as far as it was known.</summary>
    public TextEnding Text { get; init; }

    /// <summary>All evidence together, as log-odds that the turn is over; 0 where there is none.</summary>
    public double Evidence { get; init; }
}
