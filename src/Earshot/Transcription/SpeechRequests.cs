using Earshot.Decoding;
using Earshot.Tokenizers;
using Microsoft.Extensions.AI;

namespace Earshot.Transcription;

/// <summary>What a .NET speech-to-text request asks for, in our terms.</summary>
static class SpeechRequests
{
    /// <exception cref="ModelException">The request names another model.</exception>
    public static void RequireModel(SpeechToTextOptions options, string served)
    {
        if (options.ModelId is { Length: > 0 } model && !string.Equals(model, served, StringComparison.OrdinalIgnoreCase))
            throw new ModelException(
                $"The request asks for the model '{model}', this client serves '{served}'. " +
                "Leave the model out, or use a client made for it.");
    }

    /// <summary>The task that writes a language: models write the language spoken, or English.</summary>
    /// <param name="textLanguage">What is to be written, by code or English name.</param>
    /// <param name="spoken">The code of what is spoken; null where it is not known.</param>
    /// <exception cref="ModelException">The text cannot be had in that language.</exception>
    public static SpeechTask TaskFor(string textLanguage, string? spoken)
    {
        var written = WhisperLanguages.Parse(textLanguage);
        if (written == spoken) return SpeechTask.Transcribe;
        if (written == "en") return SpeechTask.Translate;
        if (spoken is null)
        {
            throw new ModelException(
                $"Text in '{written}' was asked for without saying what is spoken; set SpeechLanguage to the same language, " +
                "or TextLanguage to 'en' to translate.");
        }
        throw new ModelException($"Speech in '{spoken}' cannot be written in '{written}': Whisper translates into English only.");
    }
}
