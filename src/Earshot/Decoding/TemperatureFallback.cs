namespace Earshot.Decoding;

/// <summary>When a result is not good enough, and which temperatures to try then. A null threshold is not looked at.</summary>
public sealed record TemperatureFallback
{
    public IReadOnlyList<float> Temperatures { get; init; } = [0, 0.2f, 0.4f, 0.6f, 0.8f, 1];

    /// <summary>Above it the text loops.</summary>
    public float? CompressionRatioThreshold { get; init; } = 2.4f;

    /// <summary>Below it the model is unsure of the text.</summary>
    public float? LogprobThreshold { get; init; } = -1;

    /// <summary>
    /// Above it, where the model is unsure of the text as well, the window is silent, and another attempt would not help.
    /// </summary>
    public float? NoSpeechThreshold { get; init; } = 0.6f;

    /// <summary>Below it the last 32 tokens loop; whisper.cpp uses 2.4 in place of the compression ratio.</summary>
    public float? EntropyThreshold { get; init; }

    /// <summary>
    /// Decodes at one temperature after another until a result will do. Where none does, the likeliest of those that do not
    /// loop, with the last temperature, so that what looks at the temperature sees that all failed.
    /// </summary>
    public async ValueTask<DecodingResult> RunAsync(Func<float, ValueTask<DecodingResult>> decode)
    {
        ArgumentNullException.ThrowIfNull(decode);
        DecodingResult? best = null;
        bool bestLoops = true;
        foreach (float temperature in Temperatures)
        {
            var result = await decode(temperature).ConfigureAwait(false);
            bool loops = Loops(result);
            if (IsGood(result, loops)) return result;
            if (best is null || (bestLoops && !loops) || (bestLoops == loops && result.AvgLogprob > best.AvgLogprob))
                (best, bestLoops) = (result, loops);
        }
        return best is null
            ? throw new ArgumentException("There is no temperature to decode at; give at least one.")
            : best with { Temperature = Temperatures[^1] };
    }

    /// <summary>Whether the window holds no speech, so that its text is not to be believed.</summary>
    public bool IsSilent(DecodingResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.NoSpeechProb > NoSpeechThreshold && !(result.AvgLogprob > LogprobThreshold);
    }

    /// <exception cref="ArgumentException">There is no temperature, or one is negative.</exception>
    internal void Validate()
    {
        if (Temperatures is not { Count: > 0 })
            throw new ArgumentException($"The option {nameof(Temperatures)} is empty; give at least one, such as 0.", nameof(Temperatures));
        foreach (float temperature in Temperatures)
        {
            if (!float.IsFinite(temperature) || temperature < 0)
                throw new ArgumentException(
                    $"The option {nameof(Temperatures)} holds {temperature}; expected numbers of at least 0.", nameof(Temperatures));
        }
    }

    bool IsGood(DecodingResult result, bool loops)
    {
        bool unsure = result.AvgLogprob < LogprobThreshold;
        bool silent = unsure && result.NoSpeechProb > NoSpeechThreshold;
        return silent || !(loops || unsure);
    }

    bool Loops(DecodingResult result) =>
        result.CompressionRatio > CompressionRatioThreshold ||
        (result.Tokens.Count > 32 && TextStatistics.Entropy([.. result.Tokens]) < EntropyThreshold);
}
