using Earshot.Transcription;

namespace Earshot.ForcedAlignment;

/// <summary>A text and where each of its words is said.</summary>
public sealed record TextAlignment
{
    /// <summary>Each word of the text once, in order.</summary>
    public required IReadOnlyList<AlignedWord> Words { get; init; }

    /// <summary>The text in stretches: lines, and sentences of long lines.</summary>
    public required IReadOnlyList<AlignedSegment> Segments { get; init; }

    /// <summary>The recording's length.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>How well text and sound go together.</summary>
    public required AlignmentVerdict Verdict { get; init; }

    /// <summary>Speech that the text does not have, as long stretches of it are.</summary>
    public required IReadOnlyList<TimeRange> SpeechWithoutText { get; init; }

    /// <summary>Words, by their index, that the model does not hear where they would have to be.</summary>
    public required IReadOnlyList<int> WordsWithoutSpeech { get; init; }

    /// <summary>As a transcript, for its formats; a word whose time is guessed has the probability 0.</summary>
    public Transcript ToTranscript(string? language = null) => new()
    {
        Segments = [.. Segments.Select((segment, id) => new Segment
        {
            Id = id,
            Start = segment.Start,
            End = segment.End,
            Text = segment.Text,
            Language = language,
            Words = [.. segment.Words.Select(word => new Word(word.Text, word.Start, word.End, word.Score ?? 0))],
        })],
        Info = new TranscriptionInfo { Language = language, LanguageProbability = language is null ? 0 : 1, Duration = Duration },
    };
}

/// <summary>A stretch of the text.</summary>
public sealed record AlignedSegment(TimeSpan Start, TimeSpan End, IReadOnlyList<AlignedWord> Words)
{
    /// <summary>Its words as they stand in the text.</summary>
    public string Text => string.Concat(Words.Select(word => word.Text));
}

/// <summary>A word of the text, or a letter of a script without spaces.</summary>
/// <param name="Text">As it stands in the text, the space before it included.</param>
/// <param name="Start">Where its first letter begins.</param>
/// <param name="End">Where its last letter ends.</param>
/// <param name="Score">
/// How likely its letters are, from 0 to 1; null where the model cannot spell it, so that its time is guessed from its neighbours'.
/// </param>
/// <param name="Characters">Its letters, as far as the model can spell them.</param>
public sealed record AlignedWord(
    string Text, TimeSpan Start, TimeSpan End, float? Score, IReadOnlyList<AlignedCharacter> Characters);

/// <summary>A letter of a word, or several that are one token.</summary>
public sealed record AlignedCharacter(string Text, TimeSpan Start, TimeSpan End, float Score);

/// <summary>From a time to another.</summary>
public readonly record struct TimeRange(TimeSpan Start, TimeSpan End)
{
    public TimeSpan Duration => End - Start;
}

/// <summary>How well a text and a recording go together.</summary>
public enum AlignmentVerdict
{
    /// <summary>Nearly all words are heard, and nearly all speech is in the text.</summary>
    Matches,

    /// <summary>Some words are not heard, or some speech is not in the text.</summary>
    MatchesInParts,

    /// <summary>Most words are not heard: the text is another's.</summary>
    DoesNotMatch,
}
