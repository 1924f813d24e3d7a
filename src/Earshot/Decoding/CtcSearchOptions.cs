using Earshot.Decoding.Ngrams;

namespace Earshot.Decoding;

/// <summary>How a CTC model's text is searched among several hypotheses; the defaults are pyctcdecode's.</summary>
public sealed record CtcSearchOptions
{
    /// <summary>Hypotheses kept.</summary>
    public int BeamSize { get; init; } = 100;

    /// <summary>A language model of words; null for none.</summary>
    public NgramModel? LanguageModel { get; init; }

    /// <summary>What the language model's log-probability is multiplied by.</summary>
    public float LanguageModelWeight { get; init; } = 0.5f;

    /// <summary>What each word gains beside the language model's probability, so that short words are not avoided.</summary>
    public float WordScore { get; init; } = 1.5f;

    /// <summary>Words to expect, each for itself.</summary>
    public IReadOnlyList<string> Hotwords { get; init; } = [];

    /// <summary>What a hotword gains; with 10 and more, short ones appear where nobody said them.</summary>
    public float HotwordBoost { get; init; } = 5;

    /// <summary>Hypotheses whose score is lower than the best one's by more than this are dropped.</summary>
    internal float PruneLogprob { get; init; } = -10;

    /// <summary>Tokens less likely are not looked at.</summary>
    internal float LeastTokenLogprob { get; init; } = -5;

    /// <summary>What a word that the language model does not know gains: less than nothing.</summary>
    internal float UnknownScore { get; init; } = -10;

    /// <summary>Letters of the shortest hotword that counts.</summary>
    internal int LeastHotwordLength { get; init; } = 3;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        Require(BeamSize is >= 1 and <= 4096, nameof(BeamSize), $"is {BeamSize}; expected 1 to 4096");
        Require(LanguageModelWeight is >= 0 and <= 100, nameof(LanguageModelWeight), $"is {LanguageModelWeight}; expected 0 to 100");
        Require(WordScore is >= -100 and <= 100, nameof(WordScore), $"is {WordScore}; expected -100 to 100");
        Require(HotwordBoost is >= 0 and <= 100, nameof(HotwordBoost), $"is {HotwordBoost}; expected 0 to 100");
    }

    static void Require(bool holds, string option, string what)
    {
        if (!holds) throw new ArgumentException($"The search option {option} {what}.", option);
    }
}
