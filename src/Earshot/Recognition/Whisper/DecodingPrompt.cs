using Earshot.Decoding;
using Earshot.Tokenizers;

namespace Earshot.Recognition;

/// <summary>
/// The tokens that decoding begins with: <c>[startofprev, hotwords, previous text] startoftranscript, language, task
/// [notimestamps] [prefix]</c>. What precedes the start of the transcript takes at most half the context, and so does
/// the prefix with the tokens around it.
/// </summary>
sealed record DecodingPrompt(int[] Tokens, int StartOfTranscriptIndex)
{
    public static DecodingPrompt For(DecodingOptions options, WhisperTokenizer tokenizer, int contextLength)
    {
        var tokens = new List<int>();
        int room = (contextLength / 2) - 1;
        if (options.Hotwords is { } hotwords && string.IsNullOrWhiteSpace(options.Prefix) && !string.IsNullOrWhiteSpace(hotwords))
            tokens.AddRange(Head(tokenizer.Encode(" " + hotwords.Trim()), room));
        int previous = Math.Min(options.Prompt.Length, room - tokens.Count);
        tokens.AddRange(options.Prompt.Span[^previous..]);
        if (tokens.Count > 0) tokens.Insert(0, tokenizer.StartOfPrevious);

        int start = tokens.Count;
        AddStartOfTranscript(tokens, options, tokenizer);
        if (options.WithoutTimestamps == true) tokens.Add(tokenizer.NoTimestamps);
        if (!string.IsNullOrWhiteSpace(options.Prefix))
            tokens.AddRange(Head(tokenizer.Encode(" " + options.Prefix.Trim()), (contextLength / 2) - (tokens.Count - start) - 1));
        return new DecodingPrompt([.. tokens], start);
    }

    /// <summary>The start of the transcript, and in multilingual models the language and the task.</summary>
    public static void AddStartOfTranscript(List<int> tokens, DecodingOptions options, WhisperTokenizer tokenizer)
    {
        tokens.Add(tokenizer.StartOfTranscript);
        if (!tokenizer.IsMultilingual) return;
        if (options.Language is null)
            throw new ModelException("A multilingual model needs to know the language to decode. Give one, or detect it first.");
        tokens.Add(tokenizer.LanguageToken(options.Language));
        tokens.Add(options.Task == SpeechTask.Translate ? tokenizer.Translate : tokenizer.Transcribe);
    }

    static int[] Head(int[] tokens, int most) => tokens.Length > most ? tokens[..most] : tokens;
}
