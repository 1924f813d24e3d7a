using Earshot.Decoding;
using Earshot.Models;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>What a checkpoint was trained to do, told by its sizes.</summary>
public static class WhisperCapabilities
{
    /// <summary>Checks that a model can do a task in a language, and returns the language's code (null: detect it).</summary>
    /// <exception cref="ModelException">It cannot; the message says why, and what to use.</exception>
    public static string? Require(WhisperConfig config, WhisperTokenizer tokenizer, SpeechTask task, string? language)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (task == SpeechTask.Translate && WhyNoTranslation(config) is { } reason)
            throw new ModelException(
                $"This model cannot translate: {reason} Use a multilingual checkpoint that was trained to translate, such as medium, " +
                "large-v2 or large-v3, or transcribe and translate the text.");
        var code = string.IsNullOrWhiteSpace(language) ? null : WhisperLanguages.Parse(language);
        if (!config.IsMultilingual)
        {
            if (code is not (null or "en"))
                throw new ModelException(
                    $"This model is English-only and cannot transcribe {WhisperLanguages.NameOf(code)} ({code}). " +
                    "Use a multilingual checkpoint, one whose name does not end in '.en', or leave the language out.");
            return "en";
        }
        if (code is not null) tokenizer.LanguageToken(code);
        return code;
    }

    /// <summary>Why a model cannot translate; null where it can.</summary>
    public static string? WhyNoTranslation(WhisperConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (!config.IsMultilingual) return "it is English-only.";
        // All models that were trained to translate have as many decoder layers as encoder layers.
        if (config.DecoderLayers >= config.EncoderLayers) return null;
        return config.DecoderLayers == 4 && config.EncoderLayers == 32
            ? "it is large-v3-turbo (32 encoder layers, 4 decoder layers), which was fine-tuned on transcription alone and writes the " +
                "spoken language even when asked for English."
            : $"it is a distilled model ({config.EncoderLayers} encoder layers, {config.DecoderLayers} decoder layers), " +
                "and those are trained on transcription alone.";
    }
}
