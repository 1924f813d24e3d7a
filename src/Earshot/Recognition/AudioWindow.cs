using Earshot.Audio;
using Earshot.Decoding;

namespace Earshot.Recognition;

/// <summary>A stretch of sound to be recognised, at 16 kHz. Its memory is read until the window is recognised.</summary>
public sealed record AudioWindow
{
    /// <summary>Samples of a frame of 10 ms, in which windows and their places are counted.</summary>
    public const int SamplesPerFrame = 160;

    public const double FramesPerSecond = (double)SampleStream.SampleRate / SamplesPerFrame;

    public required ReadOnlyMemory<float> Samples { get; init; }

    /// <summary>What was heard just before.</summary>
    public ReadOnlyMemory<float> Before { get; init; }

    /// <summary>What is heard just after.</summary>
    public ReadOnlyMemory<float> After { get; init; }

    /// <summary>Where it begins in the recording, in seconds.</summary>
    public double StartTime { get; init; }

    /// <summary>Whether it is recognised as if nothing were around it, speech cut out of its recording; else as a part of one.</summary>
    public bool StandsAlone { get; init; }

    /// <summary>Whether nothing follows.</summary>
    public bool IsLast { get; init; }

    /// <summary>Frames of 10 ms that hold sound.</summary>
    public int Frames => Samples.Length / SamplesPerFrame;
}

/// <summary>What a window's text depends on beside its sound.</summary>
public sealed record RecognitionContext
{
    /// <summary>The language's code; null to detect it, where the model can.</summary>
    public string? Language { get; init; }

    /// <summary>Tokens of what was said before.</summary>
    public ReadOnlyMemory<int> Prompt { get; init; }

    /// <summary>Text that the window's transcript begins with.</summary>
    public string? Prefix { get; init; }

    /// <summary>Draws at temperatures above 0 differ from window to window by this.</summary>
    public long SeedSeries { get; init; }

    /// <summary>When the words before this window ended, in seconds.</summary>
    public double LastSpeech { get; init; }
}

/// <summary>What was recognised in a window.</summary>
public sealed record RecognizedWindow
{
    public required DecodingResult Result { get; init; }

    /// <summary>
    /// The text in segments, with words where these were asked for; times in seconds of the recording. They may still be moved.
    /// </summary>
    public required List<SegmentDraft> Segments { get; init; }

    /// <summary>How far the text is finished, in frames of 10 ms: the next window begins there.</summary>
    public required int Advance { get; init; }

    /// <summary>
    /// Whether nothing is said from the last segment's end to <see cref="Advance"/>, so that nothing of it need be heard again.
    /// </summary>
    public bool EndsInSilence { get; init; }

    /// <summary>Whether nobody speaks, so that the text is not to be believed.</summary>
    public bool IsSilent { get; init; }

    /// <summary>The language, where it was detected in this window.</summary>
    public LanguageDetection? Detection { get; init; }
}
