using Earshot.Recognition;
using Earshot.Transcription;

namespace Earshot.Live;

/// <summary>What one stream is heard with; its own, and disposed of with it.</summary>
sealed record LiveParts(LiveSession Session, ISpeechDetector Detector)
{
    /// <summary>Samples before a window that are looked at too.</summary>
    public int SamplesBefore { get; init; }

    /// <summary>The language's code where it was given, or there is one only.</summary>
    public string? Language { get; init; }

    /// <summary>Whether the session can tell languages.</summary>
    public bool TellsLanguage { get; init; }

    /// <summary>What the stream's text is prompted with at its beginning.</summary>
    public int[] Prompt { get; init; } = [];
}
