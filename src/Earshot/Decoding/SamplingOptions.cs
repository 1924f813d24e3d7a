namespace Earshot.Decoding;

/// <summary>When the temperature acts, which changes what is drawn.</summary>
public enum SamplingOrder
{
    /// <summary>Penalties, temperature, top-k, top-p, min-p, typical-p, as transformers and vLLM have it; model cards mean it.</summary>
    TemperatureFirst,

    /// <summary>Penalties, top-k, typical-p, top-p, min-p, temperature, as llama.cpp has it; penalties count the prompt too.</summary>
    TemperatureLast,
}

/// <summary>How the next token of a text is chosen. A setting at its default does nothing.</summary>
public sealed record SamplingOptions
{
    /// <summary>0 takes the likeliest token, the lowest id among equals; above, tokens are drawn.</summary>
    public float Temperature { get; init; } = 1;

    /// <summary>So many of the likeliest tokens stay; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>The likeliest tokens stay whose probabilities reach it together.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Tokens stay whose probability is at least this part of the likeliest one's.</summary>
    public float MinP { get; init; }

    /// <summary>Tokens that surprise about as much as is expected stay, until their probabilities reach it (arXiv:2202.00666).</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>Above 1, tokens of prompt and text are less likely, once each: positive logits are divided, others multiplied.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken from the logit of each token that was written.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Taken from the logit of each token as often as it was written.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Penalties look so many tokens back; null for all.</summary>
    public int? PenaltyWindow { get; init; }

    /// <summary>Added to the logits of tokens, after the penalties; negative infinity forbids one.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    public SamplingOrder Order { get; init; }

    /// <summary>Draws are a function of it and of their place in the text, whatever else runs; null for another one each time.</summary>
    public ulong? Seed { get; init; }

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        Check(float.IsFinite(Temperature) && Temperature >= 0, nameof(Temperature), "a number of at least 0", Temperature);
        Check(TopK >= 0, nameof(TopK), "at least 0", TopK);
        Check(TopP is > 0 and <= 1, nameof(TopP), "above 0, at most 1", TopP);
        Check(MinP is >= 0 and <= 1, nameof(MinP), "0 to 1", MinP);
        Check(TypicalP is > 0 and <= 1, nameof(TypicalP), "above 0, at most 1", TypicalP);
        Check(float.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, nameof(RepetitionPenalty), "a number above 0", RepetitionPenalty);
        Check(float.IsFinite(PresencePenalty), nameof(PresencePenalty), "a finite number", PresencePenalty);
        Check(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), "a finite number", FrequencyPenalty);
        Check(PenaltyWindow is null or >= 0, nameof(PenaltyWindow), "at least 0", PenaltyWindow);
        foreach (var (token, bias) in LogitBias)
        {
            Check(
                token >= 0 && !float.IsNaN(bias) && bias < float.PositiveInfinity, nameof(LogitBias), "ids with finite numbers",
                (token, bias));
        }
    }

    static void Check<T>(bool holds, string option, string expected, T got)
    {
        if (!holds) throw new ArgumentException($"The sampling option {option} is {got}; expected {expected}.", option);
    }
}
