namespace Earshot.Transcription;

/// <summary>A stretch of speech with its text.</summary>
public sealed record Segment
{
    /// <summary>Counted from 0 through the recording.</summary>
    public int Id { get; init; }

    /// <summary>Where the window that it was decoded in begins.</summary>
    public TimeSpan Seek { get; init; }

    public TimeSpan Start { get; init; }

    public TimeSpan End { get; init; }

    /// <summary>The text, with the space that sets it apart from the segment before in languages that write one.</summary>
    public required string Text { get; init; }

    /// <summary>Text and timestamp tokens.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    /// <summary>The log-probability of each of <see cref="Tokens"/>.</summary>
    public IReadOnlyList<float> TokenLogprobs { get; init; } = [];

    /// <summary>When each word is said; null where that was not asked for.</summary>
    public IReadOnlyList<Word>? Words { get; init; }

    public float Temperature { get; init; }

    /// <summary>The average log-probability of the window's tokens.</summary>
    public float AvgLogprob { get; init; }

    public float CompressionRatio { get; init; }

    public float NoSpeechProb { get; init; }

    /// <summary>The language's code; null where the model does not tell.</summary>
    public string? Language { get; init; }

    /// <summary>The channel it was said in, counted from 0, where each was transcribed by itself; null otherwise.</summary>
    public int? Channel { get; init; }
}

/// <summary>A word: its text with the space before it and its punctuation, its times, and how sure the model is.</summary>
public sealed record Word(string Text, TimeSpan Start, TimeSpan End, float Probability);

/// <summary>What was found out about a recording as a whole.</summary>
public sealed record TranscriptionInfo
{
    /// <summary>The language's code; null where it was neither given nor detected.</summary>
    public string? Language { get; init; }

    /// <summary>1 where the language was given, 0 where it is not known.</summary>
    public float LanguageProbability { get; init; }

    /// <summary>The probability of each language; null where the language was given.</summary>
    public IReadOnlyDictionary<string, float>? LanguageProbabilities { get; init; }

    /// <summary>The recording's length: as far as it was read, until it has ended.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>The speech in it, where silence was left out.</summary>
    public TimeSpan DurationAfterVad { get; init; }
}

/// <summary>How far a transcription is.</summary>
/// <param name="Processed">Audio done with.</param>
/// <param name="Total">The recording's length, when it can tell.</param>
/// <param name="Info">What is known so far.</param>
public sealed record TranscriptionProgress(TimeSpan Processed, TimeSpan? Total, TranscriptionInfo Info)
{
    /// <summary>From where the transcription could go on after the segments of this window, which follow this report.</summary>
    public TranscriptionPosition? Position { get; init; }
}

/// <summary>A whole transcription.</summary>
public sealed record Transcript
{
    public required IReadOnlyList<Segment> Segments { get; init; }

    public required TranscriptionInfo Info { get; init; }

    /// <summary>All text, without spaces at its ends.</summary>
    public string Text => string.Concat(Segments.Select(s => s.Text)).Trim();
}
