using Earshot.Decoding;

namespace Earshot.Recognition;

/// <summary>How windows are recognised. The defaults are those of faster-whisper.</summary>
public record RecognitionOptions
{
    const int MostTransducerBeams = 64;

    /// <summary>The language spoken, by code or English name; null to detect it.</summary>
    public string? Language { get; init; }

    public SpeechTask Task { get; init; }

    /// <summary>
    /// How tokens are searched. Language, task, temperature, prompt and prefix are each window's own, and are set for it.
    /// </summary>
    public DecodingOptions Decoding { get; init; } = new();

    /// <summary>
    /// How a CTC model's text is searched among several hypotheses; null for the likeliest token of each position, unless
    /// <see cref="DecodingOptions.Hotwords"/> are given. Other models do not look at it.
    /// </summary>
    public CtcSearchOptions? CtcSearch { get; init; }

    /// <summary>
    /// Hypotheses that a transducer's text is searched among; 1 for the likeliest token of each step. Other models do not look at it.
    /// </summary>
    public int TransducerBeamSize { get; init; } = 1;

    /// <summary>
    /// The longest stretch that a model hears at once which can hear long ones: longer recordings are cut into stretches that overlap. Null
    /// for as long as memory allows (<see cref="Compute.Runtimes.RuntimeLimits.LongAudioBytes"/>). Text comes when a stretch was heard, so
    /// that shorter ones show it sooner; one that is no longer than a window (20 s) is a window.
    /// </summary>
    public TimeSpan? ChunkLength { get; init; }

    /// <summary>When a result is not good enough, and what is tried then.</summary>
    public TemperatureFallback Fallback { get; init; } = new();

    /// <summary>Whether segments tell when each word is said.</summary>
    public bool WordTimestamps { get; init; }

    /// <summary>Punctuation that belongs to the word after it.</summary>
    public string PrependPunctuations { get; init; } = "\"'“¿([{-";

    /// <summary>Punctuation that belongs to the word before it.</summary>
    public string AppendPunctuations { get; init; } = "\"'.。,，!！?？:：”)]}、";

    /// <summary>
    /// Whether a window that is not full is encoded only as far as it holds audio, and ten seconds of silence: faster for short
    /// recordings, while the model was trained on full windows, so that results differ. With less silence it begins to loop.
    /// </summary>
    public bool ShortWindows { get; init; }

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal virtual void Validate()
    {
        Decoding.Validate();
        CtcSearch?.Validate();
        Fallback.Validate();
        if (TransducerBeamSize is < 1 or > MostTransducerBeams)
        {
            throw new ArgumentException(
                $"The option {nameof(TransducerBeamSize)} is {TransducerBeamSize}; expected 1 to {MostTransducerBeams}.",
                nameof(TransducerBeamSize));
        }
        if (ChunkLength is { } length && length <= TimeSpan.Zero)
        {
            throw new ArgumentException(
                $"The option {nameof(ChunkLength)} is {length}; expected more than nothing, or null for as much as memory allows.",
                nameof(ChunkLength));
        }
    }
}
