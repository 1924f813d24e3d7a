using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>Something heard in a stream. Times count from the stream's start, by its sound and not by the clock.</summary>
public abstract record LiveEvent
{
    /// <summary>How much sound had been heard when this became known.</summary>
    public TimeSpan Heard { get; init; }

    /// <summary>The time spent computing since the event before this.</summary>
    public TimeSpan Computed { get; init; }
}

/// <summary>Somebody begins to speak.</summary>
/// <param name="At">Where the speech begins.</param>
public sealed record LiveSpeechStarted(TimeSpan At) : LiveEvent;

/// <summary>Speech has ended; all that was said in it came before this.</summary>
/// <param name="At">Where the speech ends, without the silence that was waited for.</param>
public sealed record LiveSpeechStopped(TimeSpan At, LiveStopReason Reason) : LiveEvent;

/// <summary>
/// What may be said behind the final words, and may still change. Each replaces the one before; empty where nothing is left.
/// </summary>
public sealed record LivePartial(IReadOnlyList<Word> Words) : LiveEvent
{
    public string Text { get; } = string.Concat(Words.Select(word => word.Text));

    /// <summary>Who speaks; left open until a model tells.</summary>
    public string? Speaker { get; init; }
}

/// <summary>
/// Words that are never taken back. The text of all of them, one after the other, is the transcript.
/// </summary>
public sealed record LiveFinal(IReadOnlyList<Word> Words) : LiveEvent
{
    public string Text { get; } = string.Concat(Words.Select(word => word.Text));

    /// <summary>Who speaks; left open until a model tells.</summary>
    public string? Speaker { get; init; }
}

/// <summary>Final words that belong together, as a sentence or a caption: each word is in one segment.</summary>
public sealed record LiveSegment(Segment Segment) : LiveEvent
{
    /// <summary>Who speaks; left open until a model tells.</summary>
    public string? Speaker { get; init; }
}

/// <summary>The language that is spoken from here on.</summary>
/// <param name="Language">Its code.</param>
/// <param name="Probability">1 where it was given.</param>
public sealed record LiveLanguage(string Language, float Probability) : LiveEvent;

/// <summary>The machine does not keep up, or does again: how the stream is heard from here on.</summary>
/// <param name="Lag">Sound that waited to be heard.</param>
public sealed record LivePaceChanged(LivePace Pace, TimeSpan Lag) : LiveEvent;

/// <summary>Why speech counts as ended.</summary>
public enum LiveStopReason
{
    /// <summary>Silence was long enough.</summary>
    Silence,

    /// <summary>A shorter silence was enough: whoever decides on the end of a turn took it for over.</summary>
    EndOfTurn,

    /// <summary>A longer silence, though whoever decides on the end of a turn expected more.</summary>
    LongSilence,

    /// <summary>It was as long as a turn may be, and goes on in the next.</summary>
    LongestTurn,

    /// <summary>The caller asked for all that was said so far.</summary>
    Flush,

    /// <summary>No sound came for a while, though the stream was not closed.</summary>
    Stalled,

    /// <summary>The stream has ended.</summary>
    EndOfInput,
}

/// <summary>
/// How a stream is heard where the machine does not keep up, in the order in which it is degraded. Sound is never left out.
/// </summary>
public enum LivePace
{
    /// <summary>As the policy says.</summary>
    Full,

    /// <summary>Twice the sound between two hearings.</summary>
    LongerSteps,

    /// <summary>And one beam only.</summary>
    Greedy,

    /// <summary>And no partial text: eight times the sound between two hearings.</summary>
    NoPartials,
}
