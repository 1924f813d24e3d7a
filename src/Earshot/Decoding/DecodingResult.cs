namespace Earshot.Decoding;

/// <summary>What one window says, and how sure the model is.</summary>
public sealed record DecodingResult
{
    /// <summary>Text and timestamp tokens, without the prompt and the end.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>The log-probability of each of <see cref="Tokens"/>, after the filters.</summary>
    public required IReadOnlyList<float> TokenLogprobs { get; init; }

    /// <summary>The text without spaces at its ends.</summary>
    public required string Text { get; init; }

    public string? Language { get; init; }

    /// <summary>The hypothesis' log-probability, its end included, over the number of tokens plus 1.</summary>
    public float AvgLogprob { get; init; }

    /// <summary>The probability that nobody speaks, from the start-of-transcript position.</summary>
    public float NoSpeechProb { get; init; }

    public float Temperature { get; init; }

    /// <summary>Bytes of the text over bytes of the text deflated: high for text that loops.</summary>
    public float CompressionRatio { get; init; }
}
