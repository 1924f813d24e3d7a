namespace Earshot.Decoding;

/// <summary>What to write down: what is said, or its English translation.</summary>
public enum SpeechTask { Transcribe, Translate }

/// <summary>How to decode one window, as <c>DecodingOptions</c> of openai/whisper, with the repetition options of faster-whisper.</summary>
public sealed record DecodingOptions
{
    /// <summary>The code of the language spoken; null only where the model is English-only.</summary>
    public string? Language { get; init; }

    public SpeechTask Task { get; init; }

    /// <summary>0 takes the likeliest token; above, tokens are drawn.</summary>
    public float Temperature { get; init; }

    /// <summary>Beams at temperature 0; 1 is greedy.</summary>
    public int BeamSize { get; init; } = 5;

    /// <summary>Beam search ends with BeamSize × Patience finished hypotheses (arXiv:2204.05424).</summary>
    public float Patience { get; init; } = 1;

    /// <summary>Independent samples at temperatures above 0.</summary>
    public int BestOf { get; init; } = 5;

    /// <summary>Alpha of the Google NMT length penalty, 0 to 1; null divides by the length.</summary>
    public float? LengthPenalty { get; init; }

    /// <summary>Most tokens to decode; null for half the context, 224.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Tokens of what was said before; the last ones that fit count.</summary>
    public ReadOnlyMemory<int> Prompt { get; init; }

    /// <summary>Words to expect, put before the prompt; ignored where a prefix is given.</summary>
    public string? Hotwords { get; init; }

    /// <summary>Text that the window's transcript begins with.</summary>
    public string? Prefix { get; init; }

    /// <summary>Tokens never to decode; null for the checkpoint's list, or that of the reference.</summary>
    public IReadOnlyList<int>? SuppressTokens { get; init; }

    /// <summary>Whether the first token may be neither a space nor the end.</summary>
    public bool SuppressBlank { get; init; } = true;

    /// <summary>
    /// Whether to decode text alone; a window is then one segment. Null: with timestamps, but for windows of a batch, to which nobody
    /// returns.
    /// </summary>
    public bool? WithoutTimestamps { get; init; }

    /// <summary>
    /// The latest first timestamp; <see cref="Timeout.InfiniteTimeSpan"/> for no limit, null for the model's own (1 s, as published).
    /// </summary>
    public TimeSpan? MaxInitialTimestamp { get; init; }

    /// <summary>Above 1, tokens already written are less likely; timestamps are exempt, since they may rightly repeat.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>No run of this many text tokens appears twice; 0 for no such rule.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Draws at temperatures above 0 are a function of it.</summary>
    public ulong Seed { get; init; }

    /// <summary>Hypotheses that decode side by side.</summary>
    internal int Rows => Temperature > 0 ? BestOf : BeamSize;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        Check(float.IsFinite(Temperature) && Temperature >= 0, nameof(Temperature), "a number of at least 0", Temperature);
        Check(BeamSize is >= 1 and <= 64, nameof(BeamSize), "1 to 64", BeamSize);
        Check(BestOf is >= 1 and <= 64, nameof(BestOf), "1 to 64", BestOf);
        Check(
            Patience > 0 && MathF.Round(BeamSize * Patience) is >= 1 and <= 1024, nameof(Patience),
            "a number above 0 that leaves 1 to 1024 hypotheses", Patience);
        Check(LengthPenalty is null or (>= 0 and <= 1), nameof(LengthPenalty), "0 to 1", LengthPenalty);
        Check(MaxNewTokens is null or >= 1, nameof(MaxNewTokens), "at least 1", MaxNewTokens);
        Check(
            MaxInitialTimestamp is null || MaxInitialTimestamp >= TimeSpan.Zero || MaxInitialTimestamp == Timeout.InfiniteTimeSpan,
            nameof(MaxInitialTimestamp), "at least 0, or infinite", MaxInitialTimestamp);
        Check(RepetitionPenalty > 0 && float.IsFinite(RepetitionPenalty), nameof(RepetitionPenalty), "a number above 0", RepetitionPenalty);
        Check(NoRepeatNgramSize >= 0, nameof(NoRepeatNgramSize), "at least 0", NoRepeatNgramSize);
    }

    static void Check<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The decoding option {option} is {got}; expected {expected}.", option);
    }
}
