using Earshot.Recognition;

namespace Earshot.Transcription;

/// <summary>
/// Where a transcription stands after a window: all that going on from there depends on, beside the recording and the options. Given back
/// as <see cref="TranscriptionOptions.Resume"/> with both unchanged, the segments that follow are those that would have come.
/// </summary>
public sealed record TranscriptionPosition
{
    /// <summary>Windows done with.</summary>
    public int Windows { get; init; }

    /// <summary>
    /// Where the next window begins, in frames of 10 ms of what is transcribed: the recording, or its speech alone; 0 in batches, which
    /// count windows.
    /// </summary>
    public long Seek { get; init; }

    /// <summary>Segments given so far.</summary>
    public int Segments { get; init; }

    /// <summary>The text before, in tokens, as the next window is prompted with it.</summary>
    public IReadOnlyList<int> Context { get; init; } = [];

    /// <summary>When the last word ended, in seconds.</summary>
    public double LastSpeech { get; init; }

    /// <summary>The language's code; null where none is known yet.</summary>
    public string? Language { get; init; }

    /// <summary>What the language was told from; null where it was given.</summary>
    public LanguageDetection? Detection { get; init; }
}
