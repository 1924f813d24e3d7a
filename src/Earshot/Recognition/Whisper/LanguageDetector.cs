using Earshot.Compute.Runtimes;
using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>Tells the language of a window from what the model would write first.</summary>
public static class LanguageDetector
{
    static readonly int[] s_first = [0];

    /// <summary>
    /// Runs the start-of-transcript token alone and compares the language tokens; the generation is left for a new start.
    /// </summary>
    /// <exception cref="ModelException">The model is English-only, and so knows no languages.</exception>
    public static async ValueTask<LanguageDetection> DetectAsync(
        Generation generation, WhisperTokenizer tokenizer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(generation);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (!tokenizer.IsMultilingual || tokenizer.Languages.Count == 0)
            throw new ModelException(
                "This model is English-only and cannot tell languages apart. " +
                "Use a multilingual checkpoint, one whose name does not end in '.en'.");

        var logits = new float[generation.VocabSize];
        await generation.PromptAsync(new[] { tokenizer.StartOfTranscript }, s_first, logits, cancellationToken).ConfigureAwait(false);
        var languages = new float[tokenizer.Languages.Count];
        for (int i = 0; i < languages.Length; i++) languages[i] = logits[tokenizer.LanguageToken(tokenizer.Languages[i])];

        float normalizer = Logits.LogSumExp(languages);
        int best = Logits.ArgMax(languages);
        var probabilities = new Dictionary<string, float>(languages.Length);
        for (int i = 0; i < languages.Length; i++) probabilities[tokenizer.Languages[i]] = MathF.Exp(languages[i] - normalizer);
        var language = tokenizer.Languages[best];
        return new LanguageDetection(language, probabilities[language], probabilities);
    }
}
